"""Every two models, in three views."""

import numpy as np
import pandas as pd

from talo_mini.analysis import matrix, shared_structure, similarity
from talo_mini.analysis.significance import false_discovery
from talo_mini.analysis.structure import (
    VIEWS,
    beside_deeper,
    pairs_in_view,
    structure_of_pairs,
)


def vectors_of(deltas):
    """Vectors from an array [tasks, layers]."""
    table = pd.DataFrame(deltas).rename_axis("layer", axis=1)
    table.index = [f"task {i}" for i in table.index]
    return table.rename_axis("task").stack().rename("delta").reset_index()


def models():
    """Three models whose tasks all need layer 0, by as much in the first two; the rest is their
    own. The third has other layers.
    """
    rng = np.random.default_rng(0)
    need = rng.random(12)
    deltas = [np.c_[-need, 0.02 * rng.normal(size=(12, 5))] for _ in range(2)]
    deltas.append(np.c_[rng.permutation(-need), 0.02 * rng.normal(size=(12, 7))])
    return dict(zip("abc", map(vectors_of, deltas), strict=True))


def test_every_two_models_are_compared_in_three_views():
    vectors = models()
    table = structure_of_pairs(vectors, seed=3)
    assert list(table.vectors) == [view for view in VIEWS for _ in range(3)]
    assert list(table.one + table.other) == ["ab", "ac", "bc"] * 3
    one, other = matrix(vectors["a"]), matrix(vectors["c"])
    wanted = [
        shared_structure(similarity(one), similarity(other), 3),
        shared_structure(similarity(one - one.mean()), similarity(other - other.mean()), 3),
        shared_structure(similarity(one.drop(columns=0)), similarity(other.drop(columns=0)), 3),
    ]
    rows = table[table.one + table.other == "ac"][["tasks", "r", "p"]].to_dict("records")
    assert rows == wanted
    for view in VIEWS:
        seen = table[table.vectors == view]
        assert list(seen.q) == list(false_discovery(seen.p))


def test_what_is_shared_in_layer_0_alone_is_gone_without_it():
    table = structure_of_pairs(models())
    both = table[table.one + table.other == "ab"].set_index("vectors")
    assert both.p["layer means removed"] < 0.05 and both.r["layer means removed"] > 0.5
    assert both.p["without layer 0"] > 0.05 and both.r["without layer 0"] < 0.4


def test_pairs_in_one_view_are_told_by_name():
    table = structure_of_pairs(models())
    seen = pairs_in_view(table, "without layer 0")
    assert list(seen) == ["a and b", "a and c", "b and c"]
    row = table[table.vectors == "without layer 0"].iloc[1]
    assert seen["a and c"] == dict(tasks=12, r=row.r, p=row.p)


def test_each_pair_is_told_with_and_without_layer_0():
    table = structure_of_pairs(models())
    pairs = beside_deeper(table)
    assert list(pairs.one + pairs.other) == ["ab", "ac", "bc"]
    whole, deeper = (table[table.vectors == view] for view in (VIEWS[0], VIEWS[2]))
    assert list(pairs.r) == list(whole.r) and list(pairs.q) == list(whole.q)
    assert list(pairs.deep) == list(deeper.r) and list(pairs.deep_q) == list(deeper.q)
    assert list(pairs.deep_p) == list(deeper.p)


def test_a_single_model_has_nobody_to_agree_with():
    table = structure_of_pairs(dict(list(models().items())[:1]))
    assert table.empty and {"one", "other", "tasks", "r", "p", "q"} <= set(table.columns)
    assert pairs_in_view(table, VIEWS[0]) == {} and beside_deeper(table).empty
