"""The explorer's cells are the interaction vectors of the package, its bits the outcomes."""

import gzip
import io
import json
import shutil

import explorer
import numpy as np
import outcomes
import pandas as pd
import pytest
from PIL import Image

from talo_mini import interaction_vectors, load_benchmark, load_vlm, sweep
from talo_mini.analysis.vectors import has_room, task_accuracy
from talo_mini.minis.difficulty import of_training_half

TASKS = ["object_colour", "map_west"]


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", TASKS, per_task=12)


@pytest.fixture(scope="module")
def table(tiny, benchmark):
    return outcomes.wide(tiny, benchmark)


def test_the_wide_table_holds_what_a_sweep_found(tiny, benchmark, table):
    assert len(table) == len(benchmark.questions) == 2 * 2 * 12
    assert list(table)[:8] == [
        *("question", "task", "ability", "trained", "form", "blind", "informed", "base")
    ]
    for form in benchmark.forms:
        own = sweep(tiny, benchmark.subset(form=form), ["mlp"])
        for layer in (0, 3):
            rows = own[(own.part == "mlp") & (own.layer == layer)].set_index("question").correct
            found = table[table.form == form].set_index("question")[f"mlp, {layer}"]
            assert (found == rows.loc[found.index]).all()


def test_the_parts_of_a_model_are_those_it_has(tiny):
    heads = [f"head {head}" for head in range(4)]
    assert outcomes.parts_of(tiny) == ("self-attention", "mlp", "layer", *heads)
    crossed = outcomes.parts_of(load_vlm("mllama-mini"))
    assert set(heads) < set(crossed) and "cross-attention" in crossed
    assert "cross-attention head 3" in crossed


@pytest.mark.parametrize(
    ("testbed", "name"),
    [("mini-worlds", "tiny"), ("mini-worlds-noisy", "tiny-on-mini-worlds-noisy")],
)
def test_the_command_names_a_table_after_model_and_testbed(
    tiny, monkeypatch, tmp_path, testbed, name
):
    monkeypatch.setattr(outcomes, "load_vlm", lambda mini: tiny)
    monkeypatch.setattr(outcomes, "CACHE", tmp_path)
    path = outcomes.write("tiny", testbed, tmp_path / "tables", per_task=1)
    assert path == tmp_path / "tables" / f"{name}.parquet"
    table = pd.read_parquet(path)
    assert len(table) == 2 * table.task.nunique() and "layer, 3" in table


def test_cells_are_interaction_vectors(tiny, benchmark, table):
    cells = explorer.evidence(table)
    assert len(cells) == 2 * 2 * 4 * len(outcomes.parts_of(tiny))
    for form in benchmark.forms:
        for part in ("self-attention", "layer", "head 2"):
            wanted = interaction_vectors(sweep(tiny, benchmark.subset(form=form), [part]), part)
            own = cells[(cells.form == form) & (cells.part == part)]
            both = wanted.merge(own, on=["task", "layer"], suffixes=("", "_own"))
            assert len(both) == len(wanted) == len(own)
            for column in ("base", "accuracy", "delta", "low", "high", "p", "informed"):
                assert np.allclose(both[column], both[f"{column}_own"]), column
            assert (both.room == has_room(both, "base", "base_low")).all()


def test_the_published_table_has_every_cell_and_bit():
    published = pd.read_parquet(outcomes.TABLE)
    bits = explorer.right_bits(published)
    assert len(bits) == 84
    for key, columns in bits.items():
        task, form = key.split(", ")
        own = published[(published.task == task) & (published.form == form)]
        assert len(columns) == 1 + len(explorer.knockouts(published))
        assert columns["head 3, 0"].count("1") == own["head 3, 0"].sum()
        assert {len(one) for one in columns.values()} == {200}


def test_a_table_without_heads_or_layers_has_its_own_cells_and_q(table):
    few = table[[name for name in table if not name.startswith(("head", "layer"))]]
    cells = explorer.evidence(few)
    assert set(cells.part) == {"self-attention", "mlp"} and len(cells) == 2 * 2 * 4 * 2
    every = explorer.evidence(table)
    own = every[every.part.isin(["self-attention", "mlp"])].reset_index(drop=True)
    assert np.allclose(cells.p, own.p) and (cells.room == own.room).all()
    # q is over the rows of a table, so that it depends on how many there are
    assert np.allclose(cells.q, explorer.false_discovery(cells.p, cells.delta))


def test_a_table_of_outcomes_is_widened_as_the_command_writes_it(tiny, benchmark, table):
    long = sweep(tiny, benchmark, outcomes.parts_of(tiny))
    found = outcomes.widened(long).set_index("question").loc[table.question].reset_index()
    pd.testing.assert_frame_equal(found, table.drop(columns="trained"), check_dtype=False)


