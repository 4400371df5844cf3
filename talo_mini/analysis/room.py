"""Room to gain: where a knockout could have shown that it helps, and what was found there."""

import pandas as pd

from .significance import power
from .vectors import has_room

GAIN = 0.1  # the true gain whose chance to be found is told


def room_to_gain(vectors: pd.DataFrame, level: float = 0.05) -> dict:
    """Of vectors of one or several forms the cells (task and form) with room, and what helps there.

    Room: the base model is above a guess that has looked, and below 90% (`has_room`). Gives cells,
    of_cells (all there are), knockouts and helped (clearly, q below `level`) in cells with room,
    power: the probability that a true gain of 10 points in one of these knockouts is found, where a
    fifth of the answers change; threshold: the p value that it has to reach for this; and bound:
    what the largest of their true gains does not exceed (97.5%: it is below the upper end of its
    own 95% interval, which is no higher than the highest).
    """
    forms = vectors.form if "form" in vectors else pd.Series("", index=vectors.index)
    cells = vectors.task + "/" + forms
    room = has_room(vectors, "base", "base_low")
    there = vectors[room]
    found = (there.q < level) & (there.delta > 0)
    threshold = threshold_in_force(vectors, level)
    chance = bound = None
    if len(there):
        chance = power(GAIN, 2 * GAIN, round(there.questions.mean()), threshold)
        bound = float(there.high.max())
    return dict(
        cells=int(cells[room].nunique()),
        of_cells=int(cells.nunique()),
        knockouts=len(there),
        helped=int(found.sum()),
        helped_cells=int(cells[room][found].nunique()),
        power=chance,
        threshold=threshold,
        bound=bound,
    )


def threshold_in_force(vectors: pd.DataFrame, level: float = 0.05) -> float:
    """The p value below which a gain is clear under the control of false discoveries in its q.

    Of Benjamini and Hochberg's: `level` times the share of all tested rows that are clear gains,
    which p / q tells also where `vectors` are only some of the rows. Where nothing gains clearly,
    the first p value has to reach `level` over the number of rows.
    """
    clear = vectors[(vectors.q < level) & (vectors.q > 0) & (vectors.delta > 0)]
    shares = [1 / len(vectors), *(clear.p / clear.q)]
    return level * max(shares)
