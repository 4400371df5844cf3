"""The picture that leads each page: how many times as fast as plain hooks, and the bound."""

from pathlib import Path

import matplotlib.pyplot as plt

from talo_mini.figures.base import axes_of

OURS, OTHERS, BOUND = "#0072B2", "#BBBBBB", "#D55E00"


def save_chart(rows: list[dict], title: str, path: Path):
    """A bar for each row, `times` as fast as plain hooks; its `bound` is a mark where it has one.

    A row also has a `label`, and `ours` says whether it is this engine.
    """
    figure, axis = axes_of(7.5, 0.3 * len(rows) + 1.3, title)
    places = range(len(rows))[::-1]
    colours = [OURS if row["ours"] else OTHERS for row in rows]
    bars = axis.barh(places, [row["times"] for row in rows], color=colours, height=0.7)
    axis.bar_label(bars, [f"{row['times']:.1f}" for row in rows], padding=5)
    known = [
        (row["bound"], place)
        for row, place in zip(rows, places, strict=True)
        if row["bound"] is not None
    ]
    label = "bound on operations, at the speed of a plain pass"
    axis.plot(*zip(*known, strict=True), "|", color=BOUND, ms=14, mew=2.5, label=label)
    axis.axvline(1, color="black", lw=0.8)
    axis.set(
        yticks=places,
        yticklabels=[row["label"] for row in rows],
        xlabel="times as many questions a second as plain hooks",
    )
    axis.margins(x=0.12)
    figure.legend(loc="outside lower center", frameon=False)
    figure.savefig(path)
    plt.close(figure)
