"""Do models agree on which tasks are alike? Every two of several, in three views."""

from itertools import combinations

import pandas as pd

from .significance import false_discovery
from .similarity import shared_structure, similarity
from .vectors import matrix

AS_THEY_ARE, WITHOUT_MEANS, WITHOUT_LAYER_0 = VIEWS = (
    "as they are",
    "layer means removed",
    "without layer 0",
)


def structure_of_pairs(vectors: dict[str, pd.DataFrame], seed: int = 0) -> pd.DataFrame:
    """`shared_structure` of every two models, in each of VIEWS.

    `vectors` by model, of the same tasks. What all tasks share makes any two models agree: so each
    layer's mean over tasks is taken out, or layer 0, which nearly every task needs. Columns:
    vectors (the view), one, other (the models), tasks, r, p, q (over the pairs in this view); no
    row for a single model.
    """
    deltas = {model: matrix(table) for model, table in vectors.items()}
    tables = []
    for view in VIEWS:
        similar = {model: similarity(_seen(table, view)) for model, table in deltas.items()}
        rows = [
            dict(vectors=view, one=one, other=other)
            | shared_structure(similar[one], similar[other], seed)
            for one, other in combinations(vectors, 2)
        ]
        table = pd.DataFrame(rows, columns=["vectors", "one", "other", "tasks", "r", "p"])
        tables.append(table.assign(q=false_discovery(table.p)))
    return pd.concat(tables, ignore_index=True)


def _seen(deltas, view):
    """Deltas [tasks, layers] in a view."""
    if view == WITHOUT_MEANS:
        return deltas - deltas.mean()
    return deltas.drop(columns=0, errors="ignore") if view == WITHOUT_LAYER_0 else deltas


def beside_deeper(structure: pd.DataFrame) -> pd.DataFrame:
    """Of `structure_of_pairs` the view as they are, a row a pair, and beside it that without layer
    0 as deep (r), deep_p and deep_q.
    """
    pair, names = ["one", "other"], dict(r="deep", p="deep_p", q="deep_q")
    whole = structure[structure.vectors == AS_THEY_ARE].drop(columns="vectors")
    deeper = structure[structure.vectors == WITHOUT_LAYER_0].rename(columns=names)
    return whole.merge(deeper[[*pair, *names.values()]], on=pair, validate="one_to_one")


def pairs_in_view(structure: pd.DataFrame, view: str) -> dict[str, dict]:
    """Of `structure_of_pairs` the tasks, r and p of every two models in one view, by "ONE and
    OTHER".
    """
    seen = structure[structure.vectors == view]
    names = seen.one + " and " + seen.other
    return seen.set_axis(names)[["tasks", "r", "p"]].to_dict("index")
