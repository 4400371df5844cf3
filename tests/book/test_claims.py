"""The paper-vs-ours page says what the notebooks' numbers say, also when they change."""

import json
import re
from pathlib import Path

import claims
import pytest

from talo_mini.estimates import Estimate

ROOT = Path(__file__).resolve().parents[2]

COMMITTED = ROOT / "book" / "experiments"


@pytest.fixture
def experiments(tmp_path):
    for path in COMMITTED.glob("*.json"):
        (tmp_path / path.name).write_text(path.read_text())
    return tmp_path


def section(folder, title):
    claims.write(folder, folder / "page.md", folder / "summary.md")
    return next(
        part for part in (folder / "page.md").read_text().split("\n## ") if part.startswith(title)
    )


def change(folder, name, edit):
    found = json.loads((folder / f"{name}.json").read_text())
    edit(found)
    (folder / f"{name}.json").write_text(json.dumps(found))


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


def talo(*signs, tasks=9):
    """Means over tasks with room: clearly above (1) or below (-1) zero, or neither."""

    def edit(found):
        found["whole"] = [
            dict(method="TaLo, tasks with room", form=form, delta=0.03 * (sign or 0.2))
            | dict(low=-0.01, high=0.04, q=0.01 if sign else 0.5, tasks=tasks)
            for form, sign in zip(("choice", "direct"), signs, strict=False)
        ] + [row for row in found["whole"] if row["method"] != "TaLo, tasks with room"]
        found["harder"] = []

    return edit


def harder(found):
    """Nothing clear on the plain tasks, a clear gain on harder ones."""
    talo(0)(found)
    row = dict(pictures="noisy", form="choice", delta=0.03, low=0.01, high=0.05)
    found["harder"] = [row | dict(q=0.01, tasks=20)]


def whole(delta, q, tasks=9, models=("one", "two")):
    def edit(found):
        row = dict(of="tasks with room", delta=delta, q=q, tasks=tasks)
        found["whole"] = [
            dict(row, model=model, benchmark="b", low=delta - 0.1, high=delta + 0.1)
            for model in models
        ]
        found["harder"] = []

    return edit


