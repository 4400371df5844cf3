"""Vision layers below a knockout give what they gave before: in runs under hooks, pictures are
encoded once.
"""

from contextlib import ExitStack, contextmanager

import torch

from ..interventions.knockout import Knockout
from ..models.anatomy import Anatomy
from .pictures import replaced


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
        with ExitStack() as stack:
            for layer in (layer for layers in free.values() for layer in layers):
                if self.outputs.get(layer.path) is not None:
                    stack.enter_context(
                        replaced(
                            layer.module,
                            "forward",
                            lambda *args, path=layer.path, **kwargs: _copy(self.outputs[path]),
                        )
                    )
                elif layer.path not in self.outputs:
                    stack.callback(
                        layer.module.register_forward_hook(
                            lambda module, args, output, path=layer.path: seen.setdefault(
                                path, []
                            ).append(_copy(output)),
                            prepend=True,
                        ).remove
                    )
            yield
        self.outputs.update(
            {path: outputs[0] if len(outputs) == 1 else None for path, outputs in seen.items()}
        )


def _copy(output):
    """What a layer handed on; later layers may write into it."""
    if isinstance(output, tuple):
        return tuple(_copy(item) for item in output)
    return output.clone() if torch.is_tensor(output) else output
