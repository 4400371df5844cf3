"""Changes to a model leave no trace, also where Ctrl-C falls while they are made or undone."""

import sys
from functools import partial

import pytest
import torch
from torch import nn

from talo_mini.models.temporary import held, registered, replacement, temporarily


class Stop(BaseException):
    """An interrupt at a line that a test chose."""


def interrupted_at(step, block):
    """Run `block` with an interrupt before the line of `temporary.py` with number `step`, counted
    as they are run; whether it fell.
    """
    left = [step]

    def tracer(frame, event, arg):
        if not frame.f_code.co_filename.endswith("temporary.py"):
            return None
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                raise Stop
        return tracer

    sys.settrace(tracer)
    try:
        block()
    except Stop:
        return True
    finally:
        sys.settrace(None)
    return False


def test_an_interrupt_before_any_line_leaves_no_trace():
    module = nn.Linear(2, 2)
    given = torch.randn(1, 2)
    expected = module(given)

    def doubled(module, args, output):
        return 2 * output

    def with_kwargs(module, args, kwargs):
        return args, kwargs

    register = partial(module.register_forward_pre_hook, with_kwargs=True)

    def block():
        changes = [
            registered(module.register_forward_hook, doubled),
            replacement(module, "extra_repr", lambda: "changed"),
        ]
        with temporarily(changes), held([(register, with_kwargs)]):
            assert torch.equal(module(given), 2 * expected)
            assert module.extra_repr() == "changed"

    steps = 0
    while True:
        steps += 1
        fell = interrupted_at(steps, block)
        assert not module._forward_hooks and not module._forward_pre_hooks
        assert "extra_repr" not in vars(module)
        assert torch.equal(module(given), expected)
        if not fell:
            break
    assert steps > 30


def test_what_was_there_before_is_put_back():
    module = nn.Linear(2, 2)
    own = module.extra_repr = lambda: "own"
    kept = module.register_forward_hook(lambda module, args, output: None)
    with temporarily([replacement(module, "extra_repr", lambda: "other")]):
        assert module.extra_repr() == "other"
    assert module.extra_repr is own
    assert list(module._forward_hooks) == [kept.id]


def test_a_change_that_fails_is_undone_with_those_before_it():
    done = []

    def fails():
        done.append("half")
        raise ValueError("no")

    changes = [
        (lambda: done.append("one"), lambda: done.append("undo one")),
        (fails, lambda: done.append("undo half")),
    ]
    with pytest.raises(ValueError, match="no"), temporarily(changes):
        pytest.fail("the block must not be entered")
    assert done == ["one", "half", "undo half", "undo one"]
