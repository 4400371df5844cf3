"""One row a task or a kind of thing: estimates with their intervals, shares."""

import numpy as np
import pandas as pd

from ..analysis.clear import gains_clearly
from .base import POINTS, axes_of, legend_below, task_labels

FORM_MARKS = {  # how far from its task's line, marker and colour
    "direct": (0.15, "o", "#0072B2"),
    "choice": (-0.15, "s", "#D55E00"),
    "open": (0.0, "^", "#009E73"),
}


def show_accuracy(table: pd.DataFrame, title: str):
    """Accuracy of each task and form with 95% intervals, and both levels of chance; `table` is from
    `task_accuracy`.
    """
    tasks = list(dict.fromkeys(table.task))[::-1]
    figure, axis = axes_of(7.5, 0.24 * len(tasks) + 1.2, title)
    forms = [form for form in FORM_MARKS if form in set(table.form)]
    for form in forms:
        offset, marker, colour = FORM_MARKS[form]
        rows = table[table.form == form].set_index("task")
        rows = rows.reindex([task for task in tasks if task in rows.index])
        y = np.array([tasks.index(task) for task in rows.index]) + offset
        axis.errorbar(
            POINTS * rows.accuracy,
            y,
            xerr=POINTS * np.abs([rows.accuracy - rows.low, rows.high - rows.accuracy]),
            fmt=marker,
            ms=4,
            lw=1,
            color=colour,
            label=f"{form} form (95% interval)",
        )
        for column, ticks, label in (
            ("chance", "|", "a blind guess"),
            ("informed", "4", "a guess that has looked"),
        ):
            shown = label if form == forms[0] else None
            axis.plot(POINTS * rows[column], y, ticks, color="black", ms=7, label=shown)
    axis.set(
        yticks=range(len(tasks)),
        yticklabels=tasks,
        xlim=(0, 101),
        ylim=(-0.7, len(tasks) - 0.3),
        xlabel="accuracy (%)",
    )
    axis.grid(axis="x", alpha=0.3)
    legend_below(figure, 3)
    return figure


def show_changes(
    table: pd.DataFrame,
    labels,
    title: str,
    xlabel: str = "change of accuracy (points)",
    scale: float = POINTS,
):
    """Changes with 95% intervals, one row each; `table` has delta, low and high, drawn times
    `scale`.
    """
    figure, axis = axes_of(7.5, 0.24 * len(table) + 1.2, title)
    y = np.arange(len(table))[::-1]
    axis.axvline(0, color="black", lw=0.8)
    axis.errorbar(
        scale * table.delta,
        y,
        xerr=scale * np.abs([table.delta - table.low, table.high - table.delta]),
        fmt="o",
        ms=4,
        lw=1,
        color="#0072B2",
        label="estimate and 95% interval",
    )
    axis.set(yticks=y, yticklabels=labels, ylim=(-0.7, len(table) - 0.3), xlabel=xlabel)
    axis.grid(axis="x", alpha=0.3)
    return figure, axis


def show_best_gains(gains: pd.DataFrame, labels, title: str):
    """The largest of many gains as `show_changes` draws them; a diamond where one is clear (q below
    5%).
    """
    figure, axis = show_changes(gains, labels, title)
    clear = gains_clearly(gains).to_numpy()
    y = np.arange(len(gains))[::-1]
    axis.plot(
        POINTS * gains.delta[clear],
        y[clear],
        "D",
        color="#542788",
        ms=6,
        label="clearly helps (survives)",
    )
    legend_below(figure, 2)
    return figure


def show_gains(gains: pd.DataFrame, title: str):
    """TaLo's gain on every task with its 95% interval, beside a random layer and the best layer in
    hindsight.
    """
    table = gains.sort_values("delta", ascending=False)
    figure, axis = show_changes(table, task_labels(table), title)
    y = np.arange(len(table))[::-1]
    axis.plot(POINTS * table.random, y, "x", color="#D55E00", ms=4, label="a random layer")
    axis.plot(
        POINTS * table.hindsight,
        y,
        "D",
        mfc="none",
        color="#009E73",
        ms=4,
        label="best layer in hindsight",
    )
    legend_below(figure, 3)
    return figure


def show_planted(marks: pd.DataFrame, title: str):
    """For every planted model the share of draws that chose the planted layer, another one, or
    none; from `planting.mark`.
    """
    table = marks.sort_values(["layer", "task"])
    figure, axis = axes_of(7.5, 0.2 * len(table) + 1.4, title)
    y, left = np.arange(len(table))[::-1], np.zeros(len(table))
    for label, share, colour in (
        ("planted layer", table.found, "#0072B2"),
        ("another layer", table.innocent, "#E69F00"),
        ("none", 1 - table.found - table.innocent, "#DDDDDD"),
    ):
        axis.barh(y, POINTS * share, left=left, color=colour, label=label, height=0.8)
        left = left + POINTS * share
    axis.set(
        yticks=y,
        yticklabels=[
            f"layer {row.layer}, {row.task} ({round(-POINTS * row.damage):+d} points)"
            for row in table.itertuples()
        ],
        xlim=(0, 100),
        ylim=(-0.7, len(table) - 0.3),
        xlabel="draws (%)",
    )
    legend_below(figure, 3)
    return figure
