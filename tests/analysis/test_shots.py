import numpy as np
import pytest
from conftest import made_up_outcomes

from talo_mini import talo_gains
from talo_mini.analysis import shots_curve
from talo_mini.analysis.shots import difference_of_rules, rule_curves
from talo_mini.analysis.significance import mean_interval

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
