import numpy as np
import pandas as pd
import pytest

from talo_mini.analysis.methods import method_curves, method_differences
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
