"""Tables of other seeds: whole, small, and analysed like any sweep."""

from pathlib import Path

import pandas as pd
import pytest

from talo_mini import BadInput, interaction_vectors, load_benchmark, sweep
from talo_mini.minis import tables
from talo_mini.minis.tables import (
    CHECKPOINTS,
    compact,
    load_harder_tables,
    load_tables,
    write,
)
from talo_mini.minis.trainer import STEPS
from talo_mini.models import MINIS
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
    base = whole.part == "base"
    assert list(read.question[read.part == "base"]) == list(whole.question[base])
    together = read.question != read.question.shift()
    assert together.sum() == read.question.nunique() == 4


def test_a_checkpoint_that_was_not_trained_is_told(tmp_path):
    with pytest.raises(BadInput, match=r"train it first: .* llava-mini --seed 7"):
        write(tmp_path / "llava-mini-seed-7" / "trained", tmp_path, 4, str(tmp_path))


def test_four_seeds_are_followed_through_their_training_and_three_of_the_pretrained():
    own = [steps for run, steps in CHECKPOINTS.items() if run.startswith("llava")]
    pretrained = [steps for run, steps in CHECKPOINTS.items() if run.startswith("smollm")]
    assert sorted(map(len, own)) == [1, 1, 4, 4, 4, 4] and set(map(len, pretrained)) == {3}


def test_tables_of_one_mini_are_told_apart():
    folder = Path(__file__).resolve().parents[2] / "book" / "data" / "seeds"
    runs = {run for run, _ in load_tables(folder, "smollm-mini")}
    assert runs == {run for run in CHECKPOINTS if run.startswith("smollm")}
    with pytest.raises(BadInput, match="no table of another run of qwen2vl-mini"):
        load_tables(folder, "qwen2vl-mini")


def test_only_some_tasks_are_read():
    folder = Path(__file__).resolve().parents[2] / "book" / "data" / "seeds"
    some, every = (load_tables(folder, "smollm-mini", tasks) for tasks in (["count_all"], None))
    assert set(some) == set(every)
    for key, own in every.items():
        own = own[own.task == "count_all"].reset_index(drop=True)
        pd.testing.assert_frame_equal(some[key].reset_index(drop=True), own, check_dtype=False)
    assert load_tables(folder, "smollm-mini", ["no such task"]) == {}


def test_an_adapted_checkpoint_is_put_together_first(tmp_path, monkeypatch):
    folder = tmp_path / "smollm-mini" / "step-750"
    folder.mkdir(parents=True)
    (folder / "learned.safetensors").touch()
    asked = []

    def put_together(learned, name):
        asked.append((learned, name))
        return tmp_path / "nowhere"

    monkeypatch.setattr(tables, "put_together", put_together)
    with pytest.raises(BadInput, match="holds no checkpoint"):
        write(folder, tmp_path, 4, str(tmp_path))
    assert asked == [(folder, "smollm-mini-step-750")]


def test_a_folder_without_tables_is_told(tmp_path):
    with pytest.raises(BadInput, match=r"python -m talo_mini.minis.tables writes them"):
        load_tables(tmp_path)


def test_harder_pictures_stand_in_a_folder_of_their_own(tmp_path, monkeypatch):
    run = tmp_path / "llava-mini-seed-5" / "step-300"
    run.parent.mkdir()
    run.symlink_to(MINIS / "llava-mini")
    monkeypatch.setattr(tables, "PARTS", ("head 1",))
    place, cache = tmp_path / "seeds", str(tmp_path / "cache")
    plain = write(run, place, 1, cache)
    harder = write(run, place, 1, cache, "mini-worlds-noisy")
    assert plain == place / "llava-mini-seed-5-step-300.parquet"
    assert harder == place / "mini-worlds-noisy" / plain.name
    assert [key for key in load_tables(place)] == [("llava-mini-seed-5", 300)]
    (table,) = load_tables(place / "mini-worlds-noisy").values()
    assert set(table.benchmark) == {"mini-worlds-noisy"} and set(table.part) == {"base", "head 1"}


def test_two_runs_are_followed_on_every_harder_set():
    folder = Path(__file__).resolve().parents[2] / "book" / "data" / "seeds"
    wanted = {(f"llava-mini-seed-{seed}", step) for seed in (5, 6) for step in (300, 750, 1500)}
    wanted |= {(f"llava-mini-seed-{seed}", STEPS) for seed in (5, 6)}
    for worlds in ("noisy", "shifted", "composed"):
        found = load_tables(folder / f"mini-worlds-{worlds}")
        assert set(found) == wanted
        assert {table.benchmark.iloc[0] for table in found.values()} == {f"mini-worlds-{worlds}"}


def test_the_tables_that_ship_are_those_of_the_command():
    shipped = load_tables(Path(__file__).resolve().parents[2] / "book" / "data" / "seeds")
    wanted = {(name, step) for name, steps in CHECKPOINTS.items() for step in steps}
    names = {(run, "trained" if step == STEPS else f"step-{step}") for run, step in shipped}
    assert names == wanted


def test_tables_of_several_harder_sets_are_told_apart():
    folder = Path(__file__).resolve().parents[2] / "book" / "data" / "seeds"
    worlds = ["mini-worlds-shifted", "mini-worlds-noisy"]
    found = load_harder_tables(folder, worlds, "llava-mini", ["count_all"])
    assert list(dict.fromkeys(name for name, _, _ in found)) == worlds
    for name in worlds:
        there = load_tables(folder / name, "llava-mini", ["count_all"])
        assert [key[1:] for key in found if key[0] == name] == list(there)
        for key, table in there.items():
            pd.testing.assert_frame_equal(found[(name, *key)], table)
