"""TaLo beside luck in several forms, and tables without rows."""

import numpy as np
import pandas as pd
import pytest

from talo_mini.analysis.significance import false_discovery
from talo_mini.analysis.summaries import beside_luck, beside_luck_by_form, mean_gains

GAINS = pd.DataFrame(
    dict(delta=[0.1, 0.2, 0.3, 0.2], base=[0.9, 0.5, 0.4, 0.3], chance=0.2, informed=0.25)
).assign(task=list("abcd"), random=-0.1, hindsight=0.4, error=0.1, freedom=20)
GAINS = GAINS.assign(acted=1.0, harmed=0.0)


def test_forms_stand_below_each_other_and_are_corrected_together():
    other = GAINS.assign(delta=[-0.1, 0.1, 0.2, -0.3])
    released = {"choice": other, "direct": GAINS}
    table = beside_luck_by_form(
        {"choice": GAINS, "direct": other}, released, {"choice": GAINS[:2], "direct": GAINS[:0]}
    )
    assert list(table.form) == ["choice"] * 5 + ["direct"] * 4  # no room in the direct form
    choice = beside_luck(GAINS, other, GAINS[:2])
    pd.testing.assert_frame_equal(table[:5][choice.columns], choice)
    assert list(table.index) == list(range(9))
    wanted = false_discovery(table.p, table.delta)
    assert np.array_equal(table.q, wanted, equal_nan=True) and table.q.notna().sum() == 5


def test_a_table_without_rows_has_no_mean():
    empty = pd.DataFrame(columns=["task"])
    table = mean_gains({("a", "x"): empty, ("b", "x"): GAINS}, ["model", "of"])
    assert list(table.model) == ["b"] and table.delta[0] == pytest.approx(0.2)
    assert mean_gains({("a",): empty}, ["model"]).empty
