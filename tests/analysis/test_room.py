"""Room to gain against made-up models."""

import numpy as np
import pandas as pd
import pytest
from conftest import made_up_outcomes

from talo_mini import interaction_vectors
from talo_mini.analysis import room_to_gain


def vectors_of(base, knocked, questions=400, seed=0):
    rng = np.random.default_rng(seed)
    right = {f"see {i}": rng.random(questions) < rate for i, rate in enumerate(base)}
    after = {
        f"see {i}": np.stack([rng.random(questions) < rate for rate in rates], 1)
        for i, rates in enumerate(knocked)
    }
    return interaction_vectors(made_up_outcomes(right, after)).assign(form="choice")


def test_only_cells_above_chance_and_below_ninety_percent_count():
    vectors = vectors_of([0.25, 0.6, 0.97], [[0.5, 0.5], [0.6, 0.85], [0.97, 0.97]])
    room = room_to_gain(vectors)
    assert (room["cells"], room["of_cells"], room["knockouts"]) == (1, 3, 2)
    assert room["helped"] == room["helped_cells"] == 1  # the rise from a guess is none of them
    assert room["bound"] > 0.25 and room["power"] > 0.5


def test_without_room_nothing_is_bounded():
    room = room_to_gain(vectors_of([0.25, 0.97], [[0.3, 0.3], [0.9, 0.9]]))
    assert room["cells"] == 0 and room["power"] is None and room["bound"] is None


@pytest.mark.parametrize("gain", [0.0, 0.1])
def test_the_bound_holds_for_all_knockouts_together(gain):
    """Twenty layers of which one truly gains so much: in 95% of studies none gains more than the
    bound, which is no further off than twenty intervals of a hundred questions are wide.
    """
    bounds = []
    for seed in range(60):
        knocked = [0.6 + gain, *[0.6] * 19]
        bounds.append(room_to_gain(vectors_of([0.6], [knocked], questions=100, seed=seed))["bound"])
    assert np.mean(np.array(bounds) >= gain) >= 0.93
    assert np.median(bounds) < gain + 0.35


def test_forms_are_cells_of_their_own():
    one = vectors_of([0.6], [[0.5]])
    room = room_to_gain(pd.concat([one, one.assign(form="direct")]))
    assert room["cells"] == 2
