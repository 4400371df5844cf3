"""The first page's figure adds up what chapter 22 found, and its words are true of that."""

import json

import first_page
import pandas as pd
import pytest
import run


@pytest.fixture
def counts():
    path = run.ROOT / run.EXPERIMENTS / "22_seeds_and_training.json"
    return pd.DataFrame(json.loads(path.read_text())["by_accuracy"])


def test_shares_are_those_of_all_models_together():
    rows = [("0 to 30", 10, 1), ("0 to 30", 30, 3), ("30 to 50", 5, 5)]
    table = first_page.shares(pd.DataFrame(rows, columns=["known", "cells", "helped_cells"]))
    assert table.cells.tolist() == [40, 5] and table.delta.tolist() == [0.1, 1.0]
    assert (table.low < table.delta).all() and table.high.iloc[0] > 0.1


def test_its_words_are_true_of_the_numbers(counts):
    """A few of a hundred: 3 to 6% below 70%, 2% up to 90%, none above."""
    share = 100 * first_page.shares(counts).set_index("known").delta
    low = [round(share[known]) for known in ("0 to 30", "30 to 50", "50 to 70")]
    assert (min(low), max(low)) == (3, 6)
    assert round(share["70 to 90"]) == 2 and share["90 to 100"] == 0


def test_it_is_drawn(tmp_path):
    first_page.draw(run.ROOT / run.EXPERIMENTS, tmp_path / first_page.NAME)
    assert (tmp_path / first_page.NAME).stat().st_size > 10_000