def test_the_status_follows_the_numbers(experiments):
    def room(cells, helped):
        def edit(found):
            own = dict(cells=cells, helped=helped, helped_cells=helped, knockouts=12 * cells)
            own |= dict(bound=0.12, power=0.3, threshold=0.01)
            found["room"].update(own)
            found["harder"] = dict(noisy=dict(own, cells=0, of_cells=84, helped=0))

        return edit

    change(experiments, "14_four_architectures", lambda found: found.update(rooms={}))

    def few(delta, q):
        def edit(found):
            for row in found["roomy"]:
                row.update(delta=delta, q=q)
            found["more_there"] = []

        return edit

    def alike(difference, centred, p, high=0.2):
        return lambda found: (
            found["raw"].update(difference=difference, low=difference - 0.05, high=high),
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
            for row in [*found["more"], *found.get("more_there", [])]
        ]

    def noise(high):
        return lambda found: [row.update(beside_high=high) for row in found["hurt"]]

    for name, edit, title, status in (
        ("03_do_all_layers_help", room(0, 0), "C1", "could not be tested here: no task has room"),
        (
            "05_talo",
            harder,
            "C4. ",
            "in part: 1 of 2 means clearly above zero, in 29 tasks and forms",
        ),
        (
            "03_do_all_layers_help",
            room(3, 0),
            "C1",
            "bounded: in 3 tasks and forms with room to gain none of 36 knockouts clearly helps (a "
            "true gain of 10 points, where a fifth of the answers change, would be found in 30% of "
            "studies), and none gains more than 12 "
            "points (95%, all together)",
        ),
        ("03_do_all_layers_help", room(3, 1), "C1", "reproduced in part: a knockout clearly helps"),
        ("03_do_all_layers_help", room(3, 3), "C1", " reproduced: a knockout clearly helps in 3"),
        ("04_task_layer_interaction_vectors", alike(0.1, 0.1, 0.01), "C2", "reproduced: over 42"),
        (
            "04_task_layer_interaction_vectors",
            alike(0.1, 0.1, 0.5),
            "C2",
            "reproduced in part: not beyond what all tasks share, over 42 tasks\n",
        ),
        (
            "04_task_layer_interaction_vectors",
            alike(-0.1, 0.1, 0.5),
            "C2",
            "bounded: vectors of one ability are more alike by r = 0.20 at most",
        ),
        (
            "04_task_layer_interaction_vectors",
            alike(-0.1, 0.1, 0.5, high=-0.05),
            "C2",
            "contradicted: vectors of one ability are clearly less alike",
        ),
        ("06_kind_of_intervention", noise(-0.1), "C3", "noise hurts more than zeroing"),
        ("06_kind_of_intervention", noise(0.1), "C3", "that noise is special is not seen"),
        (
            "05_talo",
            talo(1, 1),
            "C4. ",
            "**Status:** reproduced, in 18 tasks and forms with room\n",
        ),
        ("05_talo", talo(1, 0), "C4. ", "reproduced in part: 1 of 2 means clearly above zero, in"),
        (
            "05_talo",
            talo(-1, 0),
            "C4. ",
            "contradicted: 1 of 2 means clearly below zero, at most +4.0 points (95%), in 18",
        ),
        ("05_talo", talo(0, 0), "C4. ", "bounded: the mean gain is at most +4.0 points (95%), in"),
        ("05_talo", talo(), "C4. ", "could not be tested here: 0 tasks with room to gain\n"),
        ("05_talo", talo(-1, tasks=1), "C4. ", "could not be tested here: 1 task with room"),
        (
            "11_whole_benchmarks",
            whole(0.1, 0.01),
            "C5",
            " reproduced (one on b, 9 tasks, +10.0 points",
        ),
        (
            "11_whole_benchmarks",
            whole(-0.1, 0.001),
            "C5",
            "contradicted: 2 of 2 means clearly below zero, at most +0.0 points (95%) (one on b, 9",
        ),
        (
            "11_whole_benchmarks",
            whole(-0.1, 0.001, models=("one", "one")),
            "C5",
            "one model alone has enough tasks with room (one on b, 9 tasks, -10.0",
        ),
        (
            "11_whole_benchmarks",
            whole(-0.1, 0.001, tasks=1),
            "C5",
            "could not be tested here: 2 tasks with room\n",
        ),
        (
            "07_how_many_shots",
            few(0.1, 0.01),
            "C7",
            " reproduced, with 10 and 20 shots in 157 tasks and forms with room; more shots are ",
        ),
        (
            "07_how_many_shots",
            few(0.1, 0.06),
            "C7",
            "bounded: the mean gain is at most +",
        ),
        (
            "12_against_fine_tuning",
            versus(-0.1, 0.01, "LoRA", "OFT"),
            "C6",
            "contradicted: LoRA and OFT clearly ahead; TaLo minus LoRA over 8 planted faults",
        ),
        # where there is no room TaLo can be ahead by luck alone
        ("12_against_fine_tuning", versus(0.1, 0.01, "LoRA", "OFT", "merging"), "C6", "bounded: "),
        ("24_where_a_layer_is_in_the_way", versus(0.1, 0.01, "LoRA"), "C6", " reproduced (TaLo"),
        (
            "24_where_a_layer_is_in_the_way",
            versus(-0.1, 0.01, "LoRA"),
            "C6",
            "contradicted: the mean is clearly below zero",
        ),
        (
            "07_how_many_shots",
            more(0.1, 0.2),
            "C7",
            "more shots are clearly better in ",
        ),
        (
            "07_how_many_shots",
            more(-0.2, -0.1),
            "C7",
            "more shots are nowhere clearly better; clearly worse in ",
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


def pretrained(cells, helped, delta, q):
    """Numbers of the chapter on a pretrained language model, of one model."""
    room = dict(cells=cells, of_cells=9, knockouts=30 * cells, helped=helped, helped_cells=helped)
    mean = dict(method="talo", tasks=cells, delta=delta, low=delta - 0.02, high=delta + 0.02, q=q)
    return dict(
        room=dict(half=room | dict(bound=0.2)),
        means=[dict(mean, case="half"), dict(mean, case="half", method="shift")],
        these=[dict(mean, case="half")],
        shots_and_rules=[
            dict(mean, case="half", rule=rule, shots=shots)
            for rule in ("best", "cautious")
            for shots in (10, 40)
        ],
        agreement=[
            dict(case="half", tasks=9, delta=0.97, low=low, high=0.99) for low in (0.96, 0.9)
        ],
    )


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        (
            pretrained(6, 2, 0.05, 0.01),
            (
                "reproduced in part: a knockout",
                "reproduced in part: zeroing",
                "reproduced (+5.0 points [+3.0, +7.0]), on these",
                "reproduced (half, 6 tasks with room: 10 shots +5.0 points [+3.0, +7.0], 40 shots",
            ),
        ),
        (
            pretrained(6, 0, 0.01, 0.5),
            ("bounded: in 6 tasks", "reproduced in", "bounded: the", "bounded: the"),
        ),
        (
            pretrained(0, 0, 0.0, 0.5),
            ("could not", "reproduced in", "could not be tested", "could not be tested"),
        ),
    ],
)
def test_a_pretrained_language_model_has_a_column_of_its_own(experiments, numbers, told):
    (experiments / f"{claims.PRETRAINED}.json").write_text(json.dumps(numbers))
    for title, status in zip(("C1", "C3", "C4. ", "C7"), told, strict=True):
        assert f"pretrained language model:** {status}" in section(experiments, title)
    (experiments / f"{claims.PRETRAINED}.json").unlink()
    assert "pretrained language model:** not run" in section(experiments, "C1")


