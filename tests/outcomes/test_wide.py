"""The wide table that ships is a table of outcomes like any other."""

from pathlib import Path

import pandas as pd
import pytest

from talo_mini import BadInput, interaction_vectors, load_benchmark, sweep
from talo_mini.outcomes import check_outcomes
from talo_mini.outcomes.wide import lengthened, load_wide

outcomes = pytest.importorskip("outcomes")  # of notebooks/, which needs papermill
SHIPPED = Path(__file__).resolve().parents[2] / "book" / "data" / "outcomes"


def test_it_is_lengthened_to_what_a_sweep_gives(tiny):
    benchmark = load_benchmark("mini-worlds", ["object_colour", "more"], per_task=6, form="direct")
    wide = outcomes.wide(tiny, benchmark, parts=["self-attention", "head 1"])
    long = lengthened(wide, "tiny", "mini-worlds")
    assert check_outcomes(long) is long
    for part in ("self-attention", "head 1"):
        there = interaction_vectors(sweep(tiny, benchmark, [part]), part)
        here = interaction_vectors(long, part)
        pd.testing.assert_frame_equal(here, there, check_dtype=False)


def test_a_missing_column_is_named():
    with pytest.raises(BadInput, match="no column 'form'"):
        lengthened(pd.DataFrame(dict(question=["a"], task=["t"], ability=["x"])), "m", "b")


def test_the_table_of_the_pretrained_model_holds_every_attention_and_head():
    wide = pd.read_parquet(SHIPPED / "smollm-mini-half.parquet")
    cells = [
        f"{part}, {layer}" for part in ("self-attention", *outcomes.HEADS) for layer in range(30)
    ]
    assert set(cells) == {name for name in wide if ", " in name}
    tasks = outcomes.chapter_tasks()
    assert len(tasks) == 14 and set(wide.task) == set(tasks)
    assert len(wide) == 2 * 200 * len(tasks)


@pytest.mark.parametrize(
    "name,benchmark", [("m", "mini-worlds"), ("m-on-mini-worlds-noisy", "mini-worlds-noisy")]
)
def test_the_first_questions_of_a_file_are_lengthened(tmp_path, name, benchmark):
    about = dict(ability="x", form=["direct", "choice"] * 3, blind=0.25, informed=0.5)
    wide = pd.DataFrame(dict(question=list("abcdef"), task="t", **about))
    wide = wide.assign(**{"base": True, "mlp, 2": [True, False] * 3})
    wide.to_parquet(tmp_path / f"{name}.parquet")
    found = load_wide(tmp_path / f"{name}.parquet", 2)
    pd.testing.assert_frame_equal(found, lengthened(wide[:4], name, benchmark))
    assert set(found.benchmark) == {benchmark} and set(found.model) == {name}
