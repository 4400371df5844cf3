"""One owner of a model at a time: what a thread does to a model, no other thread may meet."""

import threading
import weakref
from contextlib import contextmanager

_locks: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
_registry = threading.Lock()


@contextmanager
def owned(anatomy):
    """The thread owns the model inside the block; others wait for it. Blocks may be nested.

    The lock belongs to the model's first decoder layer, so that two maps of one model share it.
    """
    layer = anatomy.stacks["decoder"][0].module
    with _registry:
        lock = _locks.setdefault(layer, threading.RLock())
    with lock:
        yield