def test_kinds_that_agree_less_tell_that_noise_was_not_measured():
    def told(low, high):
        rows = [dict(case="half", tasks=9, delta=0.6, low=low, high=high)] * 2
        return claims.kinds_on_a_pretrained_model(dict(agreement=rows))

    assert told(0.96, 0.99).startswith("reproduced in part: zeroing and uniform attention agree")
    for low, high in ((0.5, 0.7), (-0.1, 1.2), (None, None)):
        assert told(low, high).startswith("could not be tested here: r is below 0.95")
        assert told(low, high).endswith("own vectors was not measured")


def test_two_tasks_with_room_say_nothing_of_fine_tuning():
    row = dict(where="with room", tasks=2, delta=0.1, low=0.05, high=0.15, p=0.01, q=0.01)
    planted = row | dict(where="planted", tasks=8)
    told = claims.beats_fine_tuning_with_room(dict(versus=[planted, row]))
    assert told.startswith("could not be tested here: too few tasks; TaLo minus LoRA on 2 tasks")
    told = claims.beats_fine_tuning_with_room(dict(versus=[planted, row | dict(tasks=4)]))
    assert told.startswith("reproduced; ")


def test_heads_of_a_pretrained_model_are_counted_where_they_hold():
    rows = [dict(task="a", form="direct"), dict(task="a", form="direct")]
    counts = dict(found=5, holds=4, above_chance=3)
    found = dict(pretrained=counts, pretrained_heads=2, pretrained_best=rows)
    told = claims.heads_of_a_pretrained_model(found)
    assert told.startswith("reproduced in part: 2 heads and 1 attentions") and "in 1 tasks" in told
    found["pretrained"] = counts | dict(above_chance=0)
    assert claims.heads_of_a_pretrained_model(found).startswith("bounded")


def test_likeness_without_an_interval_could_not_be_tested(experiments):
    """With few tasks, as at laptop scale, there may be none."""
    none = dict(difference=-0.1, low=None, high=None, p=0.5)
    raw = dict(raw=none, centred=dict(p=0.5, difference=0.0), tasks=6)
    assert claims.similar_tasks_have_similar_vectors(raw).startswith("could not be tested here")
    told = claims.vectors_of_a_pretrained_model(dict(alike=[looked(0.1, None, None, None)]))
    assert told.startswith("could not be tested here")


def looked(delta, low, high, q):
    return dict(layers="all", runs=3, tasks=42, delta=delta, low=low, high=high, q=q)


def test_likeness_in_a_pretrained_model_tells_these_tasks_and_tasks_like_these():
    clear, unclear = looked(0.2, -0.1, 0.5, 0.01), looked(0.1, -0.1, 0.3, 0.3)

    def told(*looks):
        return claims.vectors_of_a_pretrained_model(dict(alike=list(looks)))

    assert told(clear, unclear) == (
        "reproduced in part: in 1 of 2 looks at 3 trainings tasks of one ability are more alike "
        "than shuffled abilities (by r = 0.20 to 0.20), over 42 tasks; over tasks like these "
        "clearly in none"
    )
    sure = looked(0.3, 0.1, 0.5, 0.01)
    assert told(clear, sure).startswith("reproduced: in 2 of 2 looks")
    assert told(clear, sure).endswith(
        "(by r = 0.20 to 0.30), over 42 tasks; over tasks like these clearly in 1"
    )
    assert (
        told(unclear) == "bounded: vectors of one ability are more alike by r = 0.30 at most (95%)"
    )
    less = looked(-0.2, -0.3, -0.1, 0.01)
    assert told(less).startswith("bounded")


def test_every_status_begins_with_one_of_six_words(experiments):
    words = "reproduced|reproduced in part|bounded|contradicted|could not be tested here|not run"
    claims.write(experiments, experiments / "page.md", experiments / "summary.md")
    page = (experiments / "page.md").read_text()
    for told in re.findall(r"(?:Status|language model):\*\* (.*)", page):
        assert re.match(rf"({words})\b", told), told


def test_a_notebook_that_was_not_run_is_said_so(experiments):
    (experiments / "05_talo.json").unlink()
    assert "**Status:** not run" in section(experiments, "C4. ")


