"""What all figures share: one style, and colours that colour-blind readers can tell apart."""

from itertools import cycle
from textwrap import fill

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ..estimates import guess

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
LETTERS_AN_INCH = 12  # of a title
MOST_TICKS = 16  # layers that an axis can name side by side


class TitledFigure(Figure):
    """A figure whose text, where a picture cannot be seen, is its title, or those of its axes."""

    def __repr__(self):
        titles = "; ".join(filter(None, (axis.get_title() for axis in self.axes)))
        return " ".join((self.get_suptitle() or titles or super().__repr__()).split())


def axes_of(width, height, title=None, **options):
    """A figure of that size in inches and its axes; the title stands over all of them."""
    # made outside the context, which would also undo what a notebook's backend sets at the first
    # figure
    figure = plt.figure(
        figsize=(width, height), dpi=200, layout="constrained", FigureClass=TitledFigure
    )
    with plt.rc_context(STYLE):
        axes = figure.subplots(**options)
        if title:
            lines = fill(title, int(LETTERS_AN_INCH * width), break_on_hyphens=False)
            figure.suptitle(lines, x=0.01, ha="left", fontsize=11)
    return figure, axes


def legend_below(figure: Figure, columns: int):
    """A legend of all axes under them, in fewer columns where so many are wider than the figure."""
    for number in range(columns, 0, -1):
        legend = figure.legend(loc="outside lower center", ncols=number, frameon=False)
        if number == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def layer_ticks(layers) -> dict:
    """Ticks for places along an axis that stand for these layers: of many only some."""
    step = -(-len(layers) // MOST_TICKS)
    return dict(xticks=range(0, len(layers), step), xticklabels=list(layers)[::step])


def ability_colour(abilities) -> dict:
    """A colour for each ability, by name; with more than there are colours some are alike."""
    return dict(zip(dict.fromkeys(abilities), cycle(ABILITY_COLOURS), strict=False))


def task_labels(table: pd.DataFrame) -> list[str]:
    """Each row's task with the accuracy of the base model, and of a guess: "3 to 25%" from a blind
    one to one that has looked.
    """
    return [
        f"{row.task}  {POINTS * row.base:.0f}% (chance {guess(row.chance, row.informed)})"
        for row in table.itertuples()
    ]
