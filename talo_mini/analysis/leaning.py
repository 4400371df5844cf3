"""A leaning towards some answers: which ones flip, and whether shifted scores do as well."""

import numpy as np
import pandas as pd
from scipy import optimize, special

from ..benchmarks.questions import LETTERS, Benchmark
from ..outcomes.table import BASE, correctness
from .room import halves_with_room
from .rules import Probing
from .summaries import over_tasks
from .talo import drawn, gain_of, prepared

METHODS = ("talo", "shift", "ahead")
RIDGE = 0.25  # of the shifts: two nats are usual, so that a few questions cannot demand ten


def accuracy_by_answer(
    outcomes: pd.DataFrame, benchmark: Benchmark, task: str, part: str, layer: int
) -> pd.DataFrame:
    """Accuracy before and after a knockout by the right answer, in its words, one row an answer.

    Columns: answer, questions, before, after, in fractions.
    """
    right, knocked = correctness(outcomes, task, part)
    answers = {q.id: q.options[q.answer] for q in benchmark.questions}
    table = pd.DataFrame(dict(before=right, after=knocked[layer]))
    grouped = table.groupby(table.index.map(answers))
    means = grouped.mean().assign(questions=grouped.size())
    return means.rename_axis("answer").reset_index()[["answer", "questions", "before", "after"]]


def shift_gains(
    outcomes: pd.DataFrame,
    benchmark: Benchmark,
    part: str = "self-attention",
    shots: int = 20,
    draws: int = 50,
    seed: int = 0,
) -> pd.DataFrame:
    """TaLo beside a shift of each answer's score, learned on the same probe questions.

    The shift is a number of nats for each answer's words (in the choice form for each letter),
    added to the base model's scores: those under which the probe questions' right answers are most
    probable, held small by a ridge. No layer is touched. One row a task, means over the draws,
    measured on the other questions.
    Columns: task, questions, base, talo, shift (their gains), ahead (talo - shift), in fractions.
    """
    probing = Probing(shots, draws, seed)
    rows = []
    for task in outcomes[outcomes.layer == BASE].task.unique():
        base, table, pictures = prepared(outcomes, task, part, probing)
        scores, wanted = _scores(outcomes, benchmark, task, base.index)
        right, knocked, gains = base.to_numpy(), table.to_numpy(), []
        for choice, probe, rest, _ in drawn(right, knocked, pictures, task, probing):
            shifted = (scores[rest] + fitted(scores[probe], wanted[probe])).argmax(1)
            shift = (shifted == wanted[rest]).mean() - right[rest].mean()
            gains.append((gain_of(right, knocked, choice, rest), shift))
        talo, shift = np.mean(gains, axis=0)
        row = dict(task=task, questions=len(right), base=right.mean(), talo=talo, shift=shift)
        rows.append(row | dict(ahead=talo - shift))
    return pd.DataFrame(rows)


def roomy_shift_gains(
    outcomes: pd.DataFrame,
    benchmark: Benchmark,
    part: str = "self-attention",
    shots: int = 20,
    draws: int = 50,
    seed: int = 0,
) -> pd.DataFrame:
    """Rows of `shift_gains` on the tasks with room, which other questions picked: of the tables of
    `room.halves_with_room`, so that a task has two rows, one or none.
    """
    halves = halves_with_room(outcomes, seed)
    rows = [shift_gains(half, benchmark, part, shots, draws, seed) for half in halves]
    return pd.concat(rows or [pd.DataFrame(columns=["task", *METHODS])], ignore_index=True)


def mean_shift_gains(gains: pd.DataFrame) -> pd.DataFrame:
    """The mean of TaLo's gain, of the shift's, and of their difference.

    `gains` are rows of `shift_gains`. Columns: method (talo, shift, ahead), tasks, delta, low and
    high (95% interval over tasks), p (t test over tasks; several rows of one task are one thing to
    both); nan where there are too few.
    """
    rows = []
    for method in METHODS:
        low, high, p = over_tasks(gains.assign(delta=gains[method].astype(float)))
        row = dict(method=method, tasks=gains.task.nunique(), delta=gains[method].mean())
        rows.append(row | dict(low=low, high=high, p=p))
    return pd.DataFrame(rows)


def _scores(outcomes, benchmark, task, order):
    """Base scores [questions, words], -inf where not offered, and the right word [questions]."""
    asked = {q.id: _answers(q) for q in benchmark.questions if q.task == task}
    right = {q.id: q.answer for q in benchmark.questions if q.task == task}
    words = sorted({word for answers in asked.values() for word in answers})
    number = {word: i for i, word in enumerate(words)}
    own = outcomes[(outcomes.layer == BASE) & (outcomes.task == task)].set_index("question").scores
    table = np.full((len(order), len(words)), -np.inf)
    for row, name in enumerate(order):
        table[row, [number[word] for word in asked[name]]] = own[name]
    wanted = [number[asked[name][right[name]]] for name in order]
    return table, np.array(wanted)


def _answers(question):
    """What a model answers with: the letters where options are shown, else their words."""
    shown = question.form == "choice"
    return LETTERS[: len(question.options)] if shown else question.options


def fitted(scores: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The shift of each word, [words], under which the wanted words are most probable.

    scores [questions, words], wanted [questions]. Words that occur nowhere stay as they are.
    """
    one_hot = np.eye(scores.shape[1])[wanted]

    def loss(shift):
        logs = special.log_softmax(scores + shift, axis=1)
        own = -logs[np.arange(len(wanted)), wanted].sum() + RIDGE / 2 * (shift**2).sum()
        return own, (np.exp(logs) - one_hot).sum(0) + RIDGE * shift

    return optimize.minimize(loss, np.zeros(scores.shape[1]), jac=True, method="L-BFGS-B").x
