import numpy as np
import pytest
from conftest import made_up_outcomes

from talo_mini import BadInput, Benchmark, Question, Task
from talo_mini.analysis.calibration import calibration, letter_bias


def outcomes(answers, right, scores):
    table = made_up_outcomes(
        {"a": np.asarray(right, bool)}, {"a": np.asarray(right, bool)[:, None]}
    )
    return table.assign(answer=list(answers) * 2, scores=[list(s) for s in scores] * 2)


def asked(true):
    """Four-option questions with these right answers, named as in made-up outcomes."""
    return Benchmark(
        "b",
        (Task("a", "a"),),
        tuple(Question(f"a/{i}", "a", b"", "?", tuple("wxyz"), int(t)) for i, t in enumerate(true)),
    )


def test_letter_bias_of_a_model_that_is_always_right_is_zero():
    true = np.array([0, 1, 2, 3] * 25)
    found = letter_bias(outcomes(true, [True] * 100, [[0.0] * 4] * 100), asked(true)).iloc[0]
    assert found.bias == 0 and found.noise == 0 and found.B == 0.25


def test_letter_bias_of_a_model_that_always_says_b():
    true = np.array([0, 1, 2, 3] * 25)
    found = letter_bias(outcomes([1] * 100, true == 1, [[0.0] * 4] * 100), asked(true)).iloc[0]
    assert found.B == 1 and found.bias == pytest.approx(0.5) and found.noise < 0.2


def test_errors_without_liking_stay_below_the_noise():
    rng, below = np.random.default_rng(0), []
    for _ in range(60):
        true = rng.integers(0, 4, 200)
        answers = np.where(rng.random(200) < 0.4, true, (true + rng.integers(1, 4, 200)) % 4)
        found = letter_bias(
            outcomes(answers, answers == true, [[0.0] * 4] * 200), asked(true)
        ).iloc[0]
        below.append(found.bias <= found.noise)
    assert np.mean(below) > 0.85


def test_letter_bias_needs_letters():
    with pytest.raises(BadInput, match="choice form"):
        letter_bias(outcomes([0], [True], [[0.0] * 4]).assign(form="direct"), asked([0]))


def test_calibration_of_a_known_model():
    scores = [np.log([0.7, 0.1, 0.1, 0.1])] * 100
    found = calibration(outcomes([0] * 100, [True] * 70 + [False] * 30, scores)).iloc[0]
    assert found.confidence == pytest.approx(0.7) and found.error == pytest.approx(0, abs=1e-9)
    found = calibration(outcomes([0] * 100, [True] * 40 + [False] * 60, scores)).iloc[0]
    assert found.error == pytest.approx(0.3) and found.accuracy == 0.4
