"""The comparison of a sweep with plain hooks measures the same answers."""

import pytest
import sharing

from talo_mini import load_benchmark


@pytest.fixture
def case():
    benchmark = load_benchmark("mini-worlds", ["object_colour", "more"], per_task=2)
    return sharing.Case("tiny", "llava-mini", benchmark, (4, 8))


def test_both_ways_give_every_answer(tiny, case):
    wanted = sharing.by_hooks(tiny, case.benchmark, 3)
    assert len(wanted) == 8 * 5 and sharing.by_sweep(tiny, case.benchmark, 5) == wanted


def test_a_row_has_both_rates_and_their_ratio(case):
    row = sharing.measured(case, 1)
    assert row["ratio"] == row["engine"] / row["hooks"] > 0
    assert row["questions"] == 8 and row["a_picture"] == 2
    assert row["hooks_batch"] in case.batches and row["engine_batch"] in case.batches


def test_answers_that_differ_stop_it(case, monkeypatch):
    def wrong(vlm, benchmark, batch):
        return dict.fromkeys(sharing.by_hooks(vlm, benchmark, batch), 9)

    monkeypatch.setattr(sharing, "by_sweep", wrong)
    with pytest.raises(ValueError, match="tiny: 104 of 104 answers differ"):
        sharing.measured(case, 1)
