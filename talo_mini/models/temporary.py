"""Changes to a model that last for a block: undone at its end, whatever ends it."""

import threading
from collections.abc import Callable, Iterable
from contextlib import contextmanager

from ..errors import BadInput

Change = tuple[Callable[[], object], Callable[[], object]]
HOOKS = "_forward_hooks", "_forward_pre_hooks"
_thread = threading.local()


@contextmanager
def temporarily(changes: Iterable[Change]):
    """Each of `changes`, pairs (do, undo), holds inside the block; at its end all are undone.

    Also after an error, and after Ctrl-C at any moment, so while a change is made or undone: what
    undoes a change is noted before it is made. So an undo must do no harm where its change was not
    made, or made in part, or undone already.
    """
    undos: list[Callable[[], object]] = []
    try:
        try:
            for do, undo in changes:
                undos.append(undo)
                do()
            yield
        finally:
            _undone(undos)
    finally:
        _undone(undos)  # nothing is left, unless an interrupt fell into the first


def _undone(undos):
    while undos:
        undos[-1]()
        undos.pop()


def held(hooks):
    """Hooks hold inside the block, for this thread; `hooks` are pairs (method that registers one,
    hook).

    Another thread that runs the model meanwhile, or a copy made of it, raises BadInput.
    """
    return temporarily(registered(register, hook) for register, hook in hooks)


def registered(register, hook) -> Change:
    """A hook as a change. It is found again by itself: its handle may be lost to an interrupt."""
    module, own = getattr(register, "func", register).__self__, _Own(hook)

    def undo():
        for name in HOOKS:
            of_module = getattr(module, name)
            for number in [number for number, one in of_module.items() if one is own]:
                getattr(module, f"{name}_with_kwargs").pop(number, None)
                of_module.pop(number, None)

    return lambda: register(own), undo


@contextmanager
def muted():
    """Hooks that this thread holds do nothing inside the block."""
    _thread.muted = True
    try:
        yield
    finally:
        _thread.muted = False


class _Own:
    """A hook that runs in its own thread only, and cannot be copied."""

    __module__ = __name__

    def __init__(self, hook):
        self.hook, self.thread = hook, threading.get_ident()

    def __call__(self, *args):
        if threading.get_ident() != self.thread:
            raise BadInput(
                "another thread runs the model while a part of it is knocked out or looked at; one "
                "thread at a time may use a model, or give each its own copy"
            )
        return None if getattr(_thread, "muted", False) else self.hook(*args)

    def __reduce__(self):
        raise BadInput(
            "a model cannot be copied or saved while a part of it is knocked out or looked at: the "
            "copy would stay so; do it outside the block"
        )


def replacement(owner, name: str, function) -> Change:
    """An object's method replaced, for this thread, as a change."""
    own, original, thread = vars(owner).get(name), getattr(owner, name), threading.get_ident()

    def method(*args, **options):
        return (function if threading.get_ident() == thread else original)(*args, **options)

    def put_back():
        if own is not None:
            setattr(owner, name, own)
        else:
            vars(owner).pop(name, None)

    return lambda: setattr(owner, name, method), put_back
