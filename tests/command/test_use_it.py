"""From a folder and a CSV to a layer left out: every command, as a new user would type it."""

import json

import nbformat
import pandas as pd
import pytest
from checkpoints import CHECKPOINTS, save_checkpoint
from drawings import png

from talo_mini import Choice, load_benchmark, load_vlm
from talo_mini.benchmarks.prompts import prompt_key
from talo_mini.command import main
from talo_mini.models.loading import shipped


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A checkpoint, and questions of three categories, two about each picture."""
    place = tmp_path_factory.mktemp("use it")
    save_checkpoint(CHECKPOINTS["idefics3"], place / "model")
    (place / "pictures").mkdir()
    rows = []
    for number in range(24):
        (place / "pictures" / f"{number}.png").write_bytes(png((10 * number, 90, 90)))
        for again in range(2):
            rows.append(
                dict(
                    question=f"which number is it, {again}?",
                    A="one",
                    B="two",
                    C="three",
                    answer="ABC"[(number + again) % 3],
                    image=f"pictures/{number}.png",
                    category=f"kind {number % 3}",
                )
            )
    pd.DataFrame(rows).to_csv(place / "questions.csv", index=False)
    return place


@pytest.fixture
def there(place, monkeypatch):
    monkeypatch.chdir(place)
    return place


@pytest.fixture(scope="module")
def choice(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        main(
            ["choose", "model", "questions.csv", "--parts", "self-attention", "mlp", "--shots", "4"]
        )
        return Choice.load("choice.json")


def test_choose_writes_and_prints_what_it_found(there, choice, capsys):
    assert {task.task for task in choice.tasks} == {"kind 0", "kind 1", "kind 2"}
    assert any(task.layer is not None for task in choice.tasks)
    assert all(task.questions < 16 and task.pictures < 8 for task in choice.tasks)
    main(["evaluate", "model", "questions.csv"])
    assert capsys.readouterr().out.strip() == "\n".join(map(str, choice.tasks))


def test_evaluate_asks_in_the_form_that_chose(there, capsys):
    """Mini worlds have two forms; where none is named it is the choice's, and no other is taken."""
    asked = ["model", "mini-worlds", "--tasks", "more", "--per-task", "8"]
    of_form = [*asked, "--form", "direct", "--shots", "3", "--out", "direct.json"]
    main(["choose", *of_form])
    capsys.readouterr()
    main(["evaluate", *asked, "--choice", "direct.json"])
    assert capsys.readouterr().out.strip() == str(Choice.load("direct.json").tasks[0])
    nowhere = ["evaluate", "no/such/model", *asked[1:], "--choice", "direct.json"]
    told = "the choice was made on questions in the form 'direct', and these are in the form 'cho"
    bad([*nowhere, "--form", "choice"], told, capsys)


def test_export_of_a_choice_and_of_layers(there, choice, capsys):
    task = next(task for task in choice.tasks if task.layer is not None)
    main(["export", "model", "--choice", "choice.json", "--task", task.task, "--out", "smaller"])
    assert f"without {task.part} of layer {task.layer}" in capsys.readouterr().out
    saved, benchmark = load_vlm("./smaller"), load_benchmark("questions.csv", [task.task])
    vlm = load_vlm("./model")
    with choice(vlm, task.task):
        assert saved.generate(benchmark) == vlm.generate(benchmark)
    main(["export", "./model", "--part", "layer", "--layers", "1", "--out", "without"])
    assert "without layer of layer 1" in capsys.readouterr().out
    assert (
        len(load_vlm("./without").anatomy.stacks["decoder"])
        == len(vlm.anatomy.stacks["decoder"]) - 1
    )


def test_a_sweep_and_its_vectors(there, capsys):
    options = ["--parts", "self-attention", "vision: mlp", "--out", "o.csv", "--dtype", "float32"]
    main(["sweep", "model", "questions.csv", *options])
    main(["vectors", "o.csv"])
    told = capsys.readouterr().out
    assert "self-attention: of" in told and "vision: mlp: of" in told
    found = pd.read_csv(there / "vectors" / "vision-mlp.csv")
    assert set(found.task) == {"kind 0", "kind 1", "kind 2"}
    assert (there / "vectors" / "self-attention.png").stat().st_size > 5000
    assert (there / "vectors" / "self-attention.csv").exists()


def test_a_mean_over_a_reference(there, capsys):
    options = ["--effect", "mean", "--reference", "questions.csv", "--layers", "0"]
    main(["sweep", "model", "questions.csv", "--per-task", "3", *options])
    assert pd.read_parquet("outcomes.parquet").effect.str.startswith("mean").sum() == 9


def test_a_reference_is_read_and_asked_as_the_questions_are(there):
    questions = pd.read_csv("questions.csv")
    questions.loc[0, "answer"] = "Z"
    questions.to_csv("a-row-is-wrong.csv", index=False)
    reference = load_benchmark("a-row-is-wrong.csv", prompt="bare", skip_malformed=True)
    options = ["--prompt", "bare", "--skip-malformed", "--per-task", "3", "--layers", "0"]
    options += ["--effect", "mean", "--reference", "a-row-is-wrong.csv", "--out", "mean.parquet"]
    main(["sweep", "model", "questions.csv", *options])
    effect = f"mean {reference.digest} {prompt_key('bare')}"
    assert set(pd.read_parquet("mean.parquet").effect) == {"none", effect}


