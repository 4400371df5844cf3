"""Vision layers below a knockout give what they gave before: in runs under hooks, pictures are
encoded once.
"""

from contextlib import contextmanager
from functools import partial

import torch

from ..interventions.knockout import Knockout
from ..models.anatomy import Anatomy
from ..models.temporary import registered, replacement, temporarily


class VisionPrefix:
    """Remembers, over runs on the same inputs, the outputs of vision layers that no knockout can
    have changed.

    A layer that runs more than once in a run (a picture in several scales) is always computed.
    """

    def __init__(self, anatomy: Anatomy):
        self.stacks = {
            name: layers for name, layers in anatomy.stacks.items() if name.startswith("vision")
        }
        self.outputs = {}  # by path; None where a layer ran more than once

    @contextmanager
    def shared(self, knockouts: tuple[Knockout, ...]):
        """Inside the block, which runs the model once, layers below the knockouts are not computed
        again.
        """
        lowest = {}
        for k in knockouts:
            if k.stack in self.stacks:
                lowest[k.stack] = min(k.layer, lowest.get(k.stack, k.layer))
        # a knockout in one vision stack changes what the others see
        free = {
            name: layers[: lowest.get(name, 0) if lowest else None]
            for name, layers in self.stacks.items()
        }
        seen = {}
        with temporarily(self._changes(free, seen)):
            yield
        self.outputs.update(
            {path: outputs[0] if len(outputs) == 1 else None for path, outputs in seen.items()}
        )

    def _changes(self, free, seen):
        """Layers give what is remembered of them; what is not yet is noted in `seen`, by path."""
        for layer in (layer for layers in free.values() for layer in layers):
            if self.outputs.get(layer.path) is not None:
                yield replacement(layer.module, "forward", self._remembered(layer.path))
            elif layer.path not in self.outputs:
                register = partial(layer.module.register_forward_hook, prepend=True)
                yield registered(register, _noting(seen, layer.path))

    def _remembered(self, path):
        return lambda *args, **kwargs: _copy(self.outputs[path])


def _noting(seen, path):
    def hook(module, args, output):
        seen.setdefault(path, []).append(_copy(output))

    return hook


def _copy(output):
    """What a layer handed on; later layers may write into it."""
    if isinstance(output, tuple):
        return tuple(_copy(item) for item in output)
    return output.clone() if torch.is_tensor(output) else output
