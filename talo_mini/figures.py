"""The book's figures: one function a figure, one style, colours that colour-blind readers can tell
apart.
"""

import textwrap
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.cluster import hierarchy

ABILITY_COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#999999",
)  # Okabe and Ito
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
POINTS = 100  # points in a fraction
DOT = dict(ms=2.5, mfc="white", mec="black", mew=0.6)  # seen on light and on dark


def _axes(width, height, title=None, **options):
    """A figure of that size in inches and its axes; the title stands over the last of them."""
    # made outside the context, which would also undo what a notebook's backend sets at the first
    # figure
    figure = plt.figure(figsize=(width, height), dpi=110, layout="constrained")
    with plt.rc_context(STYLE):
        axes = figure.subplots(**options)
        if title:
            np.atleast_1d(axes).flat[-1].set_title(title, loc="left", fontsize=11)
    return figure, axes


def _ability_colour(abilities):
    return dict(zip(dict.fromkeys(abilities), cycle(ABILITY_COLOURS), strict=False))


def show_questions(questions, columns: int = 4, titles=None):
    """Pictures with their question and right answer beneath."""
    rows = -(-len(questions) // columns)
    figure, axes = _axes(2.3 * columns, 3.1 * rows, nrows=rows, ncols=columns, squeeze=False)
    for axis in axes.flat[len(questions) :]:
        axis.axis("off")
    for i, (axis, question) in enumerate(zip(axes.flat, questions, strict=False)):
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set(visible=True, color="#BBBBBB")  # a frame: pictures may be white
        axis.imshow(question.image, interpolation="nearest")
        axis.set_title(titles[i] if titles else question.task, fontsize=8)
        lines = [*textwrap.wrap(question.text, 30), f"→ {question.options[question.answer]}"]
        axis.text(
            0.5,
            -0.04,
            "\n".join(lines + [""] * (3 - len(lines))),
            fontsize=8,
            ha="center",
            va="top",
            transform=axis.transAxes,
        )
    return figure


def show_accuracy(table: pd.DataFrame, title: str):
    """Accuracy of each task and form with 95% intervals, and both levels of chance; `table` is from
    `task_accuracy`.
    """
    tasks = list(dict.fromkeys(table.task))[::-1]
    figure, axis = _axes(7.5, 0.24 * len(tasks) + 1.2, title)
    for form, offset, marker, colour in (
        ("direct", 0.15, "o", "#0072B2"),
        ("choice", -0.15, "s", "#D55E00"),
    ):
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
            shown = label if form == "choice" else None
            axis.plot(POINTS * rows[column], y, ticks, color="black", ms=7, label=shown)
    axis.set(
        yticks=range(len(tasks)),
        yticklabels=tasks,
        xlim=(0, 101),
        ylim=(-0.7, len(tasks) - 0.3),
        xlabel="accuracy (%)",
    )
    axis.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def show_heat_map(vectors: pd.DataFrame, title: str, level: float = 0.05):
    """Change of accuracy for every task and layer; a dot marks changes whose false-discovery q is
    below `level`.

    Colours end at 25 points; the base model's accuracy and chance stand beside each task.
    """
    deltas = (
        vectors.pivot(index="task", columns="layer", values="delta").reindex(vectors.task.unique())
        * POINTS
    )
    marked = vectors.pivot(index="task", columns="layer", values="q").reindex(deltas.index) < level
    figure, axis = _axes(7.5, 0.24 * len(deltas) + 1.6, title)
    limit = min(25, max(1, deltas.abs().max(axis=None)))
    picture = axis.imshow(deltas, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
    y, x = np.nonzero(marked.to_numpy())
    axis.plot(x, y, "o", **DOT)
    axis.set(
        xticks=range(deltas.shape[1]),
        xticklabels=deltas.columns,
        yticks=range(len(deltas)),
        yticklabels=task_labels(vectors.drop_duplicates("task")),
        xlabel="layer knocked out",
    )
    figure.colorbar(
        picture,
        ax=axis,
        shrink=0.6,
        extend="both" if deltas.abs().max(axis=None) > limit else "neither",
        label="change of accuracy (points)",
    )
    return figure


def show_grid(
    table: pd.DataFrame,
    row: str,
    column: str,
    value: str,
    title: str,
    label: str,
    xlabel: str,
    ylabel: str = "",
):
    """A value, in fractions, for every row and column, in points; a dot where the column `clear` is
    true.
    """
    values = table.pivot(index=row, columns=column, values=value) * POINTS
    figure, axis = _axes(6.5, 0.33 * len(values) + 1.6, title)
    limit = values.abs().max(axis=None)
    picture = axis.imshow(values, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
    y, x = np.nonzero((table.pivot(index=row, columns=column, values="clear") == True).to_numpy())  # noqa: E712 (nan is not clear)
    axis.plot(x, y, "o", **DOT)
    axis.set(
        xticks=range(values.shape[1]),
        xticklabels=values.columns,
        yticks=range(len(values)),
        yticklabels=values.index,
        xlabel=xlabel,
        ylabel=ylabel,
    )
    figure.colorbar(picture, ax=axis, label=label)
    return figure


def show_pairs(
    tables: dict, x: str, y: str, title: str, xlabel: str, ylabel: str, line: bool = True
):
    """Two columns against each other by label, with the `line` where they are equal."""
    figure, axis = _axes(5.5, 4.2, title)
    for (label, table), colour, marker in zip(
        tables.items(), cycle(ABILITY_COLOURS), cycle("osD^v"), strict=False
    ):
        axis.plot(table[x], table[y], marker, ms=4, color=colour, alpha=0.8, label=label)
    if line:
        axis.axline((0, 0), slope=1, color="black", lw=0.8, ls="--", label="equal")
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


def _curves(axis, curves, scale=1, log=False):
    """Curves by label over the index of tables with delta, low and high; intervals stand a little
    apart, so that each is seen.
    """
    axis.axhline(0, color="black", lw=0.8)
    for i, ((label, table), colour, marker) in enumerate(
        zip(curves.items(), cycle(ABILITY_COLOURS), cycle("osD^vP"), strict=False)
    ):
        apart = i - (len(curves) - 1) / 2
        x = table.index * 1.04**apart if log else table.index + 0.08 * apart
        axis.errorbar(
            x,
            scale * table.delta,
            yerr=scale * np.abs([table.delta - table.low, table.high - table.delta]),
            marker=marker,
            ms=4,
            lw=1.2,
            elinewidth=0.8,
            color=colour,
            label=label,
        )
    axis.grid(alpha=0.3)


def show_depth(curves: dict, title: str, xlabel: str, ylabel: str):
    """Curves over the layers by label, with 95% intervals and a line at zero; tables with delta,
    low and high, indexed by layer.
    """
    figure, axis = _axes(6.5, 3.6, title)
    _curves(axis, curves)
    axis.set(
        xlabel=xlabel, ylabel=ylabel, xticks=range(max(len(values) for values in curves.values()))
    )
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def show_planted(marks: pd.DataFrame, title: str):
    """For every planted model the share of draws that chose the planted layer, another one, or
    none; from `planting.mark`.
    """
    table = marks.sort_values(["layer", "task"])
    figure, axis = _axes(7.5, 0.2 * len(table) + 1.4, title)
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
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def task_labels(table: pd.DataFrame) -> list[str]:
    """Each row's task with the accuracy of the base model and of a guess that has looked."""
    return [
        f"{row.task}  {POINTS * row.base:.0f}% (chance {POINTS * row.informed:.0f}%)"
        for row in table.itertuples()
    ]


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
    figure, axis = _axes(7.5, 0.24 * len(table) + 1.2, title)
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
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def show_similarity(similar: pd.DataFrame, abilities: pd.Series, linkage, title: str):
    """Correlations between tasks in cluster order beside the dendrogram; task names coloured by
    ability.
    """
    order = hierarchy.leaves_list(linkage)
    colours = _ability_colour(abilities.reindex(similar.index))
    size = 0.2 * len(similar) + 1.5
    figure, (tree, axis) = _axes(size + 2.2, size, title, ncols=2, width_ratios=(1, 5))
    hierarchy.dendrogram(
        linkage,
        orientation="left",
        ax=tree,
        no_labels=True,
        color_threshold=0,
        above_threshold_color="#555555",
    )
    tree.set(xlabel="1 - correlation", ylim=(10 * len(order), 0))
    picture = axis.imshow(
        similar.to_numpy()[np.ix_(order, order)], cmap="PuOr", vmin=-1, vmax=1, aspect="auto"
    )
    names = similar.index[order]
    axis.set(xticks=[], yticks=range(len(order)), yticklabels=names)
    for label, name in zip(axis.get_yticklabels(), names, strict=True):
        label.set_color(colours[abilities[name]])
    figure.colorbar(picture, ax=axis, shrink=0.6, label="correlation of vectors")
    handles = [
        plt.Line2D([], [], marker="s", ls="", color=colour, label=ability)
        for ability, colour in colours.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    return figure


def show_curves(
    curves: dict, x: str, title: str, xlabel: str, ylabel: str, log: bool = True, ticks: bool = True
):
    """Curves with 95% intervals by label; each table has the column `x` and delta, low and high, in
    fractions.

    On a `log` axis, `ticks` marks every x.
    """
    figure, axis = _axes(6.5, 3.6, title)
    _curves(axis, {label: table.set_index(x) for label, table in curves.items()}, POINTS, log)
    if log:
        axis.set_xscale("log")
    if log and ticks:
        marks = sorted({value for table in curves.values() for value in table[x]})
        axis.set_xticks(marks, [f"{value:g}" for value in marks], minor=False)
        axis.minorticks_off()
    axis.set(xlabel=xlabel, ylabel=ylabel)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def show_spread(values: dict, title: str, xlabel: str):
    """Histograms of values by label, in fractions shown as points, each summing to 100%, with a
    line at each mean.
    """
    figure, axis = _axes(6.5, 3.2, title)
    everything = np.concatenate([np.asarray(found, float) for found in values.values()])
    bins = np.histogram_bin_edges(POINTS * everything, 30)
    for (label, found), colour, style in zip(
        values.items(), cycle(ABILITY_COLOURS), cycle(("-", "--", ":", "-.")), strict=False
    ):
        found = POINTS * np.asarray(found, float)
        axis.hist(
            found,
            bins,
            weights=np.full(len(found), 100 / len(found)),
            histtype="step",
            color=colour,
            lw=1.5,
            label=label,
        )
        axis.axvline(
            found.mean(), color=colour, ls=style, lw=1, label=f"its mean, {found.mean():+.1f}"
        )
    axis.set(xlabel=xlabel, ylabel="share (%)")
    figure.legend(loc="outside lower center", ncols=len(values), frameon=False)
    return figure
