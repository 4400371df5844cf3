"""The comparison of a sweep with plain hooks measures the same answers."""

from dataclasses import replace
from functools import partial

import pytest
import sharing

from talo_mini import load_benchmark, load_vlm


@pytest.fixture
def case():
    benchmark = load_benchmark("mini-worlds", ["object_colour", "more"], per_task=2)
    return sharing.Case("tiny", partial(load_vlm, "llava-mini"), benchmark, (4, 8))


def test_both_ways_give_every_answer(tiny, case):
    wanted = sharing.by_hooks(tiny, case.benchmark, 3)
    assert len(wanted) == 8 * 5 and sharing.by_sweep(tiny, case.benchmark, 5) == wanted


def test_a_row_has_both_rates_and_their_ratio(case):
    row = sharing.row_of(case, 1)
    assert row["ratio"] == row["engine"] / row["hooks"] > 0
    assert row["questions"] == 8 and row["a_picture"] == 2
    assert row["hooks_batch"] in case.batches and row["engine_batch"] in case.batches


def test_answers_that_differ_stop_it(case):
    def wrong(vlm, benchmark, batch):
        return dict.fromkeys(sharing.by_hooks(vlm, benchmark, batch), 9)

    with pytest.raises(ValueError, match="tiny: 104 of 104 answers differ"):
        sharing.row_of(replace(case, way=wrong), 1)


def test_the_engine_alone_answers_like_the_sweep(tiny, case):
    assert sharing.by_engine(tiny, case.benchmark, 8) == sharing.by_hooks(tiny, case.benchmark, 8)


def test_the_bound_with_the_beginning_once_is_the_higher_one(case, monkeypatch):
    """On a machine that takes as long for every token."""
    monkeypatch.setattr(
        sharing, "measured", lambda run, given: (run(given), given["input_ids"].numel(), 0.0)
    )
    row = sharing.row_of(case, 1)
    assert row["bound_shared"] > row["bound_alone"] > 0
    assert row["share"] * row["bound_shared"] == pytest.approx(row["ratio"])


def test_the_page_says_where_it_was_made_and_by_which_command(case, monkeypatch):
    row = sharing.row_of(case, 1) | dict(machine="two cores", differing=0.012)
    command = "python performance/sharing.py --only tiny"
    text = sharing.page([row], 1, False, command, "shared.png")
    assert text.startswith("# What questions share\n") and "{figure} shared.png" in text
    assert f"two cores. Made by `{command}`." in text and "\n\n| model and questions |" in text
    assert "in float32" in text and "every sixth layer" in text
    monkeypatch.setattr(sharing, "GPU", "cuda")
    text = sharing.page([row], 1, False, command, "shared.png")
    assert text.startswith("# What questions share, on a GPU\n") and "in bfloat16" in text
    assert "(at most 1.2% differ)" in text and "\n\n| model and questions |" in text


def test_what_is_kept_is_of_this_engine(case, monkeypatch, tmp_path):
    monkeypatch.setattr(sharing, "KEPT", tmp_path)
    first = sharing.kept_row(case, 1)
    assert sharing.kept_row(case, 1) == first
    monkeypatch.setattr(sharing, "engine", lambda: "another")
    assert sharing.kept_row(case, 1) != first and len(list(tmp_path.iterdir())) == 2


def test_plain_hooks_also_try_smaller_batches(case):
    row = sharing.row_of(replace(case, batches=(8,), smaller=(2,)), 1)
    assert row["engine_batch"] == 8 and row["hooks_batch"] in (2, 8)
