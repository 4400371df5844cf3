"""Tables say what their numbers are, in points and percent, each interval beside its number."""

import numpy as np
import pandas as pd
import pytest

from talo_mini.figures import readable
from talo_mini.figures.tables import SHORT

ENDS = dict(low=[-0.02, -0.2], high=[0.3, -0.01])


def test_a_change_stands_with_its_interval_in_points():
    table = pd.DataFrame(dict(task=["a", "b"], delta=[0.2, -0.113]) | ENDS)
    told = readable(table)
    assert list(told) == ["task", "change (points)"]
    assert list(told["change (points)"]) == ["+20.0 [−2.0, +30.0]", "−11.3 [−20.0, −1.0]"]


def test_the_interval_is_that_of_the_accuracy_where_nothing_changes():
    told = readable(pd.DataFrame(dict(accuracy=[0.5, 0.25], low=[0.4, 0.1], high=[0.6, 0.5])))
    assert list(told["accuracy (%)"]) == ["50 [40, 60]", "25 [10, 50]"]


def test_another_column_has_ends_of_its_own():
    table = pd.DataFrame(dict(delta=[0.1], low=[0.0], high=[0.2], base=[0.5]))
    told = readable(table.assign(base_low=0.4, base_high=0.6))
    assert list(told) == ["change (points)", "base model (%)"]
    assert told["base model (%)"][0] == "50 [40, 60]"


def test_a_correlation_keeps_its_unit():
    told = readable(pd.DataFrame(dict(delta=[0.5], low=[0.25], high=[0.75])), unit="r")
    assert dict(told.iloc[0]) == {"r": "0.50 [0.25, 0.75]"}


@pytest.mark.parametrize(
    "name, value, told",
    [
        ("q", 0.001, "< 0.01"),
        ("q", 0.04, "0.04"),
        ("layer", -1, "–"),
        ("layer", 3, "3"),
        ("delta", np.nan, "–"),
        ("clear", np.bool_(True), "yes"),
        ("seconds", 1.234, "1.23"),
        ("bias", -0.5, "−0.50"),
        ("note", "a-b", "a-b"),
        ("layers", (3, 5), "3, 5"),
        ("layers", [], "–"),
    ],
)
def test_values_are_written_as_a_reader_expects(name, value, told):
    assert readable(pd.DataFrame({name: [value]})).iloc[0, 0] == told


def test_columns_can_be_named_and_a_p_beside_its_q_goes():
    told = readable(pd.DataFrame(dict(cells=[3], p=[0.1], q=[0.2])), cells="tasks with room")
    assert list(told) == ["tasks with room", "q"]
    assert list(readable(pd.DataFrame(dict(p=[0.1])))) == ["p"]


def test_a_long_table_is_folded_and_text_is_no_markup():
    long = readable(pd.DataFrame(dict(task=["<b>"] * (SHORT + 1))))._repr_html_()
    assert long.startswith("<details><summary>All 13 rows</summary>") and "&lt;b&gt;" in long
    assert "details" not in readable(pd.DataFrame(dict(task=["a"])))._repr_html_()


def test_an_index_shows_where_it_has_a_name():
    table = pd.DataFrame(dict(x=[1]), index=pd.Index(["first"], name="run"))
    assert "first" in readable(table)._repr_html_()
    assert "first" not in readable(table.rename_axis(None))._repr_html_()


def test_as_text_it_has_no_numbers_of_rows_and_no_broken_lines():
    told = repr(readable(pd.DataFrame(dict(task=["a" * 60], why=["b" * 60]))))
    assert told.splitlines()[1].split() == ["a" * 60, "b" * 60]
