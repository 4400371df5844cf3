"""Verdicts about models with a pretrained language model say what their numbers say."""

import json

import claims
import pytest
from claims_page import copied, section
from verdicts import similar_tasks_have_similar_vectors
from verdicts_pretrained import (
    beats_fine_tuning_with_room,
    heads_of_a_pretrained_model,
    kinds_on_a_pretrained_model,
    vectors_of_a_pretrained_model,
)


@pytest.fixture
def experiments(tmp_path):
    return copied(tmp_path)


def agreeing(delta, low, high, ceiling=0.8):
    ceilings = dict(ceiling=ceiling, its_ceiling=ceiling)
    return dict(case="half", effect="mean", tasks=9, delta=delta, low=low, high=high) | ceilings


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
        agreement=[agreeing(0.97, low, 0.99) for low in (0.96, 0.9)],
    )


@pytest.mark.parametrize(
    ("numbers", "statuses"),
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
def test_a_pretrained_language_model_has_a_column_of_its_own(experiments, numbers, statuses):
    (experiments / f"{claims.PRETRAINED}.json").write_text(json.dumps(numbers))
    for title, status in zip(("C1", "C3", "C4. ", "C7"), statuses, strict=True):
        assert f"pretrained language model:** {status}" in section(experiments, title)
    (experiments / f"{claims.PRETRAINED}.json").unlink()
    assert "pretrained language model:** not run" in section(experiments, "C1")


def test_kinds_that_agree_less_may_differ_by_noise():
    def verdict(low, high, ceiling=0.8):
        rows = [agreeing(0.6, low, high, ceiling)] * 2
        return kinds_on_a_pretrained_model(dict(agreement=rows))

    assert verdict(0.96, 0.99).startswith("reproduced in part: zeroing and the other kinds agree")
    for low, high in ((0.5, 0.85), (-0.1, 1.2), (None, None)):
        assert verdict(low, high).startswith("could not be tested here: r is below 0.95, and")
    assert verdict(0.5, 0.7).startswith("contradicted: vectors differ by more than their noise")
    assert "r = 0.60 [0.50, 0.70], with themselves 0.80" in verdict(0.5, 0.7)
    assert verdict(0.5, 0.7, -0.1).startswith("could not be tested here")


def test_two_tasks_with_room_say_nothing_of_fine_tuning():
    row = dict(where="with room", tasks=2, delta=0.1, low=0.05, high=0.15, p=0.01, q=0.01)
    planted = row | dict(where="planted", tasks=8)
    verdict = beats_fine_tuning_with_room(dict(versus=[planted, row]))
    assert verdict.startswith("could not be tested here: too few tasks; TaLo minus LoRA on 2 tasks")
    verdict = beats_fine_tuning_with_room(dict(versus=[planted, row | dict(tasks=4)]))
    assert verdict.startswith("reproduced; ")


def test_heads_of_a_pretrained_model_are_counted_where_they_hold():
    rows = [dict(task="a", form="direct"), dict(task="a", form="direct")]
    counts = dict(found=5, holds=4, above_chance=3)
    results = dict(pretrained=counts, pretrained_heads=2, pretrained_best=rows)
    verdict = heads_of_a_pretrained_model(results)
    assert (
        verdict.startswith("reproduced in part: 2 heads and 1 attentions")
        and "in 1 tasks" in verdict
    )
    results["pretrained"] = counts | dict(above_chance=0)
    assert heads_of_a_pretrained_model(results).startswith("bounded")


def test_likeness_without_an_interval_could_not_be_tested(experiments):
    """With few tasks, as at laptop scale, there may be none."""
    none = dict(difference=-0.1, low=None, high=None, p=0.5)
    raw = dict(raw=none, centred=dict(p=0.5, difference=0.0), tasks=6)
    assert similar_tasks_have_similar_vectors(raw).startswith("could not be tested here")
    verdict = vectors_of_a_pretrained_model(dict(alike=[looked(0.1, None, None, None)]))
    assert verdict.startswith("could not be tested here")


def looked(delta, low, high, q):
    return dict(layers="all", runs=3, tasks=42, delta=delta, low=low, high=high, q=q)


def test_likeness_in_a_pretrained_model_tells_these_tasks_and_tasks_like_these():
    clear, unclear = looked(0.2, -0.1, 0.5, 0.01), looked(0.1, -0.1, 0.3, 0.3)

    def verdict(*looks):
        return vectors_of_a_pretrained_model(dict(alike=list(looks)))

    assert verdict(clear, unclear) == (
        "reproduced in part: in 1 of 2 looks at 3 trainings tasks of one ability are more alike "
        "than shuffled abilities (by r = 0.20 to 0.20), over 42 tasks; over tasks like these "
        "the interval is above zero in none"
    )
    sure = looked(0.3, 0.1, 0.5, 0.01)
    assert verdict(clear, sure).startswith("reproduced: in 2 of 2 looks")
    assert verdict(clear, sure).endswith(
        "(by r = 0.20 to 0.30), over 42 tasks; over tasks like these the interval is above zero "
        "in 1"
    )
    assert (
        verdict(unclear)
        == "bounded: vectors of one ability are more alike by r = 0.30 at most (95%)"
    )
    less = looked(-0.2, -0.3, -0.1, 0.01)
    assert verdict(less).startswith("bounded")
