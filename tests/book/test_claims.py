"""The paper-vs-ours page says what the notebooks' numbers say, also when they change."""

import json
import re

import claims
import pytest
from claims_page import COMMITTED, ROOT, change, copied, section

from talo_mini.estimates import Estimate


@pytest.fixture
def experiments(tmp_path):
    return copied(tmp_path)


def test_every_claim_of_the_paper_has_a_row(experiments):
    claims.write(experiments, experiments / "page.md", experiments / "summary.md")
    page = (experiments / "page.md").read_text()
    assert [f"C{i}" for i in range(1, 8)] == list(
        dict.fromkeys(re.findall(r"^## (C\d)", page, re.M))
    )
    assert page.count("**Status:**") == len(claims.CLAIMS) and "{" not in re.sub(
        r"\{(doc|cite)\}", "", page
    )


def test_every_notebook_that_a_claim_names_exists_or_is_said_to_be_missing(experiments):
    for claim in claims.CLAIMS:
        assert (ROOT / "notebooks" / f"{claim.notebook}.ipynb").exists()
        assert (claims.PROSE / f"{claim.key}.md").exists()


def test_every_status_begins_with_one_of_six_words(experiments):
    words = "reproduced|reproduced in part|bounded|contradicted|could not be tested here|not run"
    claims.write(experiments, experiments / "page.md", experiments / "summary.md")
    page = (experiments / "page.md").read_text()
    for status in re.findall(r"(?:Status|language model):\*\* (.*)", page):
        assert re.match(rf"({words})\b", status), status


def test_a_notebook_that_was_not_run_is_said_so(experiments):
    (experiments / "05_talo.json").unlink()
    assert "**Status:** not run" in section(experiments, "C4. ")


def test_numbers_of_a_stand_in_are_not_the_claims(experiments):
    assert "not run on real weights" in section(experiments, "C4, headline")
    change(
        experiments, "20_real_vlm_scienceqa_maps", lambda results: results.update(stand_in=False)
    )
    assert "not run on real weights" not in section(experiments, "C4, headline")


def test_the_first_page_has_a_word_for_each_claim(experiments):
    claims.write(experiments, experiments / "page.md", experiments / "summary.md")
    table = (experiments / "summary.md").read_text()
    assert table.count("{doc}`/notebooks/") == len(claims.CLAIMS)
    case, _, *rows = [line for line in table.splitlines() if line]
    assert case.startswith("The clearest case: without head ") and "guess that has looked" in case
    assert len(rows) == 1 + len(claims.CLAIMS)
    for row in rows[1:]:
        assert len(row.split("|")) == 6 and "**" in row and ":**" not in row


def test_what_the_first_page_says_of_all_claims_is_what_the_table_says():
    """TaLo gains where tasks are half known: if that changes, the sentence must."""
    page = (ROOT / "book" / "index.md").read_text()
    assert "A single head can stand in the way" in page
    shifted = "a mere shift of the answers' scores may do as much"
    assert f"comes mostly from two tasks, and {shifted}" in page
    results = json.loads((COMMITTED / f"{claims.PRETRAINED}.json").read_text())
    half = "smollm-mini-half (direct)"
    assert sum(row["case"] == half and row["delta"] > 0 for row in results["clear_gains"]) == 2
    (ahead,) = (r for r in results["means"] if (r["case"], r["method"]) == (half, "ahead"))
    assert ahead["low"] < 0 < ahead["high"]
    assert "no knockout was seen to help, and asked by letter TaLo costs about as much" in page
    gained, lost = results["these"][0], results["these"][-1]
    assert gained["low"] > 0 > lost["high"] and abs(gained["delta"] + lost["delta"]) < 0.01
    records = {claim.key: claims.tell(claim, COMMITTED) for claim in claims.CLAIMS}
    assert records["C1_heads"]["status"].startswith("reproduced")
    assert "**In models trained from nothing** whole layers seldom do" in page
    assert records["C1"]["status"].startswith("reproduced in part")
    assert not records["C4"]["status"].startswith("reproduced")
    assert records["C1"]["pretrained"].startswith("reproduced in part")
    assert records["C4"]["pretrained"].startswith(
        "reproduced in part: 1 of 3 means clearly above zero"
    )
    assert "1 clearly below" in records["C4"]["pretrained"]


def test_runs_that_others_sent_in_speak_of_the_gains(experiments, monkeypatch):
    gain = Estimate(0.05, 0.01, 0.1)
    runs = [dict(ours=ours, gain=gain) for ours in (True, False)]
    unclear = dict(ours=False, gain=Estimate(0.05, -0.01, 0.1))
    monkeypatch.setattr(claims.sent_runs, "rows", lambda folder: [*runs, unclear])
    claims.write(experiments, experiments / "page.md", experiments / "summary.md")
    rows = [line for line in (experiments / "page.md").read_text().splitlines() if "| C" in line]
    columns = {row.split("|")[1].strip()[:3]: row.split("|")[4].strip() for row in rows[:6]}
    assert columns["C2."] == "not run"
    assert columns["C4."] == "2 runs: the mean gain's own 95% interval is above zero in 1"


def test_a_look_that_few_tasks_leave_without_a_p_is_not_counted(experiments):
    assert "of 3 looks at one question" in section(experiments, "C2")
    nothing = dict.fromkeys(("p", "difference", "low", "high"))
    change(
        experiments,
        "04_task_layer_interaction_vectors",
        lambda results: results["without_first"].update(nothing),
    )
    assert "of 2 looks at one question" in section(experiments, "C2")
