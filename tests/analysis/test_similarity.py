"""Which tasks are looked at: those whose vector varies, two alike and one other, best layers."""

import numpy as np
import pandas as pd

from talo_mini.analysis import similarity
from talo_mini.analysis.similarity import contrasting_tasks, varying_similarity
from talo_mini.analysis.vectors import best_layers, task_abilities

DELTAS = pd.DataFrame(
    [[0.0, 0.1, -0.2], [0.3, 0.3, 0.3], [0.2, -0.1, 0.0], [-0.1, 0.4, 0.1]], index=list("abcd")
)


def test_a_task_whose_vector_does_not_vary_is_left_out_of_the_similarity():
    varying = DELTAS.drop(index="b")
    pd.testing.assert_frame_equal(varying_similarity(DELTAS), similarity(varying))


def test_means_are_removed_over_the_tasks_that_vary():
    """The flat vector would shift the layers' means if it counted."""
    varying = DELTAS.drop(index="b")
    centred = varying_similarity(DELTAS, centred=True)
    pd.testing.assert_frame_equal(centred, similarity(varying - varying.mean()))
    of_all = similarity(DELTAS - DELTAS.mean()).loc[varying.index, varying.index]
    assert not np.allclose(centred, of_all)


def test_a_task_that_is_like_the_mean_is_left_out_once_that_is_removed():
    deltas = pd.DataFrame([[0.0, 0.25, -0.25], [0.5, 0.0, -0.5], [0.25, 0.125, -0.375]])
    assert list(varying_similarity(deltas).index) == [0, 1, 2]
    assert list(varying_similarity(deltas, centred=True).index) == [0, 1]


def test_two_tasks_of_one_ability_and_one_of_another():
    abilities = pd.Series(dict(a="see", b="count", c="see", d="see", e="add"))
    assert contrasting_tasks(abilities) == ["a", "c", "e"]
    assert contrasting_tasks(abilities[["b", "c"]]) == ["b", "c"]
    assert contrasting_tasks(abilities[["a", "c", "d"]]) == ["a", "c"]


def test_abilities_and_best_layers_of_vectors():
    vectors = pd.DataFrame(
        [
            dict(task=task, ability=ability, layer=layer, delta=delta)
            for task, ability, deltas in (
                ("z", "see", [0.0, 0.2, 0.2]),
                ("a", "count", [0.3, -0.1, 0.2]),
                ("m", "see", [-0.1, 0.5, -0.2]),
            )
            for layer, delta in enumerate(deltas)
        ]
    )
    assert list(task_abilities(vectors).items()) == [("z", "see"), ("a", "count"), ("m", "see")]
    assert best_layers(vectors) == [0, 1]
    assert best_layers(vectors[vectors.task == "a"]) == [0]
