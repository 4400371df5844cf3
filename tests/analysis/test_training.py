import numpy as np
import pandas as pd
import pytest
from conftest import made_up_outcomes

from talo_mini import interaction_vectors
from talo_mini.analysis.training import by_dose, fisher_mean, followed, vectors_moved


def test_a_mean_correlation_covers_the_truth_and_ends_at_one():
    rng, covered = np.random.default_rng(0), 0
    for _ in range(200):
        found = fisher_mean(np.tanh(rng.normal(np.arctanh(0.8), 0.3, 12)))
        covered += found["low"] <= 0.8 <= found["high"]
        assert found["high"] <= 1
    assert 175 <= covered <= 199
    assert fisher_mean([1.0, 1.0, np.nan])["delta"] == pytest.approx(0.999)


def outcomes(helps):
    """Two tasks of 40 questions; knocking out a layer answers more of "a" right, or not."""
    right = np.arange(40) % 4 < 2  # half of them
    knocked = np.tile(right[:, None], (1, 3))
    if helps is not None:
        knocked[:, helps] = np.arange(40) % 4 < 3
    return made_up_outcomes({"a": right, "b": right}, {"a": knocked, "b": knocked[:, ::-1]})


def test_a_layer_is_followed_and_chosen_anew():
    """Layer 1 helps before training, layer 2 after it, none at the end."""
    tables = {0: outcomes(1), 10: outcomes(2), 50: outcomes(None)}
    vectors = {dose: interaction_vectors(table) for dose, table in tables.items()}
    own = followed(vectors, vectors).query("task == 'a'").set_index("questions")
    assert list(own.layer) == [1, 1, 1] and list(own.layer_now) == [1, 2, -1]
    assert list(own.delta) == [0.25, 0.0, 0.0] and list(own.delta_now[:2]) == [0.25, 0.25]
    assert own[["delta_now", "delta_now_low", "delta_now_high"]].iloc[-1].isna().all()
    assert list(own.clearly_help) == [1, 1, 0]


def test_how_far_vectors_moved_tells_trained_tasks_apart():
    tables = {0: outcomes(1), 10: outcomes(2)}
    vectors = {dose: interaction_vectors(table) for dose, table in tables.items()}
    found = vectors_moved(vectors, tables, ["a"]).set_index("tasks")
    assert list(found.index) == ["other tasks", "a"]
    assert found.moved["a"] == pytest.approx(0.5 / 3) and found.delta["a"] == pytest.approx(-0.5)
    assert found.deep["a"] == pytest.approx(-1)  # of layers 1 and 2
    assert (found.base_change == 0).all() and np.isnan(found.low["a"])


def test_doses_are_means_over_plants():
    table = pd.DataFrame(
        dict(questions=[0, 0, 10, 10], base=[0.2, 0.4, 0.9, 0.9], delta=[0.5, 0.3, 0.0, 0.1])
    )
    found = by_dose(table)
    assert list(found.base) == pytest.approx([0.3, 0.9])
    assert list(found.delta) == pytest.approx([0.4, 0.05])
