"""Tables by name are put together and taken apart again."""

import pandas as pd
import pytest

from talo_mini.analysis.groups import named_by, split_by, stacked


def test_stacked_rows_say_which_table_they_are_of():
    tables = {"x": pd.DataFrame(dict(a=[1, 2])), "y": pd.DataFrame(dict(a=[3]))}
    found = stacked(tables, ["of"])
    assert found.values.tolist() == [[1, "x"], [2, "x"], [3, "y"]]
    assert list(found.columns) == ["a", "of"] and list(found.index) == [0, 1, 2]


def test_several_names_become_several_columns():
    found = stacked({("x", 1): pd.DataFrame(dict(a=[7.0]))}, ["run", "step"])
    assert found.to_dict("records") == [dict(a=7.0, run="x", step=1)]
    assert named_by(("x", 1), ["run", "step"]) == dict(run="x", step=1)
    with pytest.raises(ValueError, match="zip"):
        named_by(("x", 1), ["run"])


def test_tables_without_rows_add_none_and_keep_their_columns():
    empty = pd.DataFrame(dict(a=[]))
    full = pd.DataFrame(dict(a=[True]))
    found = stacked({"none": empty, "one": full}, ["of"])
    assert found.values.tolist() == [[True, "one"]] and found.a.dtype == bool
    assert list(stacked({"none": empty}, ["of"]).columns) == ["a", "of"]
    assert stacked({}, ["of"]).empty and list(stacked({}, ["of"]).columns) == ["of"]


def test_a_table_is_split_by_the_values_of_a_column_in_their_order():
    table = pd.DataFrame(dict(run=["b", "a", "b"], step=[1, 1, 2]))
    found = split_by(table, "run")
    assert list(found) == ["a", "b"] and found["b"].step.tolist() == [1, 2]
    assert list(split_by(table, ["run", "step"])) == [("a", 1), ("b", 1), ("b", 2)]
    again = stacked({run: own.drop(columns="run") for run, own in found.items()}, ["run"])
    assert sorted(again[["run", "step"]].values.tolist()) == sorted(table.values.tolist())
