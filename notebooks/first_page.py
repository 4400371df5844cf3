"""The figure of the first page: how often some part stands in the way, by how much is known."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from talo_mini.analysis.significance import accuracy_interval
from talo_mini.figures import show_changes

NAME = "first_page.png"


def draw(experiments: Path, path: Path):
    """Draw it from the results of the chapter on seeds and training."""
    results = json.loads((experiments / "22_seeds_and_training.json").read_text(encoding="utf-8"))
    table = shares(pd.DataFrame(results["by_accuracy"]))
    labels = [f"{r.known}% known: {r.helped_cells} of {r.cells}" for r in table.itertuples()]
    words = "tasks in which leaving out one attention or head clearly helps (%)"
    title = "Where nearly every answer is right, hardly a part stands in the way"
    figure, axis = show_changes(table, labels, title, words)
    axis.set_xlim(left=0)
    figure.savefig(path)
    plt.close(figure)


def shares(counts: pd.DataFrame) -> pd.DataFrame:
    """All models and pictures together: known, cells, helped_cells, delta (the share), low, high
    (95% Wilson interval, as if tasks were independent).
    """
    table = counts.groupby("known", as_index=False)[["cells", "helped_cells"]].sum()
    ends = [accuracy_interval(row.helped_cells, row.cells) for row in table.itertuples()]
    table[["low", "high"]] = pd.DataFrame(ends, index=table.index)
    return table.assign(delta=table.helped_cells / table.cells)
