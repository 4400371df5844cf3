"""Ctrl-C at any moment of a sweep, a knockout or a look inside leaves no trace in the model."""

import random
import signal
import time

import pandas as pd
import pytest

from talo_mini import Knockout, knockout, load_benchmark, sweep
from talo_mini.interventions.knockout import is_knocked_out
from talo_mini.studies import attention_shares, attribution

# an interrupt that falls into a destructor is swallowed by Python itself, and told so
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", tasks=["object_colour", "more"], per_task=5)


@pytest.fixture
def alarm():
    """A function that has Ctrl-C come after so many seconds; 0 takes it back."""

    def interrupt(signum, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def traces(vlm):
    """What could be left behind: hooks, replaced methods, an open block, eager attention."""
    found = [is_knocked_out(vlm.anatomy), vlm.model.config._attn_implementation]
    for name, module in vlm.model.named_modules():
        hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]
        found.append((name, sorted(vars(module)), hooks))
    return found


def with_interrupts(vlm, work, alarm, times, seed):
    """Run `work` so often, each time interrupted at a random moment; how many times it fell."""
    rng, before, fell = random.Random(seed), traces(vlm), 0
    start = time.monotonic()
    work()
    whole = time.monotonic() - start
    for _ in range(times):
        try:
            alarm(rng.uniform(0.01, 0.8) * whole)
            work()
            alarm(0)
        except KeyboardInterrupt:
            fell += 1
        assert traces(vlm) == before
    return fell


def test_a_hundred_interrupts_of_a_sweep_leave_no_trace(tiny, benchmark, alarm):
    def work():
        return sweep(tiny, benchmark, parts=("self-attention", "head 1"))

    expected = work()
    assert with_interrupts(tiny, work, alarm, 100, seed=0) > 20
    pd.testing.assert_frame_equal(work(), expected)


@pytest.mark.parametrize("look", [attribution, attention_shares])
def test_interrupts_of_a_look_inside_leave_no_trace(tiny, benchmark, alarm, look):
    assert with_interrupts(tiny, lambda: look(tiny, benchmark), alarm, 20, seed=1) > 4


def test_interrupts_of_a_knockout_leave_no_trace(tiny, benchmark, alarm):
    inputs = tiny.inputs(benchmark.questions[:1], benchmark.prompt)

    def work():
        for layer in range(len(tiny.anatomy.stacks["decoder"])):
            with knockout(tiny.anatomy, Knockout("self-attention", layer)):
                tiny.last_logits(inputs)

    assert with_interrupts(tiny, work, alarm, 100, seed=2) > 20
