"""Checkpoints against made-up ones whose interfering parts are known."""

import numpy as np
import pandas as pd
import pytest
from test_runs import run_with

from talo_mini.analysis.checkpoints import best_along, talo_along_pictures
from talo_mini.analysis.runs import all_vectors, along_training, talo_along
from talo_mini.analysis.significance import false_discovery


@pytest.fixture(scope="module")
def checkpoints():
    """Two sets of pictures; in one of them a head stands in the way at the later step."""
    guilty = {("plain", 100): None, ("plain", 200): 1, ("noisy", 100): None, ("noisy", 200): None}
    return {
        (pictures, "run", step): run_with(head, seed)
        for seed, ((pictures, step), head) in enumerate(guilty.items())
    }


def test_the_best_knockout_of_a_task_is_followed_along_the_training(checkpoints):
    tables = {("run", step): checkpoints["plain", "run", step] for step in (200, 100)}
    found = best_along(tables, "see a", "choice", ["head 0", "head 1"])
    assert list(found.step) == [100, 200]
    late = found.iloc[1]
    assert (late.part, late.layer) == ("head 1", 1) and late.q < 0.05
    vectors = all_vectors(tables["run", 200]).set_index(["task", "part", "layer"])
    own = vectors.loc[("see a", "head 1", 1)]
    assert dict(late[["base", "accuracy", "delta", "q"]]) == dict(
        own[["base", "accuracy", "delta", "q"]]
    )
    others = best_along(tables, "see a", "choice", ["self-attention"])
    assert set(others.part) == {"self-attention"} and others.delta.max() < late.delta


def test_talo_on_several_sets_of_pictures_shares_one_correction(checkpoints):
    vectors = {key: all_vectors(table) for key, table in checkpoints.items()}
    found = talo_along_pictures(checkpoints, vectors, "head 1", seed=3)
    assert found.pictures.tolist() == ["plain"] * 2 + ["noisy"] * 2
    assert list(found.q) == list(false_discovery(found.p, found.delta))
    for pictures in ("plain", "noisy"):
        own = found[found.pictures == pictures].reset_index(drop=True)
        tables, changes = (
            {key[1:]: table for key, table in every.items() if key[0] == pictures}
            for every in (checkpoints, vectors)
        )
        alone = talo_along(tables, "head 1", seed=3)
        pd.testing.assert_frame_equal(own[[*alone.columns.drop("q")]], alone.drop(columns="q"))
        helped = along_training(tables, changes).helped_cells
        assert own.helped_cells.tolist() == helped.tolist()
    assert found.helped_cells.tolist() == [0, 1, 0, 0]
    assert np.argmax(found.delta) == 1
