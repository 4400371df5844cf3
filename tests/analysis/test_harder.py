"""Gains where there is room: benchmark by benchmark, by number of shots, beside all tasks."""

import numpy as np
import pandas as pd
import pytest
from conftest import made_up_outcomes

from talo_mini import talo_gains
from talo_mini.analysis.harder import gains_on_harder, harder_with_room, range_by_shots
from talo_mini.analysis.room import gains_by_standing, gains_with_room, roomy_gains
from talo_mini.analysis.significance import false_discovery

PART = "self-attention"


def answered(able: dict, seed=0, questions=80):
    """Outcomes of tasks that are answered so well; any knockout answers 70%."""
    rng = np.random.default_rng(seed)
    base = {task: rng.random(questions) < share for task, share in able.items()}
    return made_up_outcomes(base, {task: rng.random((questions, 2)) < 0.7 for task in base})


@pytest.fixture(scope="module")
def sweeps():
    """Two benchmarks, the second in two forms of which one has no room."""
    fair = answered({"see a": 0.6, "see b": 0.7})
    lost = answered({"see a": 0.05, "see b": 0.1}, seed=1).assign(form="direct")
    return {"noisy": fair, "easy": pd.concat([fair, lost])}


def test_gains_of_each_benchmark_and_number_of_shots(sweeps):
    table = gains_on_harder(sweeps, PART, [2, 5], 10, seed=1)
    assert list(table.pictures) == ["noisy", "noisy", "easy", "easy"]
    assert list(table.shots) == [2, 5, 2, 5] and set(table.form) == {"choice"}
    (wanted,) = gains_with_room(sweeps["noisy"], PART, 5, 10, 1)
    assert {key: table[key][1] for key in wanted} == wanted
    assert list(table.q) == list(false_discovery(table.p, table.delta))


def test_where_nothing_has_room_there_is_no_row(sweeps):
    lost = sweeps["easy"][sweeps["easy"].form == "direct"]
    table = gains_on_harder({"lost": lost}, PART, [2], 5)
    assert table.empty and {"pictures", "form", "shots", "tasks", "q"} <= set(table.columns)
    assert range_by_shots(table).empty
    assert harder_with_room({"lost": lost}) == {}


def test_outcomes_with_room_by_benchmark_and_form(sweeps):
    roomy = harder_with_room(sweeps)
    assert list(roomy) == ["noisy, choice form", "easy, choice form"]
    assert set(roomy["easy, choice form"].task) == {"see a", "see b"}
    assert set(roomy["easy, choice form"].form) == {"choice"}


def test_means_in_brief():
    gains = pd.DataFrame(
        dict(
            shots=[5, 20, 5, 5],
            tasks=[3, 4, 2, 1],
            delta=[0.1, -0.2, -0.1, 0.3],
            q=[0.01, 0.5, 0.04, 0.06],
        )
    )
    few, many = range_by_shots(gains).to_dict("records")
    wanted = dict(shots=5, means=3, tasks=6, above=1, below=1, lowest=-0.1, highest=0.3)
    assert few == wanted
    wanted = dict(shots=20, means=1, tasks=4, above=0, below=0, lowest=-0.2, highest=-0.2)
    assert many == wanted


def test_gains_on_all_tasks_those_with_room_and_those_above_chance():
    outcomes = answered({"fair": 0.7, "easy": 0.99, "lost": 0.1})
    tables = gains_by_standing(outcomes, PART, 10, 5, 6, seed=2)
    assert list(tables) == ["all tasks", "tasks with room", "tasks above chance"]
    every = talo_gains(outcomes, PART, 10, 6, 2)
    pd.testing.assert_frame_equal(tables["all tasks"], every)
    able = every[every.task.isin(["fair", "easy"])]
    pd.testing.assert_frame_equal(tables["tasks above chance"], able)
    pd.testing.assert_frame_equal(tables["tasks with room"], roomy_gains(outcomes, PART, 5, 6, 2))


def test_tasks_above_chance_are_told_only_where_they_are_fewer():
    tables = gains_by_standing(answered({"easy": 0.99}), PART, 10, 5, 4)
    assert list(tables) == ["all tasks", "tasks with room"] and tables["tasks with room"].empty
