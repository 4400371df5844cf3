"""Task-Layer Interaction Vectors: how each layer's knockout changes each task's accuracy."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..errors import BadInput
from ..outcomes.table import (
    BASE,
    UNSCORED,
    by_task,
    check_single,
    check_sound,
    pictures_of,
)
from .groups import stacked
from .significance import change_interval, change_p, false_discovery, right_interval

ROOM = 0.9  # an accuracy above which a gain has no room
RISES = ["towards chance", "across chance", "above chance"]  # kinds of gain, the best last


def interaction_vectors(outcomes: pd.DataFrame, part: str = "self-attention") -> pd.DataFrame:
    """One row a task and layer: `delta` = accuracy knocked out - accuracy of the base model (paper,
    section 3).

    Columns: task, ability, layer, questions, pictures (how many they are about), chance (of a blind
    guess), informed (of one that has seen picture and question), base, accuracy, delta, low, high
    (95% interval of delta), p (exact McNemar), q (`false_discovery` over all tasks and layers of
    the table, gains and losses apart). Accuracies are fractions. Where several questions of a task
    are about one picture, interval and p are those of `significance.clustered`.
    """
    return vectors_of_parts(outcomes, [part]).drop(columns="part")


def vectors_of_parts(outcomes: pd.DataFrame, parts: Sequence[str]) -> pd.DataFrame:
    """`interaction_vectors` of several parts one below the other, with the column part, q over all
    of them together.

    A question that could not be scored without one of the parts is left out for all of them. Raises
    BadInput where no part is named or was knocked out.
    """
    if not len(parts):
        raise BadInput("no part is named, or none was knocked out in these outcomes")
    tasks = pd.concat([_task_vectors(*own) for own in by_task(outcomes, parts)])
    table = pd.concat([tasks[tasks.part == part] for part in parts], ignore_index=True)
    return table.assign(q=false_discovery(table.p, table.delta))


def _task_vectors(task, base, right, knocked):
    """The rows of one task; `base` are the base model's outcomes."""
    before, after = right.to_numpy()[:, None], knocked.to_numpy()  # [questions, knockouts]
    change, pictures = after.astype(int) - before, pictures_of(base, right.index)
    low, high = change_interval(change, pictures)
    return pd.DataFrame(
        dict(
            task=task,
            ability=base.ability.iloc[0],
            part=knocked.columns.get_level_values("part"),
            layer=knocked.columns.get_level_values("layer"),
            questions=len(right),
            pictures=len(set(pictures)),
            chance=base.chance.mean(),
            informed=base.informed.mean(),
            base=right.mean(),
            base_low=right_interval(right, pictures)[0],
            accuracy=after.mean(0),
            accuracy_low=right_interval(after, pictures)[0],
            delta=change.mean(0),
            low=low,
            high=high,
            p=change_p(change, pictures),
        )
    )


def gain_kind(vectors: pd.DataFrame) -> pd.Series:
    """What a rise is worth: "towards chance", "across chance" or "above chance"; else "none".

    Where the base model is worse than a guess, whatever breaks it looks like a gain. Above chance
    is what has its whole 95% interval above it: "towards chance" does not end there, "across
    chance" does, "above chance" also began there.
    """
    kinds = np.select(
        [
            vectors.delta <= 0,
            ~above_chance(vectors, "accuracy_low"),
            ~above_chance(vectors, "base_low"),
        ],
        ["none", "towards chance", "across chance"],
        "above chance",
    )
    return pd.Series(kinds, index=vectors.index)


def above_chance(table: pd.DataFrame, low: str = "low") -> pd.Series:
    """Whether an accuracy is above chance: the lower end of its 95% interval is.

    Chance is that of a guess that has seen picture and question, no smaller than a blind one's.
    Raises BadInput where the table does not hold it.
    """
    if "informed" not in table:
        raise BadInput(
            "the table has no column 'informed', the accuracy of a guess that has seen the "
            "picture; make it again from a sweep's outcomes (kept answers are not asked again)"
        )
    return table[low] > table.informed


def has_room(table: pd.DataFrame, accuracy: str = "accuracy", low: str = "low") -> pd.Series:
    """Whether a knockout could show a gain: the base model is above chance and below 90%."""
    return above_chance(table, low) & (table[accuracy] < ROOM)


def tasks_above_chance(outcomes: pd.DataFrame) -> list[str]:
    """The tasks in which the base model is above chance."""
    accuracy = task_accuracy(outcomes)
    return list(accuracy.task[above_chance(accuracy)])


def task_accuracy(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of the base model, one row a task and form, of what could be scored.

    Columns: task, ability, form, questions, accuracy, low, high (95% interval), chance (of a blind
    guess), informed (of one that has seen picture and question).
    """
    check_sound(outcomes)
    own = outcomes[outcomes.layer == BASE]
    check_single(own)
    base, rows = own[own.answer != UNSCORED], []
    for (task, form), group in base.groupby(["task", "form"], sort=False):
        low, high = right_interval(group.correct, pictures_of(group, group.question))
        row = dict(task=task, ability=group.ability.iloc[0], form=form, questions=len(group))
        row |= dict(accuracy=group.correct.mean(), low=low, high=high, chance=group.chance.mean())
        row |= dict(informed=group.informed.mean())
        rows.append(row)
    return pd.DataFrame(rows)


def task_abilities(vectors: pd.DataFrame) -> pd.Series:
    """The ability of each task of the vectors, by task in their first order."""
    return vectors.drop_duplicates("task").set_index("task").ability


def best_layers(vectors: pd.DataFrame) -> list[int]:
    """The layers that are the best to knock out for some task, in order: of each task the one whose
    delta is highest, of equal ones the lowest.
    """
    return sorted({int(layer) for layer in matrix(vectors).idxmax(axis=1)})


def matrix(vectors: pd.DataFrame, column: str = "delta") -> pd.DataFrame:
    """A column of the vectors as a table [tasks, layers], tasks in their first order."""
    return vectors.pivot(index="task", columns="layer", values=column).reindex(
        vectors.task.unique()
    )


def vectors_of_forms(sweeps: dict[str, pd.DataFrame], part: str) -> pd.DataFrame:
    """`interaction_vectors` of outcomes by form, with the column form, q over all forms."""
    vectors = {form: interaction_vectors(outcomes, part) for form, outcomes in sweeps.items()}
    table = stacked(vectors, ["form"])
    return table.assign(q=false_discovery(table.p, table.delta))


def kind_counts(gains: pd.DataFrame) -> pd.Series:
    """How many gains are of each kind: "towards chance", "across chance", "above chance"."""
    return gain_kind(gains).value_counts().reindex(RISES, fill_value=0)
