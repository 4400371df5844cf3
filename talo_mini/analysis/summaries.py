"""Means over tasks of what tables hold by task, layer and kind of knockout."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .clear import LEVEL
from .groups import named_by
from .significance import clustered, false_discovery, mean_interval, mean_p
from .talo import mean_gain
from .vectors import gain_kind


def mean_change(vectors: pd.DataFrame) -> dict:
    """The mean change over all layers and tasks of vectors, and how many changes are clear.

    Keys: knockouts, delta, low, high (95% interval over tasks), worst (mean accuracy without the
    layer that is missed most), clearly_hurt, clearly_help (q below 5%), help_above_chance (to above
    chance from above it); fractions.
    """
    by_task, clear = vectors.groupby("task").delta.mean(), vectors[vectors.q < 0.05]
    low, high = mean_interval(by_task)
    return dict(
        knockouts=len(vectors),
        delta=float(by_task.mean()),
        low=low,
        high=high,
        worst=float(vectors.groupby("layer").accuracy.mean().min()),
        clearly_hurt=int((clear.delta < 0).sum()),
        clearly_help=int((clear.delta > 0).sum()),
        help_above_chance=int((gain_kind(clear) == "above chance").sum()),
    )


def mean_changes(vectors: dict, names: Sequence[str]) -> pd.DataFrame:
    """`mean_change` of several vectors, one row each.

    `vectors` by a text that becomes the column of `names`, or by a tuple whose items become its
    columns; further columns are the keys of `mean_change`.
    """
    rows = [named_by(key, names) | mean_change(table) for key, table in vectors.items()]
    return pd.DataFrame(rows)


def mean_by_place(vectors: pd.DataFrame) -> pd.DataFrame:
    """The mean over tasks of each knockout: form, part, layer, delta (a fraction), clear (whether
    it clearly changes a task, q below 5%); in the order of the vectors.
    """
    marked = vectors.assign(clear=vectors.q < LEVEL)
    grouped = marked.groupby(["form", "part", "layer"], sort=False, as_index=False)
    return grouped.agg(delta=("delta", "mean"), clear=("clear", "any"))


def difference_of_means(one: pd.Series, other: pd.Series) -> dict:
    """The mean of one - other over the tasks that both have: delta, low, high (95%), tasks."""
    return mean_value(one - other)


def by_layer(vectors: pd.DataFrame) -> pd.DataFrame:
    """The mean over tasks of each layer's knockout: layer, delta, low, high (95%), fractions."""
    return mean_by(vectors, "layer")


