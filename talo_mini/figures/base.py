"""What all figures share: one style, and colours that colour-blind readers can tell apart."""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

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


def axes_of(width, height, title=None, **options):
    """A figure of that size in inches and its axes; the title stands over the last of them."""
    # made outside the context, which would also undo what a notebook's backend sets at the first
    # figure
    figure = plt.figure(figsize=(width, height), dpi=110, layout="constrained")
    with plt.rc_context(STYLE):
        axes = figure.subplots(**options)
        if title:
            np.atleast_1d(axes).flat[-1].set_title(title, loc="left", fontsize=11)
    return figure, axes


def ability_colour(abilities) -> dict:
    """A colour for each ability, by name; with more than there are colours some are alike."""
    return dict(zip(dict.fromkeys(abilities), cycle(ABILITY_COLOURS), strict=False))


def task_labels(table: pd.DataFrame) -> list[str]:
    """Each row's task with the accuracy of the base model and of a guess that has looked."""
    return [
        f"{row.task}  {POINTS * row.base:.0f}% (chance {POINTS * row.informed:.0f}%)"
        for row in table.itertuples()
    ]
