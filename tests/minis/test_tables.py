"""Tables of other seeds: whole, small, and analysed like any sweep."""

from pathlib import Path

import pandas as pd
import pytest

from talo_mini import BadInput, interaction_vectors, load_benchmark, sweep
from talo_mini.minis.tables import CHECKPOINTS, compact, load_tables, write
from talo_mini.minis.trainer import STEPS
from talo_mini.outcomes import check_outcomes


def test_a_compact_table_is_analysed_like_the_whole(tiny, tmp_path):
    benchmark = load_benchmark("mini-worlds", tasks=["object_colour"], per_task=4, form="direct")
    whole = sweep(tiny, benchmark)
    path = tmp_path / "table.parquet"
    compact(whole, "m", 300).to_parquet(path, index=False)
    ((key, read),) = load_tables(tmp_path).items()
    assert key == ("m", 300) and check_outcomes(read) is read
    pd.testing.assert_frame_equal(interaction_vectors(read), interaction_vectors(whole))
    assert set(read.model) == {"m"} and read.scores.map(len).max() == 0


def test_a_checkpoint_that_was_not_trained_is_told(tmp_path):
    with pytest.raises(BadInput, match=r"train it first: .* llava-mini --seed 7"):
        write(tmp_path / "llava-mini-seed-7" / "trained", tmp_path, 4, str(tmp_path))


def test_two_seeds_are_followed_through_their_training():
    assert len(CHECKPOINTS) == 4
    assert sorted(map(len, CHECKPOINTS.values())) == [1, 1, 4, 4]


def test_a_folder_without_tables_is_told(tmp_path):
    with pytest.raises(BadInput, match=r"python -m talo_mini.minis.tables writes them"):
        load_tables(tmp_path)


def test_the_tables_that_ship_are_those_of_the_command():
    shipped = load_tables(Path(__file__).resolve().parents[2] / "book" / "data" / "seeds")
    wanted = {(name, step) for name, steps in CHECKPOINTS.items() for step in steps}
    names = {(run, "trained" if step == STEPS else f"step-{step}") for run, step in shipped}
    assert names == wanted
