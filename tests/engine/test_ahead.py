"""Batches whose inputs are prepared in a thread are answered as those prepared when their turn
comes.
"""

import importlib
import threading
from functools import partial

import pandas as pd
import pytest
import torch

from talo_mini import load_benchmark, sweep
from talo_mini.engine.ahead import Ahead
from talo_mini.engine.batches import Batch
from talo_mini.engine.packing import apart, packed
from talo_mini.interventions.names import BASE_CELL

CELLS = (BASE_CELL,)
module = importlib.import_module("talo_mini.engine.sweep")


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", tasks=["object_colour", "count_all"], per_task=4)


def noting(threads):
    def layout(*given):
        threads.append(threading.current_thread() is threading.main_thread())
        return packed(*given)

    return layout


def test_a_sweep_answers_alike(tiny, benchmark, monkeypatch):
    expected, own = sweep(tiny, benchmark, batch=4), []
    monkeypatch.setattr(module, "Ahead", partial(Ahead, beside=True))
    monkeypatch.setattr(module, "packed", noting(own))
    found = sweep(tiny, benchmark, batch=4)
    pd.testing.assert_frame_equal(found, expected)
    assert own[0] and own.count(False) >= 2, "the first in turn, others in a thread"


def test_only_the_batch_that_was_begun_is_taken(tiny, benchmark):
    questions, own = list(benchmark.questions), []
    four, two = Batch(questions[:4], CELLS), Batch(questions[:2], CELLS)
    with Ahead(tiny, "bare", beside=True) as ahead:
        layout = noting(own)
        ahead.begin(layout, [four, two])
        begun = ahead.inputs(layout, four)
        ahead.begin(layout, [four])
        cut = ahead.inputs(layout, two)
        ahead.begin(layout, [four])
        other = ahead.inputs(apart, four)
    assert own[0] is False, "in the thread"
    for found, expected in (
        (begun, packed(tiny, questions[:4], "bare")),
        (cut, packed(tiny, questions[:2], "bare")),
        (other, apart(tiny, questions[:4], "bare")),
    ):
        assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_what_a_layout_raises_is_raised_in_its_turn(tiny, benchmark):
    def refusing(*given):
        raise ZeroDivisionError

    two = Batch(list(benchmark.questions[:2]), CELLS)
    with Ahead(tiny, "bare", beside=True) as ahead:
        ahead.begin(refusing, [two])
        with pytest.raises(ZeroDivisionError):
            ahead.inputs(refusing, two)
        assert ahead.inputs(packed, two)


def test_memory_that_was_short_beside_another_batch_is_asked_for_again(tiny, benchmark):
    two = Batch(list(benchmark.questions[:2]), CELLS)

    def short_in_a_thread(*given):
        if threading.current_thread() is not threading.main_thread():
            raise torch.OutOfMemoryError("out of memory")
        return packed(*given)

    with Ahead(tiny, "bare", beside=True) as ahead:
        ahead.begin(short_in_a_thread, [two])
        assert ahead.inputs(short_in_a_thread, two)


def test_nothing_runs_beside_a_model_on_the_cpu(tiny, benchmark):
    two = Batch(list(benchmark.questions[:2]), CELLS)
    with Ahead(tiny, "bare") as ahead:
        own = []
        ahead.begin(noting(own), [two])
        assert not own
        ahead.inputs(noting(own), two)
        assert own == [True]
