"""Task-Layer Interaction Vectors: how each layer's knockout changes each task's accuracy."""

import numpy as np
import pandas as pd

from ..outcomes.table import UNSCORED, correctness, pictures_of, with_part
from .significance import (
    accuracy_interval,
    change_p,
    clustered,
    false_discovery,
    paired_interval,
)


def interaction_vectors(outcomes: pd.DataFrame, part: str = "self-attention") -> pd.DataFrame:
    """One row a task and layer: `delta` = accuracy knocked out - accuracy of the base model (paper,
    section 3).

    Columns: task, ability, layer, questions, pictures (how many they are about), chance, base,
    accuracy, delta, low, high (95% interval of delta), p (exact McNemar), q (Benjamini-Hochberg
    over all tasks and layers of the table). Accuracies are fractions. Where several questions of a
    task are about one picture, interval and p are those of `significance.clustered`.
    """
    base, _ = with_part(outcomes, part)
    rows = []
    for task, group in base.groupby("task", sort=False):
        right, knocked = correctness(outcomes, task, part)
        n, before = len(right), right.to_numpy()[:, None]
        after = knocked.to_numpy()  # [questions, layers]
        gained, lost = (after & ~before).sum(0), (before & ~after).sum(0)
        low, high = paired_interval(gained, lost, n)
        change, pictures = after.astype(int) - before, pictures_of(group, right.index)
        if len(set(pictures)) < n:
            low, high, _ = clustered(change, pictures)
        rows.append(
            pd.DataFrame(
                dict(
                    task=task,
                    ability=group.ability.iloc[0],
                    layer=knocked.columns,
                    questions=n,
                    pictures=len(set(pictures)),
                    chance=group.chance.mean(),
                    base=right.mean(),
                    accuracy=after.mean(0),
                    delta=(gained - lost) / n,
                    low=low,
                    high=high,
                    p=change_p(change, pictures),
                )
            )
        )
    table = pd.concat(rows, ignore_index=True)
    return table.assign(q=false_discovery(table.p))


def gain_kind(vectors: pd.DataFrame) -> pd.Series:
    """What a rise of accuracy is worth: "towards chance", "across chance" or "above chance"; else
    "none".

    Where the base model is worse than a guess, whatever breaks it looks like a gain. Above chance
    is what has its 95% Wilson interval above it: "towards chance" does not end there, "across
    chance" does, "above chance" also began there. Questions about one picture count as one.
    """
    base, accuracy = (
        accuracy_interval(np.round(share * vectors.pictures), vectors.pictures)[0] > vectors.chance
        for share in (vectors.base, vectors.accuracy)
    )
    kinds = np.select(
        [vectors.delta <= 0, ~accuracy, ~base],
        ["none", "towards chance", "across chance"],
        "above chance",
    )
    return pd.Series(kinds, index=vectors.index)


def task_accuracy(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of the base model, one row a task and form, with its 95% interval and chance level,
    of what could be scored.
    """
    base = outcomes[(outcomes.part == "base") & (outcomes.answer != UNSCORED)]
    rows = []
    for (task, form), group in base.groupby(["task", "form"], sort=False):
        low, high = accuracy_interval(group.correct.sum(), len(group))
        pictures = pictures_of(group, group.question)
        if len(set(pictures)) < len(group):
            (low,), (high,), _ = (
                np.clip(end, 0, 1)
                for end in clustered(group[["correct"]].to_numpy(float), pictures)
            )
        rows.append(
            dict(
                task=task,
                ability=group.ability.iloc[0],
                form=form,
                questions=len(group),
                accuracy=group.correct.mean(),
                low=low,
                high=high,
                chance=group.chance.mean(),
            )
        )
    return pd.DataFrame(rows)


def matrix(vectors: pd.DataFrame, column: str = "delta") -> pd.DataFrame:
    """A column of the vectors as a table [tasks, layers], tasks in their first order."""
    return vectors.pivot(index="task", columns="layer", values=column).reindex(
        vectors.task.unique()
    )
