"""Against known truth: a model that leans, and one that does not know."""

import numpy as np
import pandas as pd
import pytest

from talo_mini.analysis.leaning import (
    accuracy_by_answer,
    fitted,
    mean_shift_gains,
    roomy_shift_gains,
    shift_gains,
)
from talo_mini.analysis.room import halves_with_room
from talo_mini.analysis.significance import mean_interval
from talo_mini.benchmarks.questions import Benchmark, Question, Task
from talo_mini.outcomes.table import COLUMNS

LEANING = 2.0  # nats towards "no"


def asked(leaning, knows=1.5, questions=300, seed=0):
    """Questions with the answers yes and no; base scores lean, those without layer 1 do not."""
    rng = np.random.default_rng(seed)
    made, rows = [], []
    for i in range(questions):
        right = i % 2
        made.append(Question(f"q/{i}", "t", b"%d" % i, "?", ("yes", "no"), right, "direct"))
        own = rng.normal(size=2)
        own[right] += knows
        for layer, added in ((-1, leaning), (0, leaning), (1, 0.0)):
            scores = own + np.array([0.0, added])
            answer = int(scores.argmax())
            part, effect = ("base", "none") if layer < 0 else ("self-attention", "zero")
            row = ("m", "b", "t", "a", "direct", f"q/{i}", part, effect, layer, answer)
            rows.append((*row, answer == right, 0.5, list(scores), 0.5))
    benchmark = Benchmark("b", (Task("t", "a"),), tuple(made))
    return pd.DataFrame(rows, columns=list(COLUMNS)), benchmark


def test_the_right_answers_that_flip_are_told():
    outcomes, benchmark = asked(LEANING)
    table = accuracy_by_answer(outcomes, benchmark, "t", "self-attention", 1).set_index("answer")
    assert table.before["no"] > 0.95 > table.after["no"] > 0.7
    assert table.before["yes"] < 0.5 < 0.7 < table.after["yes"]
    assert list(table.questions) == [150, 150]
    same = accuracy_by_answer(outcomes, benchmark, "t", "self-attention", 0)
    assert (same.before == same.after).all()


def test_a_shift_heals_a_leaning_as_well_as_the_layer_that_writes_it():
    outcomes, benchmark = asked(LEANING)
    row = shift_gains(outcomes, benchmark, shots=40, draws=40).iloc[0]
    assert row.talo > 0.1 and row["shift"] > 0.8 * row.talo
    assert row.ahead == pytest.approx(row.talo - row["shift"])


def test_a_shift_gains_nothing_where_nothing_leans():
    outcomes, benchmark = asked(0.0)
    row = shift_gains(outcomes, benchmark, shots=40, draws=40).iloc[0]
    assert abs(row["shift"]) < 0.02 and row.talo <= 0.0 + 0.02


def test_the_fitted_shift_is_the_leaning():
    rng = np.random.default_rng(1)
    true = rng.normal(size=(4000, 3))
    noise = rng.gumbel(size=(4000, 3))
    wanted = (true + noise).argmax(1)
    shift = fitted(true + np.array([1.0, 0.0, -1.0]), wanted)
    assert shift - shift.mean() == pytest.approx([-1.0, 0.0, 1.0], abs=0.15)


def test_words_that_are_not_offered_are_never_answered():
    scores = np.array([[0.0, 1.0, -np.inf], [1.0, 0.0, -np.inf], [0.5, 0.4, -np.inf]])
    shift = fitted(scores, np.array([0, 0, 1]))
    assert np.isfinite(shift).all() and shift[2] == 0
    assert (scores + shift).argmax(1).max() < 2


def test_means_are_over_rows_and_their_intervals_over_tasks():
    gains = pd.DataFrame(dict(task=list("abc"), talo=[0.1, 0.2, 0.6], shift=[0.1, 0.0, 0.2]))
    gains = gains.assign(ahead=gains.talo - gains["shift"])
    table = mean_shift_gains(gains).set_index("method")
    assert table.delta.to_dict() == pytest.approx({"talo": 0.3, "shift": 0.1, "ahead": 0.2})
    assert (table.tasks == 3).all() and table.low["talo"] == mean_interval(gains.talo)[0]
    twice = mean_shift_gains(pd.concat([gains, gains])).set_index("method")
    assert (twice.tasks == 3).all() and twice.delta["talo"] == pytest.approx(0.3)
    assert twice.high["talo"] - twice.low["talo"] > 0.5  # as wide as of three things, not of six
    nothing = mean_shift_gains(gains[:0])
    assert nothing.delta.isna().all() and nothing.low.isna().all()


def test_shifts_with_room_are_those_of_tasks_that_other_pictures_picked():
    outcomes, benchmark = asked(0.0, knows=0.8)
    rows = roomy_shift_gains(outcomes, benchmark, shots=10, draws=3)
    halves = halves_with_room(outcomes)
    each = [shift_gains(half, benchmark, shots=10, draws=3) for half in halves]
    assert len(halves) > 0 and rows[[*each[0]]].equals(pd.concat(each, ignore_index=True))
    lost = outcomes.assign(correct=outcomes.index % 20 == 0)
    nothing = roomy_shift_gains(lost, benchmark, shots=10, draws=3)
    assert nothing.empty and mean_shift_gains(nothing).delta.isna().all()


def test_where_options_are_shown_the_shift_is_of_letters():
    """A model that leans to the letter A, whatever word stands beside it."""
    rng, made, rows = np.random.default_rng(1), [], []
    for i in range(200):
        words, right = tuple(rng.permutation(["red", "blue"])), int(rng.integers(2))
        made.append(Question(f"q/{i}", "t", b"%d" % i, "?", words, right))
        own = rng.normal(size=2)
        own[right] += 1.5
        scores = [own[0] + LEANING, own[1]]
        for layer in (-1, 0):
            answer = int(np.argmax(scores))
            part, effect = ("base", "none") if layer < 0 else ("self-attention", "zero")
            row = ("m", "b", "t", "a", "choice", f"q/{i}", part, effect, layer, answer)
            rows.append((*row, answer == right, 0.5, scores, 0.5))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    row = shift_gains(table, Benchmark("b", (Task("t", "a"),), tuple(made)), shots=40, draws=20)
    assert row["shift"][0] > 0.1
