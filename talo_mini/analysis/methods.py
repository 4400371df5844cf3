"""Methods that were given the same labelled questions, side by side over the same tasks."""

from collections.abc import Callable

import pandas as pd

from .groups import split_by, stacked
from .significance import false_discovery, mean_interval, mean_p


def method_curves(runs: pd.DataFrame) -> pd.DataFrame:
    """Each method's mean change of accuracy against the number of labelled questions.

    `runs` has the columns method, shots, task, draw, delta and seconds. Draws of one task are not
    independent, so that tasks are what the interval is over. Columns: method, shots, tasks, delta,
    low, high (95%, fractions), seconds.
    """
    by_task = runs.groupby(["method", "shots", "task"], sort=False)[["delta", "seconds"]].mean()
    rows = []
    for (method, shots), group in by_task.groupby(["method", "shots"], sort=False):
        low, high = mean_interval(group.delta)
        row = dict(method=method, shots=shots, tasks=len(group), delta=group.delta.mean())
        row |= dict(low=max(low, -1.0), high=min(high, 1.0), seconds=group.seconds.mean())
        rows.append(row)
    return pd.DataFrame(rows).sort_values(["shots"], kind="stable").reset_index(drop=True)


def method_differences(runs: pd.DataFrame, first: str) -> pd.DataFrame:
    """What one method gains more than each other, with the same labelled questions, by task.

    Columns: shots, method (the other), tasks, delta (first - other), low, high (95% interval over
    tasks), times_longer (the other's seconds over the first's), p (t test over tasks; nan for a
    single one), q (over the table, each direction apart).
    """
    by_task = runs.groupby(["shots", "method", "task"])[["delta", "seconds"]].mean()
    others = [method for method in runs.method.unique() if method != first]
    rows = []
    for shots in runs.shots.unique():
        own = by_task.loc[shots, first]
        for method in others:
            other = by_task.loc[shots, method]
            ahead = own.delta - other.delta
            low, high = mean_interval(ahead)
            row = dict(shots=shots, method=method, tasks=len(ahead), delta=ahead.mean())
            row |= dict(low=low, high=high, p=mean_p(ahead))
            rows.append(row | dict(times_longer=other.seconds.mean() / own.seconds.mean()))
    table = pd.DataFrame(rows)
    known = table.p.fillna(1)  # one task alone tells nothing
    return table.assign(q=false_discovery(known, table.delta))


def shots_ahead(differences: pd.DataFrame, method: str) -> tuple[list[int], list[int]]:
    """With how many shots a method's mean is above the first one's, and with how many clearly so
    (q below 5%). `differences` is what `method_differences` gave.
    """
    own = differences[(differences.method == method) & (differences.delta < 0)]
    return own.shots.tolist(), own.shots[own.q < 0.05].tolist()


def in_each_place(contest: pd.DataFrame, measure: Callable, *given) -> pd.DataFrame:
    """What `measure`, `method_curves` say, tells of the runs of each place (column where)."""
    places = split_by(contest, "where")
    return stacked({place: measure(own, *given) for place, own in places.items()}, ["where"])


def spread_of_draws(contest: pd.DataFrame) -> pd.DataFrame:
    """How far one draw of the labelled questions is from another: a row a place, task, method and
    number of shots.

    Columns: where, task, method, shots, base, delta (means over draws), worst_draw, best_draw (of
    delta), seconds.
    """
    groups = contest.groupby(["where", "task", "method", "shots"], sort=False)
    spread = groups.agg(
        base=("base", "mean"),
        delta=("delta", "mean"),
        worst_draw=("delta", "min"),
        best_draw=("delta", "max"),
        seconds=("seconds", "mean"),
    )
    return spread.reset_index()
