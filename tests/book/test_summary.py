"""The page of the whole book says what the chapters found; its words are true of the numbers."""

import re

import claims
import pytest
import run
import summary
import verdicts

from talo_mini.estimates import Estimate

PUBLISHED = run.ROOT / run.EXPERIMENTS


@pytest.fixture(scope="module")
def page():
    return summary.told(PUBLISHED)


def test_every_claim_stands_in_a_row_with_both_verdicts(page):
    rows = [line for line in page.splitlines() if line.startswith("| **C")]
    assert [row[4:6] for row in rows] == list(summary.WHOLE)
    for row, key in zip(rows, summary.WHOLE, strict=True):
        record = claims.tell(next(one for one in claims.CLAIMS if one.key == key), PUBLISHED)
        words = [record[column].partition(":")[0] for column in ("status", "pretrained")]
        assert re.findall(r"\| \*\*([a-z ]+)\*\*", row) == words


def test_no_hole_is_left_and_it_fits_a_page(page):
    text = re.sub(r"\{(doc|cite|div)(:t)?\}", "", page)
    assert "{" not in text and "nan" not in text and "None" not in text
    assert 500 < len(page.split()) < 800


def test_its_words_are_true_of_the_numbers(page):
    chapters = summary.results(PUBLISHED)
    shapes = summary.shapes(chapters)
    assert verdicts.helps_to_above_chance(shapes["case"])
    gains = [*shapes["gains"], *shapes["gains_pretrained"]]
    signs = verdicts.clear_signs(gains)
    assert signs.count(1) == 1 and -1 in signs, "a little in one setting, a loss in others"
    assert all(abs(row["delta"]) < 0.05 for row in gains)
    planted = next(row for row in chapters["24"]["means"] if row["where"] == "planted")
    before, after = (Estimate.of(row) for row in chapters["13"]["healed"][:2])
    assert planted["method"] == "TaLo" and planted["low"] > 0
    assert before.low > 0 and not after.low > 0
    assert chapters["08"]["curse"]["low"] > 0 and chapters["08"]["fooled"] > 0.5
    assert shapes["half"]["helped"] > 0 == shapes["end"]["helped"]
    assert max(shapes["power"]) < 0.8
    share = {
        name: sum(row["helped_cells"] for row in shapes[name])
        / sum(row["cells"] for row in shapes[name])
        for name in ("known", "well_known")
    }
    assert share["known"] > 5 * share["well_known"]


def test_a_span_of_one_mean_is_that_mean():
    low, high = dict(delta=-0.01, low=-0.02, high=0.0), dict(delta=0.03, low=0.01, high=0.05)
    assert summary.span([low]) == "-1.0 [-2.0, +0.0]"
    assert summary.span([high, low]) == "-1.0 [-2.0, +0.0] to +3.0 [+1.0, +5.0]"
