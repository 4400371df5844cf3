"""Several layers at once: do two knockouts add up, and does choosing more layers gain more?"""

from itertools import combinations

import numpy as np
import pandas as pd

from ..errors import BadInput
from ..outcomes.table import BASE, UNSCORED, pictures_of
from .significance import change_p, clustered, false_discovery

WIDTH = 1000  # a pair of layers (i, j) competes under the number WIDTH * (i + 1) + j


def interactions(outcomes: pd.DataFrame, part: str) -> pd.DataFrame:
    """Every pair of layers of every task: what both knockouts do together beside the sum of what
    each does alone.

    Columns: task, first, second, alone_first, alone_second, together, added (sum of the two),
    interaction (together - added), low, high (95% interval over questions), p (sign test: questions
    that lose more than the sum against those that lose less), q (Benjamini-Hochberg over the
    table). Fractions, over the questions that could be scored under every knockout. Raises BadInput
    where a pair is missing or no question is left.
    """
    rows = []
    for task, group in outcomes.groupby("task", sort=False):
        group = group[~group.question.isin(group.question[group.answer == UNSCORED])]
        if group.empty:
            raise BadInput(f"no question of task {task!r} could be scored under every knockout")
        base = group[group.layer == BASE].set_index("question").correct.astype(float)
        wide = {
            key: table.set_index("question").correct.reindex(base.index).astype(float)
            for key, table in group[group.layer != BASE].groupby(["part", "layer"])
        }
        layers, pictures = (
            sorted(layer for name, layer in wide if name == part),
            pictures_of(group, base.index),
        )
        for first, second in combinations(layers, 2):
            if (f"{part} and {first}", second) not in wide:
                raise BadInput(
                    f"task {task!r}: layers {first} and {second} were not knocked out together; "
                    "sweep pair_parts()"
                )
            one, two, both = (
                wide[key] - base
                for key in ((part, first), (part, second), (f"{part} and {first}", second))
            )
            extra = (both - one - two).to_numpy()
            if np.isnan(extra).any():
                raise BadInput(
                    f"task {task!r}: some question has no answer with layers {first} and {second} "
                    "knocked out; finish the sweep"
                )
            (low,), (high,), _ = clustered(extra[:, None], pictures)
            (p,) = change_p(extra[:, None], pictures)
            rows.append(
                dict(
                    task=task,
                    first=first,
                    second=second,
                    alone_first=one.mean(),
                    alone_second=two.mean(),
                    together=both.mean(),
                    added=one.mean() + two.mean(),
                    interaction=extra.mean(),
                    low=low,
                    high=high,
                    p=p,
                )
            )
    table = pd.DataFrame(rows)
    return table.assign(q=false_discovery(table.p))


def singles_and_pairs(outcomes: pd.DataFrame, part: str) -> pd.DataFrame:
    """Outcomes in which pairs compete with single layers as if they were layers, for `talo_gains`;
    see WIDTH.
    """
    pairs = outcomes.part.str.startswith(f"{part} and ")
    first = outcomes.part[pairs].str.removeprefix(f"{part} and ").astype(int)
    renamed = outcomes[pairs].assign(part=part, layer=lambda t: WIDTH * (first + 1) + t.layer)
    return pd.concat(
        [outcomes[(outcomes.part == part) | (outcomes.part == "base")], renamed], ignore_index=True
    )