def test_what_there_is(there, capsys):
    main(["models"])
    assert set(shipped()) <= set(capsys.readouterr().out.split())
    main(["benchmarks"])
    assert "mmstar" in capsys.readouterr().out
    main(["inspect", "model"])
    told = capsys.readouterr().out
    assert "decoder" in told and load_vlm("./model").digest in told


def test_a_notebook_with_ones_own_parameters(there, capsys):
    cells = [
        nbformat.v4.new_code_cell("MODEL = 'a'\nTASKS = None", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("print(MODEL, TASKS)"),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    own = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    nbformat.write(own, there / "own.ipynb")
    main(["notebook", "own.ipynb", "-p", "MODEL", "b", "-p", "TASKS", '["c"]'])
    assert "b ['c']" in (there / "runs" / "own" / "own.html").read_text()
    executed = nbformat.read(there / "runs" / "own" / "own.ipynb", 4)
    assert executed.cells[-1].outputs[0].text == "b ['c']\n"
    bad(
        ["notebook", "own.ipynb", "-p", "MODLE", "b"], "no parameter 'MODLE'; it has: MODEL", capsys
    )
    bad(["notebook", "none"], "no notebook 'none'", capsys)
    bad(["notebook", str(there / "none.ipynb")], "no notebook '", capsys)


def test_a_notebook_is_not_overwritten_by_its_run(there, capsys):
    cells = [nbformat.v4.new_code_cell("MODEL = 'a'", metadata={"tags": ["parameters"]})]
    source, result = there / "mine.ipynb", there / "a result.txt"
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), source)
    before = source.read_text()
    for out in (".", str(there)):
        bad(["notebook", "mine.ipynb", "--out", out], "would overwrite mine.ipynb", capsys)
    result.write_text("x")
    bad(["notebook", "mine.ipynb", "--out", "a result.txt"], "is a file; name a folder", capsys)
    assert source.read_text() == before
    source.write_text("no JSON")
    bad(["notebook", str(source)], "is no notebook", capsys)


def bad(arguments, told, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2 and told in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, told",
    [
        (
            "export M --out e --choice choice.json --task t --layers 3",
            "--layers is what the ch",
        ),
        ("export M --out e --choice choice.json --task t --effect zero", "--effect is what the ch"),
        ("export M --out e --part mlp --layers 0 --task t", "--task is of a file of choices"),
        ("sweep M questions.csv --reference questions.csv", "--reference is for the effect mean"),
        ("sweep M questions.csv --max-new-tokens 3", "--max-new-tokens is of written answers"),
        ("choose M questions.csv --level 0.1", "--level is of the cautious rule; say --rule"),
        ("evaluate M questions.csv --max-new-tokens 3", "--max-new-tokens is of written answers"),
    ],
)
def test_an_option_that_would_change_nothing_is_told(there, choice, capsys, arguments, told):
    """Before the model loads: there is no M."""
    bad(arguments.split(), told, capsys)


def test_what_is_wrong_is_said_in_a_sentence(there, choice, capsys):
    nowhere = ["no/such/model"]
    bad(["choose", *nowhere, "questions.csv", "--shots", "16"], "too few questions", capsys)
    bad(["choose", *nowhere, "questions.csv", "--out", "c.txt"], "end it in .json", capsys)
    bad(["choose", *nowhere, "nothing.csv"], "no file 'nothing.csv'", capsys)
    bad(["evaluate", *nowhere, "questions.csv", "--choice", "none"], "cannot be read", capsys)
    bad(["evaluate", *nowhere, "mini-worlds", "--per-task", "2"], "the choice has no task", capsys)
    bad(["export", *nowhere, "--out", "e"], "--choice and --task, or --part", capsys)
    bad(["export", *nowhere, "--out", "e", "--choice", "choice.json"], "say --task", capsys)
    bad(["export", *nowhere, "--out", "e", "--part", "mlp"], "--layers 3", capsys)
    bad(["export", *nowhere, "--out", ".", "--part", "mlp", "--layers", "0"], "something", capsys)
    bad(["export", "model", "--out", "e", "--part", "mlp", "--layers", "9"], "no layer 9", capsys)
    bad(["vectors", "questions.csv"], "have no column", capsys)
    bad(["vectors", "choice.json"], "are a .parquet or .csv", capsys)
    bad(["inspect", "llava-mini", "--dtype", "int8"], "unknown dtype 'int8'", capsys)
    told = json.loads((there / "choice.json").read_text()) | {"digest": "0" * 16}
    (there / "other.json").write_text(json.dumps(told))
    other = ["--choice", "other.json"]
    bad(["evaluate", "model", "questions.csv", *other], "the choice is of model", capsys)