def mean_by(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The mean of a table's delta for each value of a column: that column, delta, low, high (95%
    interval over its rows).
    """
    rows = []
    for value, group in table.groupby(column):
        low, high = mean_interval(group.delta)
        rows.append({column: value} | dict(delta=group.delta.mean(), low=low, high=high))
    return pd.DataFrame(rows)


def mean_gains(gains: dict, names: Sequence[str]) -> pd.DataFrame:
    """TaLo's mean gain over the tasks of several tables.

    `gains` are rows of `talo_gains` (or `roomy_gains`) by a tuple whose items become the columns
    `names`; several rows of one task are one thing to the interval, and a table without rows has
    none here. Further columns: tasks, base, chance, informed (a guess that has looked), delta, low,
    high (95% interval over tasks), p (t test over tasks), q (over the table, gains and losses
    apart), acted, harmed, hindsight.
    """
    rows = []
    for key, own in gains.items():
        if own.empty:
            continue
        low, high, p = over_tasks(own)
        row = named_by(key, names)
        row |= dict(tasks=own.task.nunique(), base=own.base.mean())
        row |= dict(chance=own.chance.mean(), informed=own.informed.mean())
        row |= dict(delta=own.delta.mean(), low=low, high=high)
        row |= dict(p=p, acted=own.acted.mean(), harmed=own.harmed.mean())
        rows.append(row | dict(hindsight=own.hindsight.mean()))
    numbers = ["base", "chance", "informed", "delta", "low", "high", "p"]
    columns = [*names, "tasks", *numbers, "acted", "harmed", "hindsight"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(q=false_discovery(table.p, table.delta))


def over_tasks(gains: pd.DataFrame) -> tuple[float, float, float]:
    """Low and high (95%) and p (t test) of a mean gain over tasks like these; nan without spread.

    `gains` has task and delta; several rows of one task are one thing to the interval.
    """
    if gains.task.is_unique or gains.delta.nunique() == 1:
        return *mean_interval(gains.delta), mean_p(gains.delta)
    tasks = pd.factorize(gains.task)[0]
    interval_and_p = clustered(gains.delta.to_numpy()[:, None], tasks, bounds=None)
    low, high, p = (float(value) for (value,) in interval_and_p)
    return low, high, p


def beside_luck(gains: pd.DataFrame, released: pd.DataFrame, roomy: pd.DataFrame) -> pd.DataFrame:
    """TaLo's mean gain over tasks beside the released rule's, luck's and hindsight's.

    `gains` and `released` are of `talo_gains`, `roomy` of `roomy_gains`: its row is left out where
    no task has room. Columns: method, delta, low, high (95% interval over new tasks; over new
    questions of these tasks in the row of those with room), tasks, base, chance, informed (a guess
    that has looked), p (of TaLo's rows); fractions.
    """
    rows = []
    for method, table, column in (
        ("TaLo", gains, "delta"),
        ("TaLo, tasks with room", roomy, "delta"),
        ("TaLo, released rule", released, "delta"),
        ("random layer", gains, "random"),
        ("best layer in hindsight", gains, "hindsight"),
    ):
        if table.empty:
            continue
        low, high = mean_interval(table[column])
        estimate = dict(delta=table[column].mean(), low=low, high=high)
        estimate |= dict(p=mean_p(table.delta)) if column == "delta" else {}
        estimate |= mean_gain(table) if method.endswith("with room") else {}
        about = dict(tasks=table.task.nunique(), base=table.base.mean())
        about |= dict(chance=table.chance.mean(), informed=table.informed.mean())
        rows.append(dict(method=method) | estimate | about)
    return pd.DataFrame(rows)


def beside_luck_by_form(
    gains: dict[str, pd.DataFrame],
    released: dict[str, pd.DataFrame],
    roomy: dict[str, pd.DataFrame],
) -> pd.DataFrame:
    """`beside_luck` of each form, all three tables by form.

    Columns: those of `beside_luck`, form, q (over TaLo's rows of all forms, gains and losses
    apart).
    """
    tables = [
        beside_luck(gains[form], released[form], roomy[form]).assign(form=form) for form in gains
    ]
    whole = pd.concat(tables, ignore_index=True)
    return whole.assign(q=false_discovery(whole.p, whole.delta))


def mean_value(values, *, most: float = np.inf) -> dict:
    """The mean of one value a task: delta, low, high (95% interval over tasks), tasks.

    What is nan is left out, so are intervals of a single value. The interval of values that cannot
    leave [-most, most] does not leave it either.
    """
    numbers = pd.Series(values, dtype=float).dropna()
    low, high = mean_interval(numbers, most=most) if len(numbers) > 1 else (np.nan, np.nan)
    return dict(delta=float(numbers.mean()), low=low, high=high, tasks=len(numbers))


def mean_choice_gains(choices: dict, names: Sequence[str]) -> pd.DataFrame:
    """What several choices gain, mean over their tasks, one row each.

    `choices` are tables of `Choice.table` by a tuple whose items become the columns `names`.
    Further columns: acts (in how many tasks something is bypassed), delta, low, high (95% interval
    over tasks), tasks, p (t test over tasks), q (over the table, gains and losses apart).
    """
    rows = []
    for key, tasks in choices.items():
        row = named_by(key, names) | dict(acts=int(tasks.part.notna().sum()))
        rows.append(row | mean_value(tasks.gain) | dict(p=mean_p(tasks.gain)))
    table = pd.DataFrame(rows)
    return table.assign(q=false_discovery(table.p, table.delta))
