"""The reacting figures show what chapter 9 found and what the package's power says."""

import json

import pytest
import sliders

from talo_mini.analysis.significance import power


def test_each_rule_has_a_mark_for_each_strength_and_number_of_shots():
    marks = sliders.planted()
    fields = ("strength", "rule", "shots")
    found = {tuple(row[field] for field in fields) for row in marks}
    values = [{row[field] for row in marks} for field in fields]
    assert len(found) == len(marks) == len(values[0]) * len(values[1]) * len(values[2])
    for row in marks:
        for name in sliders.SHARES:
            low, high = row[f"{name}_low"], row[f"{name}_high"]
            if low is None:  # all plants are alike
                assert high is None and row[name] in (0, 1)
            else:
                assert low <= row[name] <= high


def test_the_power_is_that_of_the_exact_test_after_correction():
    rows = sliders.studies()
    number = len(sliders.QUESTIONS) * len(sliders.GAINS) * len(sliders.CORRECTIONS)
    assert len(rows) == number
    (row,) = (r for r in rows if (r["questions"], r["gain"], r["compared"]) == (200, 0.1, 12))
    assert row["power"] == pytest.approx(power(0.1, 0.2, 200, 0.05 / 12), abs=1e-4)


def test_what_is_written_is_read_again(tmp_path):
    sliders.write(tmp_path)
    told = json.loads((tmp_path / "sliders.json").read_text())
    assert told["planted"] == sliders.planted() and told["power"] == sliders.studies()
    assert told["corrections"] == {name: str(n) for name, n in sliders.CORRECTIONS.items()}
    (row,) = (r for r in told["needed"] if (r["gain"], r["compared"]) == (0.1, 1))
    assert power(0.1, 0.2, row["questions"]) >= 0.8 > power(0.1, 0.2, row["questions"] - 10)


def test_the_still_figure_draws_the_same_power():
    (axis,) = sliders.still().axes
    drawn = [line for line in axis.lines if len(line.get_xdata())]
    assert len(drawn) == len(sliders.DRAWN) * len(sliders.DASHES)
    wanted = {
        (row["gain"], row["compared"]): 100 * row["power"]
        for row in sliders.studies()
        if row["questions"] == 200
    }
    expected = [wanted[gain, compared] for gain in sliders.DRAWN for compared in sliders.DASHES]
    at = list(sliders.QUESTIONS).index(200)
    assert [line.get_ydata()[at] for line in drawn] == pytest.approx(expected)
    assert sliders.FIGURE.is_file()
