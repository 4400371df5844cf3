"""What training does to vectors: a layer that helped is followed, other tasks are compared."""

import numpy as np
import pandas as pd

from .clear import gains_clearly
from .significance import mean_interval
from .summaries import mean_by
from .vectors import gain_kind, matrix

NEAR_ONE = 0.999  # Fisher's z of a correlation of 1 is infinite


def fisher_mean(correlations) -> dict:
    """The mean of correlations in Fisher's z, so that its 95% interval ends at 1.

    Keys: delta, low, high.
    """
    values = pd.Series(correlations).dropna().clip(-NEAR_ONE, NEAR_ONE)
    z = np.arctanh(values)
    low, high = np.tanh(mean_interval(z))
    return dict(delta=float(np.tanh(z.mean())), low=float(low), high=float(high))


def followed(vectors: dict, probing: dict) -> pd.DataFrame:
    """The layer that helped each task most before training, and the one that would be chosen now.

    `vectors` and `probing` are `interaction_vectors` by dose of training, the base model's under 0:
    measured on test questions, and on those by which layers are chosen. Columns: task, questions
    (the dose), layer, layer_now (-1 where none helps), delta_now with _low and _high (nan there),
    base, chance, informed, delta, low, high, kind, clearly_help (how many layers do); fractions.
    """
    helps = {dose: matrix(table) for dose, table in probing.items()}
    chosen = helps[0].idxmax(axis=1)
    rows = []
    for dose, table in vectors.items():
        kinds = table.assign(kind=gain_kind(table), clear=gains_clearly(table))
        for task, layer in chosen.items():
            own = kinds[kinds.task == task].set_index("layer")
            gains = helps[dose].loc[task]
            now = int(gains.idxmax()) if gains.max() > 0 else -1  # as TaLo: none if none helps
            again = own.loc[now] if now >= 0 else dict.fromkeys(("delta", "low", "high"), np.nan)
            row = dict(task=task, questions=dose, layer=layer, layer_now=now)
            row |= dict(delta_now=again["delta"])
            row |= {f"delta_now_{end}": again[end] for end in ("low", "high")}
            row |= dict(
                own.loc[layer, ["base", "chance", "informed", "delta", "low", "high", "kind"]]
            )
            rows.append(row | dict(clearly_help=int(own.clear.sum())))
    return pd.DataFrame(rows)


def vectors_moved(vectors: dict, outcomes: dict, trained: list[str]) -> pd.DataFrame:
    """How far training moved the vectors and the accuracy of the tasks that were trained, each, and
    of all others.

    `vectors` and `outcomes` by dose of training, the base model's under 0. Columns: questions (the
    dose), tasks, delta (correlation of the vectors before and after, the mean of the others by
    Fisher's z), low, high (none of a single task), deep with _low and _high (the same without layer
    0), moved (mean absolute change of a knockout's effect), base_change with _low and _high (of
    accuracy: over tasks, of a trained one over its questions); fractions.
    """
    right = {
        dose: table[table.part == "base"].set_index(["task", "question"]).correct.astype(int)
        for dose, table in outcomes.items()
    }
    before, rows = matrix(vectors[0]), []
    for dose in [dose for dose in vectors if dose]:
        after, change = matrix(vectors[dose]), right[dose] - right[0]
        correlation, moved = before.corrwith(after, axis=1), (after - before).abs().mean(axis=1)
        deep_correlation = before.drop(columns=0, errors="ignore").corrwith(after, axis=1)
        deep = fisher_mean(deep_correlation.drop(trained))
        others_row = fisher_mean(correlation.drop(trained)) | dict(deep=deep["delta"])
        others_row |= dict(deep_low=deep["low"], deep_high=deep["high"])
        others_row |= dict(moved=moved.drop(trained).mean())
        by_task = change.drop(trained, level="task").groupby("task").mean()
        records = [("other tasks", others_row, by_task)]
        task_rows = pd.DataFrame(dict(delta=correlation, deep=deep_correlation, moved=moved))
        records += [(task, dict(task_rows.loc[task]), change[task]) for task in trained]
        for name, row, changes in records:
            low, high = mean_interval(changes)
            row = dict(questions=dose, tasks=name) | row | dict(base_change=changes.mean())
            rows.append(row | dict(base_change_low=low, base_change_high=high))
    return pd.DataFrame(rows)


def by_dose(table: pd.DataFrame) -> pd.DataFrame:
    """The mean over plants at each dose: questions, base, delta, low, high (95%), fractions."""
    return mean_by(table, "questions").assign(
        base=table.groupby("questions").base.mean().to_numpy()
    )
