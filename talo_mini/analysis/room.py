"""Room to gain: where a knockout could have shown that it helps, and what was found there."""

import numpy as np
import pandas as pd

from ..outcomes.table import pictures_of
from .clear import clear_gains
from .groups import stacked
from .significance import false_discovery, power
from .talo import mean_gain, talo_gains
from .vectors import has_room, task_accuracy, tasks_above_chance

GAIN = 0.1  # the true gain whose chance to be found is told


def room_to_gain(
    vectors: pd.DataFrame, level: float = 0.05, among: pd.DataFrame | None = None
) -> dict:
    """Of vectors of one or several forms the cells (task and form) with room, and what helps there.

    `among` is a table that they are a part of, index and all, whose false discoveries are
    controlled together: those where there is room (`vectors_with_room`). Gives cells, of_cells (all
    there are), knockouts and helped (clearly, q below `level`) in cells with room, power: the
    probability that a true gain of 10 points in one of these knockouts is found, where a fifth of
    the answers change (of as many questions as there are pictures: what is about one picture goes
    together); threshold: the p value that it has to reach for this; and bound: what the largest of
    their true gains does not exceed, in these cells (97.5%: it is below the upper end of its own
    95% interval, which is no higher than the highest).
    """
    forms = vectors.form if "form" in vectors else pd.Series("", index=vectors.index)
    cells = vectors.task + "/" + forms
    room = has_room(vectors, "base", "base_low")
    competing = vectors_with_room(vectors if among is None else among)
    roomy_vectors = competing[competing.index.isin(vectors.index)]
    helps = (roomy_vectors.q < level) & (roomy_vectors.delta > 0)
    threshold = threshold_in_force(competing, level)
    chance = bound = None
    if len(roomy_vectors):
        sizes = roomy_vectors["pictures" if "pictures" in vectors else "questions"]
        chance = power(GAIN, 2 * GAIN, round(sizes.mean()), threshold)
        bound = float(roomy_vectors.high.max())
    return dict(
        cells=int(cells[room].nunique()),
        of_cells=int(cells.nunique()),
        knockouts=len(roomy_vectors),
        helped=int(helps.sum()),
        helped_cells=int(cells[room][helps].nunique()),
        power=chance,
        threshold=threshold,
        bound=bound,
    )


def helped_with_room(vectors: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The knockouts that clearly help where there is room: rows of vectors by name, with the column
    of (the name); q as in `vectors_with_room`.
    """
    helped = {name: clear_gains(vectors_with_room(table)) for name, table in vectors.items()}
    return stacked(helped, ["of"])


def vectors_with_room(vectors: pd.DataFrame) -> pd.DataFrame:
    """The rows of tasks and forms with room to gain, q over these alone.

    Room: the base model is above a guess that has looked, and below 90% (`has_room`). Elsewhere
    whatever breaks a wrong habit rises towards chance; many such rises, controlled together with
    the gains that are asked about, would let lucky ones among these pass.
    """
    roomy = vectors[has_room(vectors, "base", "base_low")]
    return roomy.assign(q=false_discovery(roomy.p, roomy.delta))


def threshold_in_force(vectors: pd.DataFrame, level: float = 0.05) -> float:
    """The p value below which a gain is clear under the control of false discoveries in its q.

    Of Benjamini and Hochberg's: `level` times the share of all tested rows that are clear gains.
    Where nothing gains clearly, the first p value has to reach `level` over the number of rows.
    """
    clear = (vectors.q < level) & (vectors.delta > 0)
    return level * max(1, int(clear.sum())) / max(1, len(vectors))


def with_room(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Of outcomes of one form those of the tasks that have room for a gain."""
    accuracy = task_accuracy(outcomes)
    return outcomes[outcomes.task.isin(accuracy.task[has_room(accuracy)])]


def of_tasks_above_chance(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Of outcomes of one form those of the tasks in which the base model is above chance."""
    return outcomes[outcomes.task.isin(tasks_above_chance(outcomes))]


def halves_with_room(outcomes: pd.DataFrame, seed: int = 0) -> list[pd.DataFrame]:
    """Of each half of the pictures the outcomes of the tasks that have room on the other half; a
    half without such tasks is left out.

    `outcomes` are of one form. Picked by the same answers, a base model that was lucky or unlucky
    in a task would pass for one with room there, and gains would be measured against its luck.
    """
    first = outcomes.question.isin(_one_half(outcomes, seed))
    halves = (outcomes[first], outcomes[~first])
    roomy = [
        asked[asked.task.isin(with_room(others).task)] for asked, others in (halves, halves[::-1])
    ]
    return [table for table in roomy if len(table)]


def roomy_gains(
    outcomes: pd.DataFrame,
    part: str,
    shots: int,
    draws: int = 200,
    seed: int = 0,
    rule: str = "best",
) -> pd.DataFrame:
    """What TaLo gains on the tasks with room, which other questions picked: rows of `talo_gains`
    but q.

    Of the tables of `halves_with_room`, so that a task has two rows, one or none. A mean is one
    over rows, in which a task with two counts twice: weights of tasks would else depend on the
    answers that are measured.
    """
    halves = halves_with_room(outcomes, seed)
    rows = [talo_gains(half, part, shots, draws, seed, rule) for half in halves]
    if not rows:
        return pd.DataFrame(columns=["task"])
    return pd.concat(rows, ignore_index=True).drop(columns="q")


def _one_half(outcomes, seed):
    """The questions about half of the pictures, as many of each task."""
    asked = outcomes.drop_duplicates("question")[["question", "task"]]
    asked = asked.assign(picture=pictures_of(outcomes, asked.question))
    drawn = asked.drop_duplicates("picture").sample(frac=1, random_state=seed)
    drawn = drawn.sort_values("task", kind="stable")
    return set(asked.question[asked.picture.isin(drawn.picture[np.arange(len(drawn)) % 2 == 0])])


def gains_with_room(
    outcomes: pd.DataFrame, part: str, shots: int, draws: int = 200, seed: int = 0
) -> list[dict]:
    """TaLo's mean gain over the tasks of each form that have room for one (`roomy_gains`); forms
    without are left out.

    Keys: form, tasks (how many), base, chance, informed, delta, low, high, p: over these very
    tasks, were new questions asked, a task with room on both halves counting twice; fractions.
    """
    rows = []
    for form, own in outcomes.groupby("form", sort=False):
        gains = roomy_gains(own, part, shots, draws, seed)
        if len(gains):
            row = dict(form=form, tasks=gains.task.nunique(), base=gains.base.mean())
            row |= dict(chance=gains.chance.mean(), informed=gains.informed.mean())
            rows.append(row | mean_gain(gains))
    return rows


def gains_by_standing(
    outcomes: pd.DataFrame,
    part: str,
    shots: int,
    few: int,
    draws: int = 200,
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """What TaLo gains on all tasks, and on those where the base model stands so that a gain counts.

    Tables by "all tasks" (`talo_gains`); "tasks with room" (`roomy_gains`, with `few` shots, since
    half of the questions measure; without rows where no task has room); and, where these are fewer
    than all, "tasks above chance" (rows of the first). `outcomes` are of one form.
    """
    gains = talo_gains(outcomes, part, shots, draws, seed)
    tables = {"all tasks": gains, "tasks with room": roomy_gains(outcomes, part, few, draws, seed)}
    able = gains[gains.task.isin(tasks_above_chance(outcomes))]
    return tables | ({"tasks above chance": able} if len(able) < len(gains) else {})
