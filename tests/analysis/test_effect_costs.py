"""Effects beside the first of them, on vectors made by hand."""

import numpy as np
import pandas as pd
import pytest
from conftest import made_up_outcomes

from talo_mini import interaction_vectors
from talo_mini.analysis import matrix, similarity_ceiling, vector_agreement
from talo_mini.analysis.effect_costs import (
    agreement_and_ceilings,
    agreement_with_first,
    cost_of_effects,
    with_deep_rows,
)
from talo_mini.analysis.significance import mean_interval
from talo_mini.errors import BadInput

PART = "self-attention"
ZERO = [[-0.4, -0.2, 0.0, 0.1], [-0.5, 0.0, 0.1, 0.0], [-0.3, -0.1, 0.2, -0.1]]


def vectors_of(deltas):
    """Vectors of tasks whose base model answers 80%; clear is a change of 30 points or more."""
    rows = [
        dict(task=f"t{task}", layer=layer, delta=delta, q=0.01 if abs(delta) >= 0.3 else 0.5)
        for task, own in enumerate(deltas)
        for layer, delta in enumerate(own)
    ]
    return pd.DataFrame(rows).assign(
        accuracy=lambda t: 0.8 + t.delta,
        base=0.8,
        informed=0.25,
        base_low=0.7,
        accuracy_low=lambda t: t.accuracy - 0.1,
    )


def test_the_cost_of_each_effect_and_what_it_costs_more_than_the_first():
    half = np.array(ZERO) / 2 + np.array([[0.0], [0.04], [0.02]])
    costs = cost_of_effects({"zero": vectors_of(ZERO), "scale 0.5": vectors_of(half)})
    assert list(costs.effect) == ["zero", "scale 0.5"]
    means = np.array([-0.125, -0.1, -0.075])
    assert costs.delta[0] == pytest.approx(-0.1)
    assert (costs.low[0], costs.high[0]) == pytest.approx(mean_interval(means))
    assert list(costs.clearly_hurt) == [3, 0] and list(costs.clearly_help) == [0, 0]
    assert costs.worst[0] == pytest.approx(0.4)
    more = -means / 2 + [0.0, 0.04, 0.02]
    assert np.isnan(costs.beside[0]) and costs.beside[1] == pytest.approx(more.mean())
    ends = costs.beside_low[1], costs.beside_high[1]
    assert ends == pytest.approx(mean_interval(more))
    assert costs[["beside_low", "beside_high"]].iloc[0].isna().all()


def test_vectors_agree_with_the_first_in_all_layers_and_in_the_deep():
    rng = np.random.default_rng(0)
    deep = rng.normal(0, 0.05, (8, 4))
    zero = vectors_of(np.c_[np.full((8, 2), -0.5), deep])
    other = vectors_of(np.c_[np.full((8, 2), -0.4), rng.normal(0, 0.03, (8, 4)) - deep])
    found = agreement_with_first({"zero": zero, "noise 1": other, "mean": zero})
    assert list(found.pair) == ["zero and noise 1", "zero and mean"]
    assert found.delta[0] > 0.9 and found.deep_low[0] < found.deep[0] < -0.6
    assert found.delta[1] == pytest.approx(1) and found.deep[1] == pytest.approx(1)
    wanted = vector_agreement(matrix(zero), matrix(other))
    assert {key: found[key][0] for key in wanted} == wanted
    wanted = vector_agreement(matrix(zero), matrix(other), first=2)
    assert (found.deep_low[0], found.deep_high[0]) == (wanted["low"], wanted["high"])
    assert found.deep_tasks[0] == wanted["tasks"] == 8


def test_agreement_stands_beside_how_well_each_effect_agrees_with_itself():
    rng = np.random.default_rng(0)
    base = {f"see {i}": rng.random(80) < 0.7 for i in range(6)}
    first = made_up_outcomes(base, {task: rng.random((80, 5)) < 0.6 for task in base})
    second = made_up_outcomes(base, {task: rng.random((80, 5)) < 0.4 for task in base})
    table = agreement_and_ceilings({"zero": first, "noise 1": second, "again": first}, PART, 0, 4)
    assert list(table.effect) == ["noise 1"] * 2 + ["again"] * 2
    assert list(table["first"]) == [0, 2, 0, 2]
    vectors = [matrix(interaction_vectors(outcomes)) for outcomes in (first, second)]
    wanted = vector_agreement(*vectors, first=2)
    assert {key: table[key][1] for key in wanted} == wanted
    assert table.delta[2] == pytest.approx(1) and table.ceiling[2] == table.its_ceiling[2]
    assert table.its_ceiling[1] == similarity_ceiling(second, PART, 0, 4, first=2).mean()
    assert table.ceiling[1] == table.ceiling[3] != table.ceiling[0]


def test_deep_rows_stand_below_their_own():
    table = pd.DataFrame(
        dict(pair=["a", "b"], delta=[0.9, 0.8], low=[0.7, 0.6], high=[0.95, 0.85])
    ).assign(deep=[0.4, 0.3], deep_low=[0.1, 0.2], deep_high=[0.5, 0.6], deep_tasks=[3, 4])
    bars = with_deep_rows(table)
    assert list(bars.delta) == [0.9, 0.4, 0.8, 0.3]
    assert list(bars.low) == [0.7, 0.1, 0.6, 0.2] and list(bars.high) == [0.95, 0.5, 0.85, 0.6]


def test_one_kind_of_knockout_is_compared_with_nothing():
    with pytest.raises(BadInput, match="1 kinds of knockout cannot be compared; name two"):
        agreement_with_first({"zero": pd.DataFrame()})
