import jinja2
import numpy as np
import pandas as pd
import pytest

from talo_mini.prose import plural, tell

ROWS = pd.DataFrame(
    [
        dict(task="more", delta=0.052, low=0.011, high=0.09, q=0.03, base=0.5, accuracy=0.552),
        dict(task="exists", delta=-0.1, low=-0.2, high=0.0, q=0.2, base=0.9, accuracy=0.8),
    ]
)


def test_a_finding_is_one_line_however_it_is_written():
    found = tell(
        """
        - Of {{ rows | length }} tasks
          {{ rows[rows.q < 0.05] | length }} clearly gains.
        {% for row in rows | rows %}
        - {{ row.task }}: {{ row | estimate }} ({{ row | q }}).
        {% endfor %}
        """,
        rows=ROWS,
    )
    assert found.splitlines() == [
        "- Of 2 tasks 1 clearly gains.",
        "- more: +5.2 points [+1.1, +9.0] (q = 0.03).",
        "- exists: -10.0 points [-20.0, +0.0] (q = 0.20).",
    ]
    assert found._repr_markdown_() == found


def test_numbers_are_told_in_the_unit_a_reader_expects():
    row = ROWS.iloc[0].to_dict()
    found = tell(
        "- {{ row | estimate(digits=2) }}; {{ row.base | percent }}, {{ row.delta | points }}, "
        "{{ row.delta | points(2) }}, {{ 0.123 | r }}, {{ row | estimate('r') }}",
        row=row,
    )
    assert found == ("- +5.20 points [+1.10, +9.00]; 50%, +5.2, +5.20, 0.12, 0.05 [0.01, 0.09]")


def test_rows_are_listed_in_one_sentence_and_none_is_said():
    template = '- {{ rows | each("{task} to {accuracy:.0%}, {estimate}") | join("; ") or "none" }}.'
    assert tell(template, rows=ROWS) == (
        "- more to 55%, +5.2 points [+1.1, +9.0]; exists to 80%, -10.0 points [-20.0, +0.0]."
    )
    assert tell(template, rows=ROWS[:0]) == "- none."
    assert tell('- {{ rows | each("{task}") | join }}', rows=[dict(task="a")]) == "- a"
    row = dict(task="a", chance=0.03, informed=0.25)
    assert tell('- {{ rows | each("{guess}") | join }}', rows=[row]) == "- 3 to 25%"
    assert tell("- {{ row | guess }}", row=row) == "- 3 to 25%"


def test_a_noun_stands_with_its_number():
    assert tell('- {{ 1 | plural("task") }}, {{ 0 | plural("task") }}') == "- 1 task, 0 tasks"
    assert (plural(np.int64(1), "task"), plural(np.int64(2), "task")) == ("1 task", "2 tasks")


def test_a_hole_that_nothing_fills_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match="gain"):
        tell("- {{ gain }}")
