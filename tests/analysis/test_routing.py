import numpy as np
import pytest
from conftest import made_up_outcomes

from talo_mini import BadInput
from talo_mini.analysis.routing import (
    answers_by_layer,
    features,
    learned_route,
    most_confident,
    oracle_by_luck,
)


@pytest.fixture
def outcomes():
    rng = np.random.default_rng(0)
    table = made_up_outcomes(
        {"see a": rng.random(40) < 0.5, "do b": rng.random(40) < 0.5},
        {"see a": rng.random((40, 3)) < 0.5, "do b": rng.random((40, 3)) < 0.5},
    )
    scores = rng.normal(size=(len(table), 4))
    scores[table.correct, 0] += 3
    return table.assign(
        scores=[
            row[:3].tolist() if task == "do b" else row.tolist()
            for row, task in zip(scores, table.task, strict=True)
        ]
    )


def test_variants_are_aligned(outcomes):
    base, right, probabilities = answers_by_layer(outcomes.sample(frac=1, random_state=1))
    assert right.shape == (80, 4) and probabilities.shape == (80, 4, 4)
    row = outcomes[(outcomes.question == base.question[5]) & (outcomes.layer == 1)].iloc[0]
    assert right[5, 2] == row.correct
    expected = np.exp(row.scores) / np.exp(row.scores).sum()
    assert np.allclose(probabilities[5, 2][: len(expected)], expected) and np.allclose(
        probabilities.sum(-1), 1
    )
    with pytest.raises(BadInput, match="finish the sweep"):
        answers_by_layer(
            outcomes[~((outcomes.layer == 2) & (outcomes.question == base.question[0]))]
        )


def test_most_confident():
    assert list(most_confident(np.array([[[0.5, 0.5], [0.9, 0.1]], [[0.2, 0.8], [0.6, 0.4]]]))) == [
        1,
        0,
    ]


def test_a_router_learns_where_a_layer_helps(outcomes):
    """On one task variant 2 is always right, on the other never; what the evaluation questions
    answer is not used.
    """
    base, right, probabilities = answers_by_layer(outcomes)
    right = right.copy()
    right[:, 2] = base.task == "see a"
    right[:, 0] = base.task == "do b"
    probe = np.random.default_rng(0).permutation(80)[:30]
    seen = features(base, probabilities)
    route = learned_route(seen, right, probe)
    rest = np.setdiff1d(np.arange(80), probe)
    assert right[rest, route[rest]].mean() > 0.9
    changed = right.copy()
    changed[rest] = ~changed[rest]
    assert np.array_equal(learned_route(seen, changed, probe), route)


def test_an_oracle_profits_from_luck():
    rng = np.random.default_rng(0)
    right = rng.random((500, 5)) < 0.4
    assert oracle_by_luck(right, np.arange(len(right)) % 2) == pytest.approx(1 - 0.6**5, abs=0.02)
    same = np.repeat(right[:, :1], 5, 1)
    assert same.any(1).mean() < oracle_by_luck(same, np.arange(len(same)) % 2) - 0.3
