"""Room to gain: where a knockout could have shown that it helps, and what was found there."""

import pandas as pd
from scipy import stats

from .significance import power
from .vectors import has_room

GAIN = 0.1  # the true gain whose chance to be found is told


def room_to_gain(vectors: pd.DataFrame, level: float = 0.05) -> dict:
    """Of vectors of one or several forms the cells (task and form) with room, and what helps there.

    Room: the base model is above a guess that has looked, and below 90% (`has_room`). Gives cells,
    of_cells (all there are), knockouts and helped (clearly, q below `level`) in cells with room,
    power: the probability that a true gain of 10 points in one of these knockouts is found after
    correction for all of them, where a fifth of the answers change; and bound: what none of their
    true gains exceeds, 95% for all together (Bonferroni, on the intervals' own widths).
    """
    forms = vectors.form if "form" in vectors else pd.Series("", index=vectors.index)
    cells = vectors.task + "/" + forms
    room = has_room(vectors, "base", "base_low")
    there = vectors[room]
    found = (there.q < level) & (there.delta > 0)
    chance = bound = None
    if len(there):
        cut = level / len(there)
        chance = power(GAIN, 2 * GAIN, round(there.questions.mean()), cut)
        wider = stats.norm.isf(cut / 2) / stats.norm.isf(0.025)
        bound = float((there.delta + (there.high - there.delta) * wider).clip(upper=1).max())
    return dict(
        cells=int(cells[room].nunique()),
        of_cells=int(cells.nunique()),
        knockouts=len(there),
        helped=int(found.sum()),
        helped_cells=int(cells[room][found].nunique()),
        power=chance,
        bound=bound,
    )
