"""The paper-vs-ours page says what the notebooks' numbers say, also when they change."""

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "notebooks"))
import claims  # noqa: E402

COMMITTED = ROOT / "book" / "experiments"


@pytest.fixture
def experiments(tmp_path):
    for path in COMMITTED.glob("*.json"):
        (tmp_path / path.name).write_text(path.read_text())
    return tmp_path


def section(folder, title):
    claims.write(folder, folder / "page.md")
    return next(part for part in (folder / "page.md").read_text().split("\n## ") if part.startswith(title))


def change(folder, name, edit):
    found = json.loads((folder / f"{name}.json").read_text())
    edit(found)
    (folder / f"{name}.json").write_text(json.dumps(found))


def test_every_claim_of_the_paper_has_a_row(experiments):
    claims.write(experiments, experiments / "page.md")
    page = (experiments / "page.md").read_text()
    assert [f"C{i}" for i in range(1, 8)] == list(dict.fromkeys(re.findall(r"^## (C\d)", page, re.M)))
    assert page.count("**Status:**") == len(claims.CLAIMS) and "{" not in re.sub(r"\{(doc|cite)\}", "", page)


def test_every_notebook_that_a_claim_names_exists_or_is_said_to_be_missing(experiments):
    for title, name, tell, *_ in claims.CLAIMS:
        if tell is None:
            assert "not run" in section(experiments, title[:3]) or not (COMMITTED / f"{name}.json").exists()
        else:
            assert (ROOT / "notebooks" / f"{name}.ipynb").exists()


def test_the_status_follows_the_numbers(experiments):
    def nothing(found):
        found["counts"]["... from above chance to higher"] = 0

    def strong(found):
        for row in found["whole"]:
            row["low"] = 1.0

    change(experiments, "03_do_all_layers_help", nothing)
    assert "not reproduced above chance" in section(experiments, "C1")
    change(experiments, "05_talo", strong)
    assert "**Status:** reproduced\n" in section(experiments, "C4. ")


def test_a_notebook_that_was_not_run_is_said_so(experiments):
    (experiments / "05_talo.json").unlink()
    assert "**Status:** not run" in section(experiments, "C4. ")


def test_numbers_of_a_stand_in_are_not_the_claims(experiments):
    assert "not run on real weights" in section(experiments, "C4, headline")
    change(experiments, "20_real_vlm_scienceqa_maps", lambda found: found.update(stand_in=False))
    assert "not run on real weights" not in section(experiments, "C4, headline")