def test_numbers_of_a_stand_in_are_not_the_claims(experiments):
    assert "not run on real weights" in section(experiments, "C4, headline")
    change(experiments, "20_real_vlm_scienceqa_maps", lambda found: found.update(stand_in=False))
    assert "not run on real weights" not in section(experiments, "C4, headline")


HELPS = [
    dict(task=task, form="direct", part="head 1", layer=0, delta=0.2, low=0.1, high=0.3)
    | dict(base=0.5, accuracy=0.7, informed=0.4, q=0.01, kind="across chance")
    for task in ("a", "b")
]


@pytest.mark.parametrize(
    ("numbers", "status"),
    [
        (
            dict(above_chance=2, holds=3, confirmed=HELPS, other_runs=[dict(HELPS[0], runs=3)]),
            "reproduced: without 1 head 2 tasks clearly gain",
        ),
        (
            # of the same task and layer, but in two of seven trainings; and another in all
            dict(
                above_chance=1,
                holds=1,
                confirmed=HELPS[:1],
                other_runs=[dict(HELPS[0], runs=1), dict(HELPS[0], task="z", runs=4)],
            ),
            "reproduced in part: without 1 head 1 task clearly gains",
        ),
        (dict(above_chance=0, holds=3), "reproduced in part: heads clearly help, but not"),
        (dict(above_chance=0, holds=0, room=dict(cells=0)), "could not be tested here"),
        (
            dict(
                above_chance=0,
                holds=0,
                room=dict(cells=3, helped=0, helped_cells=0, knockouts=144, bound=0.12),
            ),
            "bounded: in 3 tasks and forms with room to gain none of 144",
        ),
        (
            # what helps on the measuring half alone is not confirmed
            dict(
                above_chance=0,
                holds=0,
                room=dict(cells=1, helped=1, helped_cells=1, knockouts=48, bound=0.2),
            ),
            "bounded: no sure gain on one half of the questions is clear on the other",
        ),
    ],
)
def test_heads_have_a_row_of_their_own(experiments, numbers, status):
    change(experiments, "23_the_head_that_interferes", lambda found: found.update(numbers))
    assert f"**Status:** {status}" in section(experiments, "C1, single heads")


def test_other_architectures_count_beside_the_first_one(experiments):
    """The model of chapter 03 is not counted again."""
    own = dict(cells=3, of_cells=84, helped=0, helped_cells=0, knockouts=36, bound=0.12, power=0.5)
    other = own | dict(cells=4, helped=2, helped_cells=1, knockouts=48)

    def rooms(first):
        return lambda found: found.update(rooms={first: other | dict(cells=9), "mllama": other})

    first = {"room": own, "harder": {}}
    change(experiments, "03_do_all_layers_help", lambda found: found.update(first))
    change(experiments, "14_four_architectures", rooms("llava-mini"))
    told = section(experiments, "C1")
    assert "reproduced in part: a knockout clearly helps in 1 of 7 tasks and forms" in told
    assert "found in 50% of studies that test these alone" in told  # runs that tell no threshold


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
    assert "A single head can stand in the way" in page and "what TaLo gains" in page
    assert "no knockout was seen to help" in page
    told = {claim.key: claims.tell(claim, COMMITTED) for claim in claims.CLAIMS}
    assert told["C1_heads"]["status"].startswith("reproduced")
    assert "**In models trained from nothing** whole layers seldom do" in page
    assert told["C1"]["status"].startswith("reproduced in part")
    assert not told["C4"]["status"].startswith("reproduced")
    assert told["C1"]["pretrained"].startswith("reproduced in part")
    assert told["C4"]["pretrained"].startswith(
        "reproduced in part: 1 of 2 means clearly above zero"
    )
    assert "1 clearly below" in told["C4"]["pretrained"]


def test_runs_that_others_sent_in_speak_of_the_gains(experiments, monkeypatch):
    gain = Estimate(0.05, 0.01, 0.1)
    runs = [dict(ours=ours, gain=gain) for ours in (True, False)]
    unclear = dict(ours=False, gain=Estimate(0.05, -0.01, 0.1))
    monkeypatch.setattr(claims.sent_runs, "rows", lambda folder: [*runs, unclear])
    claims.write(experiments, experiments / "page.md", experiments / "summary.md")
    rows = [line for line in (experiments / "page.md").read_text().splitlines() if "| C" in line]
    told = {row.split("|")[1].strip()[:3]: row.split("|")[4].strip() for row in rows[:6]}
    assert told["C2."] == "not run"
    assert told["C4."] == "2 runs: the mean gain is clearly above zero in 1"
