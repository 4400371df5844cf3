"""Curves by rule, and their rows at one number of shots."""

import numpy as np
import pandas as pd
from conftest import made_up_outcomes

from talo_mini.analysis import shots_curve
from talo_mini.analysis.curves import at_shots, curves_of_rules
from talo_mini.analysis.significance import false_discovery

PART = "self-attention"


def test_a_curve_for_each_rule_and_one_of_the_tasks_above_chance():
    rng = np.random.default_rng(0)
    base = {"see a": rng.random(60) < 0.7, "see b": rng.random(60) < 0.1}
    knocked = {task: rng.random((60, 3)) < 0.6 for task in base}
    outcomes = made_up_outcomes(base, knocked)
    curves = curves_of_rules(outcomes, [2, 10], PART, 15, seed=4)
    able = outcomes[outcomes.task == "see a"]
    wanted = {
        "best rule": shots_curve(outcomes, [2, 10], PART, 15, 4),
        "released rule": shots_curve(outcomes, [2, 10], PART, 15, 4, "released"),
        "best rule, tasks above chance": shots_curve(able, [2, 10], PART, 15, 4),
    }
    assert list(curves) == list(wanted)
    for name, curve in wanted.items():
        pd.testing.assert_frame_equal(curves[name], curve)
    assert not curves["best rule"].equals(curves["released rule"])
    lost = curves_of_rules(outcomes[outcomes.task == "see b"], [2], PART, 5)
    assert list(lost["best rule, tasks above chance"].tasks) == [0]


def test_rows_at_one_number_of_shots_are_corrected_together():
    curve = pd.DataFrame(dict(shots=[1, 5], delta=[0.1, 0.2], p=[0.5, 0.04]))
    curves = {"one": curve, "two": curve.assign(p=[0.01, 0.03])}
    table = at_shots(curves, 5)
    assert list(table.name) == ["one", "two"] and list(table.shots) == [5, 5]
    assert list(table.q) == list(false_discovery([0.04, 0.03], [0.2, 0.2]))
    falls = at_shots(curves | {"three": curve.assign(delta=-curve.delta)}, 5)
    assert list(falls.q) == list(false_discovery(falls.p, falls.delta))
