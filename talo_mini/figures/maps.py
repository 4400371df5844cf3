"""Values over rows and columns: tasks and layers, pairs of layers, pairs of tasks."""

from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.cluster import hierarchy

from .base import DOT, POINTS, ability_colour, axes_of, layer_ticks, task_labels

FEW = 12  # rows, beside which a bar of colours has room for its label only in full height


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
    figure, axis = axes_of(7.5, max(2.8, 0.24 * len(deltas) + 1.6), title)
    limit = min(25, max(1, deltas.abs().max(axis=None)))
    picture = axis.imshow(deltas, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
    y, x = np.nonzero(marked.to_numpy())
    axis.plot(x, y, "o", **DOT)
    axis.set(
        **layer_ticks(deltas.columns),
        yticks=range(len(deltas)),
        yticklabels=task_labels(vectors.drop_duplicates("task")),
        xlabel="layer knocked out",
    )
    figure.colorbar(
        picture,
        ax=axis,
        shrink=0.6 if len(deltas) > FEW else 1,
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
    figure, axis = axes_of(6.5, 0.33 * len(values) + 1.6, title)
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


def show_similarity(similar: pd.DataFrame, abilities: pd.Series, linkage, title: str):
    """Correlations between tasks in cluster order beside the dendrogram; task names coloured by
    ability.

    `linkage` is that of `cluster_order`. Tasks whose vector does not vary correlate with none: they
    are not drawn, and named below.
    """
    flat = similar.index[similar.isna().all(axis=1)]
    similar = similar.drop(index=flat, columns=flat)
    order = hierarchy.leaves_list(linkage)
    colours = ability_colour(abilities.reindex(similar.index))
    size = 0.2 * len(similar) + 1.5
    figure, (tree, axis) = axes_of(size + 2.2, size, title, ncols=2, width_ratios=(1, 5))
    hierarchy.dendrogram(
        linkage,
        orientation="left",
        ax=tree,
        no_labels=True,
        color_threshold=0,
        above_threshold_color="#555555",
    )
    tree.set(ylim=(10 * len(order), 0))
    tree.set_xlabel("1 - correlation", loc="left")  # longer than the tree is wide
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
    legend_title = fill(f"flat, so like none: {', '.join(flat)}", 90) if len(flat) else None
    options = dict(loc="outside lower center", ncols=4, frameon=False, title_fontsize=8)
    figure.legend(handles=handles, title=legend_title, **options)
    return figure
