from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import made_up_outcomes

from talo_mini import BadInput, Benchmark, Question, Task
from talo_mini.analysis.calibration import (
    calibration,
    letter_bias,
    letter_habits,
    with_calibration,
)


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


def test_letters_stand_beside_the_calibration_of_their_knockout():
    true = np.array([0, 1, 2, 3] * 10)
    scores = [np.log([0.7, 0.1, 0.1, 0.1])] * 40
    table = outcomes([0] * 40, true == 0, scores)
    letters = letter_bias(table, asked(true))
    calibrated = calibration(table)
    found = with_calibration(letters, calibrated[::-1])  # the order is that of the letters
    assert found.layer.tolist() == letters.layer.tolist() == [-1, 0]
    assert found[letters.columns].equals(letters)
    assert found.accuracy.tolist() == [0.25, 0.25]
    assert found.confidence.tolist() == pytest.approx([0.7, 0.7])
    assert found.error.tolist() == pytest.approx([0.45, 0.45])


def test_letter_habits_are_told_of_cases_asked_by_four_letters():
    true = np.array([0, 1, 2, 3] * 25)
    benchmark = asked(true)
    short = Question("b/0", "b", b"", "?", ("x", "y"), 0)
    benchmark = replace(
        benchmark, tasks=(*benchmark.tasks, Task("b", "b")), questions=(*benchmark.questions, short)
    )
    liking = outcomes([1] * 100, true == 1, [[0.0] * 4] * 100)  # always B
    cured = liking.assign(answer=np.where(liking.layer == 0, np.tile(true, 2), liking.answer))
    cured = cured.assign(correct=np.where(liking.layer == 0, True, cured.correct))
    cases = pd.DataFrame(
        dict(task=["a", "a", "b"], form=["choice", "direct", "choice"], layer=[0, 0, 0])
    )
    found = letter_habits(cured, benchmark, cases)
    assert found[["task", "layer"]].values.tolist() == [["a", 0]]
    (row,) = found.itertuples()
    assert row.bias == pytest.approx(0.5) and row.bias_without == 0 == row.noise_without
    assert row.noise == letter_bias(cured, benchmark).noise[0]
    none = letter_habits(cured, benchmark, cases[1:])
    assert none.empty and list(none.columns) == list(found.columns)
