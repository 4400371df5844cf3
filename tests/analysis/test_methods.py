import numpy as np
import pandas as pd
import pytest

from talo_mini.analysis.methods import (
    in_each_place,
    method_curves,
    method_differences,
    shots_ahead,
    spread_of_draws,
)
from talo_mini.analysis.significance import false_discovery, mean_interval, mean_p


def made_up(tasks=6, draws=3, seed=0):
    """Runs in which "good" gains 10 points more than "plain" on every task, and takes thrice."""
    rng, rows = np.random.default_rng(seed), []
    for task in range(tasks):
        own = rng.normal(0, 0.05)
        for draw in range(draws):
            for shots in (10, 20):
                for method, more in (("plain", 0.0), ("good", 0.1)):
                    delta = own + more + rng.normal(0, 0.01)
                    row = dict(task=f"t{task}", draw=draw, shots=shots, method=method)
                    rows.append(row | dict(delta=delta, seconds=3.0 if more else 1.0))
    return pd.DataFrame(rows)


def test_curves_are_means_over_tasks_whatever_the_draws():
    runs = made_up()
    found = method_curves(runs).set_index(["method", "shots"])
    by_task = runs.query("method == 'good' and shots == 10").groupby("task").delta.mean()
    row = found.loc["good", 10]
    assert row.delta == pytest.approx(by_task.mean()) and row.tasks == 6
    assert (row.low, row.high) == mean_interval(by_task)
    assert row.seconds == 3.0


def test_differences_are_paired_by_task_and_corrected_over_the_table():
    runs = made_up()
    found = method_differences(runs, "plain")
    assert list(found.shots) == [10, 20] and set(found.method) == {"good"}
    assert found.delta.to_numpy() == pytest.approx([-0.1, -0.1], abs=0.02)
    assert (found.high < 0).all() and (found.times_longer == 3).all()
    assert list(found.q) == list(false_discovery(found.p, found.delta))
    pairs = runs[runs.shots == 10].groupby(["method", "task"]).delta.mean()
    assert found.p[0] == pytest.approx(mean_p(pairs["plain"] - pairs["good"]))


def test_a_single_task_tells_nothing():
    found = method_differences(made_up(tasks=1), "plain")
    assert found.p.isna().all() and (found.q == 1).all()


def test_shots_with_which_a_method_is_ahead():
    table = method_differences(made_up(), "plain")
    assert shots_ahead(table, "good") == ([10, 20], [10, 20])
    assert shots_ahead(table.assign(q=[0.01, 0.2]), "good") == ([10, 20], [10])
    assert shots_ahead(table.assign(delta=[0.1, -0.1]), "good") == ([20], [20])
    assert shots_ahead(table, "plain") == ([], [])


def test_each_place_is_measured_by_itself():
    one, other = made_up(seed=0), made_up(seed=1)
    contest = pd.concat([one.assign(where="here"), other.assign(where="there")])
    found = in_each_place(contest, method_differences, "plain")
    for place, runs in (("here", one), ("there", other)):
        own = found[found["where"] == place].drop(columns="where").reset_index(drop=True)
        pd.testing.assert_frame_equal(own, method_differences(runs, "plain"))


def test_the_spread_of_draws():
    runs = made_up(tasks=1).assign(where="here", base=0.5)
    own = runs[(runs.method == "good") & (runs.shots == 10)]
    table = spread_of_draws(runs).set_index(["method", "shots"])
    row = table.loc["good", 10]
    assert len(table) == 4 and row.base == 0.5 and row.seconds == 3.0
    assert row.worst_draw == own.delta.min() < row.delta == own.delta.mean() < row.best_draw
