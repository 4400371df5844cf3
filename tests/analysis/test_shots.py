import numpy as np
import pandas as pd
import pytest
from conftest import made_up_outcomes

from talo_mini import talo_gains
from talo_mini.analysis import shots_curve
from talo_mini.analysis.room import roomy_gains
from talo_mini.analysis.shots import (
    at_shots,
    curves_of_rules,
    difference_of_rules,
    rule_curves,
    rules_with_room,
    shots_within,
)
from talo_mini.analysis.significance import false_discovery, mean_interval
from talo_mini.analysis.talo import mean_gain
from talo_mini.errors import BadInput

PART = "self-attention"
RULES = {"any": dict(rule="best"), "sure": dict(rule="cautious", level=0.01)}


@pytest.fixture(scope="module")
def outcomes():
    """Three tasks, half right; without layer 1 more and more of a task is."""
    right = np.arange(60) % 2 == 0
    knocked = {}
    for number, task in enumerate(("a", "b", "c")):
        knocked[task] = np.tile(right[:, None], (1, 3))
        knocked[task][: 20 * number, 1] = True
    return made_up_outcomes(dict.fromkeys(knocked, right), knocked)


def test_the_curve_of_every_rule_and_form_is_its_own(outcomes):
    sweeps = {"direct": outcomes, "choice": outcomes[outcomes.task != "a"]}
    table = rule_curves(sweeps, RULES, [5, 20], PART, 8, 3)
    assert list(table.columns[:3]) == ["form", "rule", "shots"]
    assert list(table.form) == 4 * ["direct"] + 4 * ["choice"]
    assert list(table.rule) == 2 * ["any", "any", "sure", "sure"]
    for (form, rule), own in table.groupby(["form", "rule"]):
        alone = shots_curve(sweeps[form], [5, 20], PART, 8, 3, **RULES[rule])
        assert own.drop(columns=["form", "rule"]).equals(alone)
    acted = table.set_index(["form", "rule", "shots"]).acted
    assert acted["direct", "sure", 5] < acted["direct", "any", 5]


def test_what_one_rule_gains_more_than_another(outcomes):
    found = difference_of_rules(outcomes, *RULES.values(), PART, 5, 8, 3)
    anyway, sure = (
        talo_gains(outcomes, PART, 5, 8, 3, **options).delta for options in RULES.values()
    )
    assert found["delta"] == pytest.approx((anyway - sure).mean()) and found["delta"] > 0.05
    assert (found["low"], found["high"]) == pytest.approx(mean_interval(anyway - sure))
    assert found["tasks"] == 3
    mirrored = difference_of_rules(outcomes, *reversed(RULES.values()), PART, 5, 8, 3)
    assert mirrored["delta"] == -found["delta"]


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


def test_shots_leave_half_of_the_questions():
    assert shots_within([1, 5, 12, 13], 24) == [1, 5, 12]
    with pytest.raises(BadInput, match=r"of 24 questions a task at most 12 can choose"):
        shots_within([13, 20], 24)


def test_rules_are_compared_on_the_tasks_that_other_pictures_picked():
    rng = np.random.default_rng(0)
    base = {f"see {i}": rng.random(80) < 0.6 for i in range(3)}
    helped = {task: rng.random((80, 3)) < [0.6, 0.6, 0.9] for task in base}
    outcomes = made_up_outcomes(base, helped)
    lost = outcomes.assign(correct=False)
    sweeps = {"m": outcomes, "none": lost}
    table = rules_with_room(sweeps, ["best", "cautious"], [5, 15], PART, 6)
    assert list(table.name) == ["m"] * 4 and list(table.shots) == [5, 15, 5, 15]
    gains = roomy_gains(outcomes, PART, 15, 6, rule="cautious")
    last = table.iloc[3]
    assert last["rule"] == "cautious" and last.tasks == gains.task.nunique() == 3
    assert last[["delta", "low", "high", "p"]].to_dict() == mean_gain(gains)
    assert last.delta < table.delta[1]  # who waits to be sure gains less where all is true
    assert list(table.q) == list(false_discovery(table.p, table.delta))
    nothing = rules_with_room({"none": lost}, ["best"], [2], PART, 6)
    assert nothing.empty and {"name", "rule", "shots", "delta", "q"} <= set(nothing)
