"""The command line, in one process and in many, and runs that are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from checkpoints import CHECKPOINTS, save_checkpoint
from conftest import made_up_outcomes

import talo_mini.command as command
from talo_mini import BadInput, interaction_vectors, load_benchmark, load_vlm, sweep
from talo_mini.command import processes, showing, sweeping, words
from talo_mini.engine.rows import LIBRARY
from talo_mini.studies.several_models import sweep_each_form

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ["question", "part", "layer", "answer", "correct"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_checkpoint(CHECKPOINTS["llava_next"], tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def expected(folder):
    benchmark = load_benchmark("mini-worlds", tasks=["object_colour", "more"], per_task=4)
    return sweep(load_vlm(folder, device="cpu"), benchmark, parts=["self-attention", "mlp"])


def options(folder, where):
    return [
        "sweep",
        folder,
        "mini-worlds",
        "--tasks",
        "object_colour",
        "more",
        "--per-task",
        "4",
        "--parts",
        "self-attention",
        "mlp",
        "--batch",
        "3",
        "--cache",
        str(where / "cache"),
        "--out",
        str(where / "outcomes.parquet"),
    ]


def test_one_process(folder, expected, tmp_path, capsys):
    command.main(options(folder, tmp_path))
    written = pd.read_parquet(tmp_path / "outcomes.parquet")
    pd.testing.assert_frame_equal(written[COLUMNS], expected[COLUMNS])
    assert written.attrs == dict(source="", left_out=0, malformed=0, libraries=[LIBRARY])
    printed = capsys.readouterr().out
    assert "object_colour" in printed and "144 outcomes in" in printed


def test_a_worker_that_dies_and_is_started_again(folder, expected, tmp_path, monkeypatch, capsys):
    """Two shares, one interrupted midway; no table until all is there; then the table of one
    process.
    """
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    command.main(options(folder, tmp_path))
    assert (
        not (tmp_path / "outcomes.parquet").exists()
        and "72 answers of other processes" in capsys.readouterr().out
    )
    monkeypatch.setenv("RANK", "1")
    real, batches = sweeping.sweep, []

    def dying(vlm, benchmark, **options):
        batches.append(benchmark)
        real(vlm, benchmark.share(0, 2), **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(sweeping, "sweep", dying)
        command.main(options(folder, tmp_path))
    assert not (tmp_path / "outcomes.parquet").exists()
    command.main(options(folder, tmp_path))
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "outcomes.parquet")[COLUMNS], expected[COLUMNS]
    )


def test_a_run_may_end_on_another_number_of_processes(folder, expected, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "5")  # what sbatch tells, whether or not srun starts so many
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "3")
    monkeypatch.setenv("SLURM_PROCID", "2")
    command.main(options(folder, tmp_path))
    monkeypatch.delenv("SLURM_STEP_NUM_TASKS")
    command.main(options(folder, tmp_path))
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "outcomes.parquet")[COLUMNS], expected[COLUMNS]
    )


def test_two_processes_of_torchrun(folder, expected, tmp_path):
    subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--nproc-per-node",
            "2",
            "--master-port",
            "0",
            "-m",
            "talo_mini",
            *options(folder, tmp_path),
        ],
        cwd=tmp_path,
        env=ENVIRONMENT,
        check=True,
        capture_output=True,
        timeout=400,
    )
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "outcomes.parquet")[COLUMNS], expected[COLUMNS]
    )


@pytest.fixture(scope="module")
def many(folder):
    """Options of a run of some seconds, and the table it must end with."""
    benchmark = load_benchmark(
        "mini-worlds", tasks=["object_colour", "more"], per_task=40, form="choice"
    )
    table = sweep(load_vlm(folder, device="cpu"), benchmark, parts=["self-attention", "mlp"])

    def told(where, out="outcomes.parquet"):
        return [
            "sweep",
            folder,
            "mini-worlds",
            "--tasks",
            "object_colour",
            "more",
            "--per-task",
            "40",
            "--form",
            "choice",
            "--parts",
            "self-attention",
            "mlp",
            "--batch",
            "1",
            "--cache",
            str(where / "cache"),
            "--out",
            str(where / out),
        ]

    return told, table


def test_a_worker_killed_under_torchrun_is_started_again(many, tmp_path):
    """SIGKILL to one of two processes midway: the launcher starts both again, and they end with the
    table of one process.
    """
    told, table = many
    launcher = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--nproc-per-node",
            "2",
            "--master-port",
            "0",
            "--max-restarts",
            "1",
            "-m",
            "talo_mini",
            *told(tmp_path),
        ],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while not any((tmp_path / "cache").rglob("*.parquet")):
        assert launcher.poll() is None, launcher.stdout.read()[-2000:]
        time.sleep(0.02)
    first = [
        process.pid
        for process in psutil.Process(launcher.pid).children(recursive=True)
        if "talo_mini" in process.cmdline()
    ]
    os.kill(first[-1], signal.SIGKILL)
    kept = sum(len(pd.read_parquet(path)) for path in (tmp_path / "cache").rglob("*.parquet"))
    printed = launcher.communicate(timeout=400)[0]
    assert launcher.returncode == 0 and "(exitcode: -9)" in printed, printed[-2000:]
    assert len(first) == 2 and 0 < kept < len(table)
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "outcomes.parquet")[COLUMNS], table[COLUMNS]
    )


def test_two_runs_of_the_same_questions_into_one_folder(many, tmp_path):
    told, table = many
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "talo_mini", *told(tmp_path, out)],
            cwd=tmp_path,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for out in ("one.parquet", "other.parquet")
    ]
    for run in runs:
        printed = run.communicate(timeout=400)[0]
        assert run.returncode == 0 and "cannot be used" not in printed, printed[-2000:]
    for out in ("one.parquet", "other.parquet"):
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / out)[COLUMNS], table[COLUMNS])
    assert not list((tmp_path / "cache").rglob("*.corrupt")) and not list(
        (tmp_path / "cache").rglob("*.part")
    )


def test_thirty_kills_lose_and_repeat_nothing(folder, tmp_path):
    """Killed with SIGKILL at random moments, the run ends with the same table, every finished
    answer asked once.
    """
    script = ROOT / "tests" / "command" / "killed_sweeps.py"
    result = subprocess.run(
        [sys.executable, str(script), folder, str(tmp_path), "40"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["killed"] >= 30 and found["same"] and found["corrupt"] == 0
    assert found["kept"] == found["distinct"] == found["whole"]


def test_ctrl_c_says_what_is_kept_and_how_to_go_on(many, tmp_path):
    told, table = many
    run = subprocess.Popen(
        [sys.executable, "-m", "talo_mini", *told(tmp_path)],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that starts the tests in the background lets them ignore it
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    while not any((tmp_path / "cache").rglob("*.parquet")):
        assert run.poll() is None
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    said = run.communicate(timeout=400)[1]
    assert run.returncode == 1 and "Traceback" not in said, said[-2000:]
    assert "is kept in" in said and "the same command goes on from there" in said
    kept = sum(len(pd.read_parquet(path)) for path in (tmp_path / "cache").rglob("*.parquet"))
    assert 0 < kept < len(table)
    command.main(told(tmp_path))
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "outcomes.parquet")[COLUMNS], table[COLUMNS]
    )


def test_the_layers_that_clearly_change_a_task_are_named():
    right, half, wrong = np.full(40, True), np.arange(40) < 20, np.full(40, False)
    table = made_up_outcomes({"see a": half}, {"see a": np.stack([half, right, wrong], axis=1)})
    told = sweeping.told_changes(table, "self-attention").splitlines()
    assert told[0].startswith("self-attention: of 3 knockouts 1 clearly hurt, 1 clearly help")
    assert told[1].startswith("  without layer 1 helps see a: +50.0 points [")
    assert told[2].startswith("  without layer 2 hurts see a: -50.0 points [") and len(told) == 3


def test_each_form_is_told_and_drawn_by_itself(tmp_path, capsys):
    """Together a gain and a loss would be no change at all."""
    half, right, wrong = np.arange(40) < 20, np.full((40, 1), True), np.full((40, 1), False)
    tables = [
        made_up_outcomes({"see a": half}, {"see a": after}).assign(
            form=form, question=lambda t, form=form: t.question + form
        )
        for form, after in (("choice", right), ("direct", wrong))
    ]
    table = pd.concat(tables, ignore_index=True)
    told = sweeping.told_changes(table, "self-attention")
    assert "choice form: of 1 knockouts 0 clearly hurt, 1 clearly help" in told
    assert "direct form: of 1 knockouts 1 clearly hurt, 0 clearly help" in told
    with pytest.raises(BadInput, match="'see a' is asked in 2 forms"):
        interaction_vectors(table)
    table.to_csv(tmp_path / "outcomes.csv", index=False)
    command.main(["vectors", str(tmp_path / "outcomes.csv"), "--out", str(tmp_path / "drawn")])
    names = {path.name for path in (tmp_path / "drawn").iterdir()}
    assert {"self-attention-choice.csv", "self-attention-direct.png"} <= names
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit):
        command.main(["vectors", str(tmp_path / "outcomes.csv"), "--out", str(tmp_path / "file")])
    assert "is no folder that can be made" in capsys.readouterr().err


def test_a_part_of_one_form_alone_is_told_and_drawn_there(tiny, tmp_path, capsys):
    parts = {"choice": ["self-attention"], "direct": ["self-attention", "mlp"]}
    table = sweep_each_form(tiny, load_benchmark("mini-worlds", ["more"], 6), parts)
    table.to_parquet(tmp_path / "outcomes.parquet")
    drawn = tmp_path / "drawn"
    command.main(["vectors", str(tmp_path / "outcomes.parquet"), "--out", str(drawn)])
    told = capsys.readouterr().out
    assert "self-attention, choice form: of" in told and "mlp, direct form: of" in told
    assert "mlp, choice form" not in told
    names = {path.stem for path in drawn.iterdir()}
    assert names == {"self-attention-choice", "self-attention-direct", "mlp-direct"}


def test_no_figure_of_another_table_passes_for_one_of_this(tmp_path, capsys):
    """Likeness is drawn of three tasks, not of the two that a later table has."""
    rng = np.random.default_rng(0)
    tasks = ("see a", "see b", "see c")
    right = {task: rng.random(40) < 0.5 for task in tasks}
    table = made_up_outcomes(right, {task: rng.random((40, 4)) < 0.5 for task in tasks})
    drawn, similarity = tmp_path / "drawn", tmp_path / "drawn" / "self-attention-similarity.png"
    for outcomes, is_drawn in ((table, True), (table[table.task != "see c"], False)):
        outcomes.to_csv(tmp_path / "outcomes.csv", index=False)
        command.main(["vectors", str(tmp_path / "outcomes.csv"), "--out", str(drawn)])
        _, listed = capsys.readouterr().out.split("written:\n")
        assert {Path(line.strip()) for line in listed.splitlines()} == set(drawn.iterdir())
        assert similarity.exists() == is_drawn


def test_names_in_a_csv_stay_as_they_are_written(tmp_path):
    right = np.full(20, True)
    table = made_up_outcomes(
        {"None": right, "01": right}, dict.fromkeys(("None", "01"), right[:, None])
    )
    table.to_csv(tmp_path / "outcomes.csv", index=False)
    assert set(showing.read_outcomes(str(tmp_path / "outcomes.csv")).task) == {"None", "01"}
    for column in ("task", "picture"):
        table.assign(**{column: ""}).to_csv(tmp_path / "outcomes.csv", index=False)
        with pytest.raises(BadInput, match=f"have no {column} in"):
            showing.read_outcomes(str(tmp_path / "outcomes.csv"))


def test_only_the_layers_asked_for_are_swept(folder, expected, tmp_path):
    command.main([*options(folder, tmp_path), "--layers", "1", "--device", "cpu"])
    table = pd.read_parquet(tmp_path / "outcomes.parquet")
    wanted = expected[expected.layer.isin([-1, 1])].reset_index(drop=True)
    pd.testing.assert_frame_equal(table[COLUMNS], wanted[COLUMNS])


def test_bad_input_is_one_sentence_and_status_two(capsys):
    """And told before the model loads."""
    with pytest.raises(SystemExit) as raised:
        command.main(["sweep", "no-such-model", "nothing"])
    assert raised.value.code == 2 and "unknown benchmark 'nothing'" in capsys.readouterr().err


def test_more_processes_than_questions(folder):
    with pytest.raises(BadInput, match="has 4 questions, too few for 9 processes"):
        load_benchmark("mini-worlds", tasks=["more"], per_task=2).share(5, 9)


def test_a_missing_folder_is_named_before_the_sweep(folder, tmp_path):
    with pytest.raises(BadInput, match=r"there is no folder .*results; make it"):
        sweeping.run(
            command.parser().parse_args(
                [*options(folder, tmp_path)[:-1], str(tmp_path / "results" / "x.parquet")]
            )
        )


@pytest.mark.parametrize(
    "out,message",
    [
        ("x.txt", r"end it in .parquet or .csv"),
        ("", r"end it in .parquet or .csv"),
        ("folder.csv", "is a folder; name a file in it"),
        ("questions.csv", "is the file of the questions; write elsewhere"),
    ],
)
def test_a_table_that_cannot_be_written_is_told_before_the_model_loads(tmp_path, out, message):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "questions.csv").write_text("question\n")
    arguments = ["sweep", "no-such-model", str(tmp_path / "questions.csv"), "--out"]
    with pytest.raises(BadInput, match=message):
        sweeping.run(command.parser().parse_args([*arguments, str(tmp_path / out) if out else ""]))


def test_a_csv_is_written_as_one(folder, tmp_path):
    out = tmp_path / "outcomes.csv"
    sweeping.run(command.parser().parse_args([*options(folder, tmp_path)[:-1], str(out)]))
    assert len(pd.read_csv(out)) > 0


@pytest.mark.parametrize("name,value", [("RANK", "a"), ("RANK", "2"), ("WORLD_SIZE", "0")])
def test_a_launcher_that_set_no_number_is_told(monkeypatch, name, value):
    for key, usual in (("RANK", "0"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "0")):
        monkeypatch.setenv(key, value if key == name else usual)
    with pytest.raises(BadInput, match=f"the environment variable {name} is '{value}'"):
        command.process()


def test_every_process_takes_a_gpu_that_it_sees(monkeypatch, tmp_path):
    """Slurm may show each task a single one, whatever its number on the machine."""
    asked = []
    monkeypatch.setattr(processes.torch.cuda, "is_available", lambda: True)

    def load(name, device, *_):
        asked.append(device)
        raise BadInput("far enough")

    monkeypatch.setattr(words, "load_vlm", load)
    for count in (1, 4):
        monkeypatch.setattr(processes.torch.cuda, "device_count", lambda count=count: count)
        for name, value in (("RANK", "3"), ("WORLD_SIZE", "4"), ("LOCAL_RANK", "3")):
            monkeypatch.setenv(name, value)
        with pytest.raises(BadInput, match="far enough"):
            sweeping.run(command.parser().parse_args(options("nobody/nothing", tmp_path)))
    assert asked == ["cuda:0", "cuda:3"]


@pytest.mark.parametrize("template", ["", "\n", "Say: {options}"])
def test_a_prompts_file_that_shows_no_question_is_named(tmp_path, capsys, template):
    path = tmp_path / "own.txt"
    path.write_text(template)
    with pytest.raises(SystemExit) as stop:
        command.main(["sweep", "llava-mini", "mini-worlds", "--prompt", str(path)])
    assert stop.value.code == 2
    told = capsys.readouterr().err
    assert told == f"--prompt {path}: write {{question}} where the question stands in it\n"


def test_a_reader_that_has_seen_enough_is_no_error():
    with subprocess.Popen(
        [sys.executable, "-m", "talo_mini", "models"],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        run.stdout.close()  # as `head` does
        assert run.stderr.read() == "" and run.wait(timeout=100) == 1
