"""Something along something else: shots, layers, seconds, one measure against another."""

from itertools import cycle
from textwrap import fill

import numpy as np

from .base import ABILITY_COLOURS, POINTS, axes_of, layer_ticks, legend_below

LETTERS_BESIDE = 32  # of a label along the height of a figure


def _curves(axis, curves, scale=1, log=False):
    """Curves by label over the index of tables with delta, low and high; intervals stand a little
    apart, so that each is seen.
    """
    axis.axhline(0, color="black", lw=0.8)
    every = [x for table in curves.values() for x in table.index]
    step = 0.01 * (max(every) - min(every)) if every else 0
    for i, ((label, table), colour, marker) in enumerate(
        zip(curves.items(), cycle(ABILITY_COLOURS), cycle("osD^vP"), strict=False)
    ):
        apart = i - (len(curves) - 1) / 2
        x = table.index * 1.04**apart if log else table.index + step * apart
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


def show_curves(
    curves: dict, x: str, title: str, xlabel: str, ylabel: str, log: bool = True, ticks: bool = True
):
    """Curves with 95% intervals by label; each table has the column `x` and delta, low and high, in
    fractions.

    On a `log` axis, `ticks` marks every x.
    """
    figure, axis = axes_of(6.5, 3.6, title)
    _curves(axis, {label: table.set_index(x) for label, table in curves.items()}, POINTS, log)
    if log:
        axis.set_xscale("log")
    if log and ticks:
        marks = sorted({value for table in curves.values() for value in table[x]})
        axis.set_xticks(marks, [f"{value:g}" for value in marks], minor=False)
        axis.minorticks_off()
    axis.set(xlabel=xlabel, ylabel=fill(ylabel, LETTERS_BESIDE))
    legend_below(figure, 3)
    return figure


def show_depth(curves: dict, title: str, xlabel: str, ylabel: str):
    """Curves over the layers by label, with 95% intervals and a line at zero; tables with delta,
    low and high, indexed by layer.
    """
    figure, axis = axes_of(6.5, 3.6, title)
    _curves(axis, curves)
    layers = range(max(len(values) for values in curves.values()))
    axis.set(xlabel=xlabel, ylabel=fill(ylabel, LETTERS_BESIDE), **layer_ticks(layers))
    legend_below(figure, 3)
    return figure


def show_pairs(
    tables: dict, x: str, y: str, title: str, xlabel: str, ylabel: str, line: bool = True
):
    """Two columns against each other by label, with the `line` where they are equal."""
    figure, axis = axes_of(5.5, 4.2, title)
    for (label, table), colour, marker in zip(
        tables.items(), cycle(ABILITY_COLOURS), cycle("osD^v"), strict=False
    ):
        axis.plot(table[x], table[y], marker, ms=4, color=colour, alpha=0.8, label=label)
    if line:
        axis.axline((0, 0), slope=1, color="black", lw=0.8, ls="--", label="equal")
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.grid(alpha=0.3)
    legend_below(figure, 4)
    return figure


def show_spread(values: dict, title: str, xlabel: str):
    """Histograms of values by label, in fractions shown as points, each summing to 100%, with a
    line at each mean.
    """
    figure, axis = axes_of(6.5, 3.2, title)
    everything = np.concatenate([np.asarray(sample, float) for sample in values.values()])
    bins = np.histogram_bin_edges(POINTS * everything, 30)
    for (label, sample), colour, style in zip(
        values.items(), cycle(ABILITY_COLOURS), cycle(("-", "--", ":", "-.")), strict=False
    ):
        sample = POINTS * np.asarray(sample, float)
        axis.hist(
            sample,
            bins,
            weights=np.full(len(sample), 100 / len(sample)),
            histtype="step",
            color=colour,
            lw=1.5,
            label=label,
        )
        axis.axvline(
            sample.mean(), color=colour, ls=style, lw=1, label=f"its mean, {sample.mean():+.1f}"
        )
    axis.set(xlabel=xlabel, ylabel="share (%)")
    legend_below(figure, len(values))
    return figure
