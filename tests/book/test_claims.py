"""The paper-vs-ours page says what the notebooks' numbers say, also when they change."""

import json
import re
from pathlib import Path

import claims
import pytest

ROOT = Path(__file__).resolve().parents[2]

COMMITTED = ROOT / "book" / "experiments"


@pytest.fixture
def experiments(tmp_path):
    for path in COMMITTED.glob("*.json"):
        (tmp_path / path.name).write_text(path.read_text())
    return tmp_path


def section(folder, title):
    claims.write(folder, folder / "page.md")
    return next(
        part for part in (folder / "page.md").read_text().split("\n## ") if part.startswith(title)
    )


def change(folder, name, edit):
    found = json.loads((folder / f"{name}.json").read_text())
    edit(found)
    (folder / f"{name}.json").write_text(json.dumps(found))


def test_every_claim_of_the_paper_has_a_row(experiments):
    claims.write(experiments, experiments / "page.md")
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


def test_the_status_follows_the_numbers(experiments):
    def counted(above, across):
        return lambda found: found["counts"].update(
            {"... from above chance to higher": above, "... from chance or below to above": across}
        )

    def talo(*strong, losing=()):
        return lambda found: [
            row.update(
                points=-0.5 if (row["method"], row["form"]) in losing else 0.5,
                q=0.01
                if row["method"] in strong or (row["method"], row["form"]) in losing
                else 0.5,
            )
            for row in found["whole"]
        ]

    def whole(of, delta, q):
        return lambda found: [
            row.update(delta=delta, q=q if row["of"] == of else 0.5) for row in found["whole"]
        ]

    def few(delta, q):
        return lambda found: [row.update(delta=delta, q=q) for row in found["at_few"]]

    def alike(difference, centred, p):
        return lambda found: (
            found["raw"].update(difference=difference),
            found["centred"].update(difference=centred, p=p),
        )

    def versus(delta, q, *methods):
        return lambda found: [
            row.update(delta=delta, q=q if row["method"] in methods else 0.5)
            for row in found["versus"]
        ]

    def more(low, high):
        return lambda found: [
            row.update(
                low=low, high=high, delta=(low + high) / 2, q=0.01 if low * high > 0 else 0.5
            )
            for row in found["more"]
        ]

    def noise(high):
        return lambda found: [row.update(beside_high=high) for row in found["hurt"]]

    able = "TaLo, tasks above chance"
    for name, edit, title, status in (
        ("03_do_all_layers_help", counted(0, 0), "C1", "not reproduced above chance"),
        ("03_do_all_layers_help", counted(0, 3), "C1", "reproduced only from chance or below"),
        ("03_do_all_layers_help", counted(2, 3), "C1", "reproduced, but rare"),
        ("04_task_layer_interaction_vectors", alike(0.1, 0.1, 0.01), "C2", "reproduced\n"),
        (
            "04_task_layer_interaction_vectors",
            alike(0.1, 0.1, 0.5),
            "C2",
            "not reproduced beyond what all tasks share\n",
        ),
        ("04_task_layer_interaction_vectors", alike(-0.1, 0.1, 0.5), "C2", "not reproduced\n"),
        ("06_kind_of_intervention", noise(-0.1), "C3", "noise hurts more than zeroing"),
        ("06_kind_of_intervention", noise(0.1), "C3", "that noise is special is not reproduced"),
        (
            "05_talo",
            talo("TaLo", able),
            "C4. ",
            " reproduced (false-discovery rate 5%); where the base model is above chance, TaLo "
            "clearly gains\n",
        ),
        (
            "05_talo",
            talo("TaLo"),
            "C4. ",
            " reproduced (false-discovery rate 5%); where the base model is above chance, it "
            "neither clearly gains nor loses\n",
        ),
        (
            "05_talo",
            talo("TaLo", losing=[("TaLo", "choice"), (able, "direct")]),
            "C4. ",
            "partly reproduced: one of two means is clearly above zero (false-discovery "
            "rate 5%); where the base model is above chance, TaLo clearly loses\n",
        ),
        ("05_talo", talo(), "C4. ", "not reproduced: neither mean is clearly above zero"),
        (
            "11_whole_benchmarks",
            whole("all tasks", 0.1, 0.01),
            "C5",
            " reproduced: of 4 means over all tasks 4 are clearly above zero and 0 clearly below",
        ),
        (
            "11_whole_benchmarks",
            whole("tasks above chance", -0.1, 0.001),
            "C5",
            "over the tasks above chance 0 above and 2 below\n",
        ),
        (
            "07_how_many_shots",
            few(0.1, 0.01),
            "C7",
            " 3 of 3 gains at 10 shots are clearly above zero",
        ),
        (
            "07_how_many_shots",
            few(0.1, 0.06),
            "C7",
            " 0 of 3 gains at 10 shots are clearly above zero",
        ),
        (
            "12_against_fine_tuning",
            versus(-0.1, 0.01, "LoRA", "OFT"),
            "C6",
            "not reproduced: LoRA and OFT clearly ahead\n",
        ),
        (
            "12_against_fine_tuning",
            versus(0.1, 0.01, "LoRA", "OFT", "merging"),
            "C6",
            "reproduced\n",
        ),
        ("12_against_fine_tuning", versus(0.1, 0.01, "LoRA"), "C6", "partly reproduced\n"),
        (
            "12_against_fine_tuning",
            versus(-0.1, 0.06, "LoRA"),
            "C6",
            "undecided: no difference is clear after the correction\n",
        ),
        (
            "07_how_many_shots",
            more(0.1, 0.2),
            "C7",
            "more shots are clearly better in: choice form",
        ),
        (
            "07_how_many_shots",
            more(-0.2, -0.1),
            "C7",
            "more shots are nowhere clearly better; clearly worse in: choice form",
        ),
        (
            "07_how_many_shots",
            more(-0.2, 0.1),
            "C7",
            "more shots are nowhere clearly better; nowhere clearly worse",
        ),
    ):
        change(experiments, name, edit)
        told = section(experiments, title)
        assert status in told[told.index("**Status:**") :], (name, told)


def test_a_notebook_that_was_not_run_is_said_so(experiments):
    (experiments / "05_talo.json").unlink()
    assert "**Status:** not run" in section(experiments, "C4. ")


def test_numbers_of_a_stand_in_are_not_the_claims(experiments):
    assert "not run on real weights" in section(experiments, "C4, headline")
    change(experiments, "20_real_vlm_scienceqa_maps", lambda found: found.update(stand_in=False))
    assert "not run on real weights" not in section(experiments, "C4, headline")