def test_each_published_table_is_named_and_its_questions_are_those_of_the_pictures():
    names = set()
    for about, outcomes_ in explorer.published():
        names.add(about["name"])
        assert about["model"] and about["testbed"].startswith("mini worlds")
        for _, own in outcomes_.groupby(["task", "form"]):
            numbers = own.question.str.split("/").str[1].astype(int)
            assert list(numbers) == list(range(len(own)))
    files = [*explorer.FOLDER.glob("*.parquet"), *explorer.SEEDS.rglob("*.parquet")]
    assert len(names) == len(files)


def test_whatever_lies_in_the_folder_is_shown(monkeypatch, tmp_path, table):
    """Tables of several models and testbeds; a testbed's pictures are drawn once."""
    folder, built, seeds = (tmp_path / name for name in ("tables", "built", "seeds"))
    for place in (folder, built, seeds):
        place.mkdir()
    shutil.copy(explorer.SEEDS / "llava-mini-seed-1-step-300.parquet", seeds)
    harder = "mini-worlds-noisy/llava-mini-seed-5-step-300.parquet"
    (seeds / harder).parent.mkdir()
    shutil.copy(explorer.SEEDS / harder, seeds / harder)
    noisy = "llava-mini-on-mini-worlds-noisy"
    for name in ("b-mini", noisy, "llava-mini"):
        table.to_parquet(folder / f"{name}.parquet")
    found = explorer.published
    monkeypatch.setattr(explorer, "published", lambda: found(folder, seeds))
    explorer.write(built, per_task=3)
    tables = json.loads((built / "evidence" / "tables.json").read_text())
    assert [one["name"] for one in tables[:3]] == ["llava-mini", "b-mini", noisy]
    assert [one["live"] for one in tables[:3]] == [True, False, False]
    assert tables[2]["model"] == "llava-mini" and tables[2]["testbed"] == "mini worlds, noisy"
    assert [(one["group"], one["model"], one["testbed"]) for one in tables[3:]] == [
        ("Other trainings", "llava-mini, seed 1, 300 steps", "mini worlds"),
        ("Other trainings", "llava-mini, seed 5, 300 steps", "mini worlds, noisy"),
    ]
    for one in tables:
        packed = (built / "evidence" / f"{one['name']}.pack").read_bytes()
        assert json.loads(gzip.decompress(packed)).keys() == {"cells", "right"}
    drawn = sorted(path.relative_to(built / "pictures") for path in built.glob("pictures/*/*"))
    known = sorted(task.name for task in load_benchmark("mini-worlds-noisy", per_task=1).tasks)
    wanted = [f"{task}.{kind}" for task in known for kind in ("json", "webp")]
    assert [path.as_posix() for path in drawn] == sorted(
        f"mini-worlds-noisy/{name}" for name in wanted
    )


def test_a_sheet_holds_each_picture_where_the_page_looks_for_it(tmp_path):
    asked = load_benchmark("mini-worlds-composed", ["object_colour"], 23, form="direct")
    explorer.write_pictures(asked.name, ["object_colour"], 23, tmp_path / "drawn")
    sheet = Image.open(io.BytesIO((tmp_path / "drawn" / "object_colour.webp").read_bytes()))
    told = json.loads((tmp_path / "drawn" / "object_colour.json").read_text())
    assert sheet.size == (20 * 64, 2 * 64)
    for number, question in enumerate(asked.questions):
        left, top = 64 * (number % 20), 64 * (number // 20)
        own = np.asarray(sheet.convert("RGB").crop((left, top, left + 64, top + 64)), int)
        assert abs(own - np.asarray(question.image, int)).mean() < 8
        assert told[number] == [question.text, question.options[question.answer]]


def test_a_pretrained_mini_is_asked_about_harder_tasks_with_room(monkeypatch, tmp_path):
    """By pictures of the training half: the published questions do not pick themselves."""
    vlm = load_vlm("llava-mini")
    monkeypatch.setattr(outcomes, "CACHE", tmp_path)
    monkeypatch.setattr(outcomes, "LOOKED_AT", 16)
    monkeypatch.setattr(outcomes, "PRETRAINED", ("half", "whole"))
    training = of_training_half("noisy", outcomes.LOOKED_AT)
    training = training.subset(outcomes.chapter_tasks(), form="direct")
    accuracy = task_accuracy(sweep(vlm, training, parts=()))
    roomy = accuracy.task[has_room(accuracy)]
    assert 0 < len(roomy) < len(accuracy)
    benchmark, parts = outcomes.asked(vlm, "whole", "mini-worlds-noisy", 1)
    assert {question.task for question in benchmark.questions} == set(roomy)
    assert set(benchmark.forms) == {"direct"} and parts == ("self-attention",)
    benchmark, parts = outcomes.asked(vlm, "whole", "mini-worlds", 1)
    assert [task.name for task in benchmark.tasks] == outcomes.chapter_tasks()
    assert set(benchmark.forms) == {"direct", "choice"} and parts == ("self-attention",)
    assert "head 8" in outcomes.asked(vlm, "half", "mini-worlds", 1)[1]
