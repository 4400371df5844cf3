"""From the last layer's hidden states to logits: by the final norm and the output embeddings, or by
the model itself with its layers left out.
"""

from contextlib import nullcontext
from itertools import product

import torch

from ..interventions.hooks import with_first
from ..models.anatomy import Anatomy
from ..models.asked import Asked, Wanted, wanted_logits
from ..models.temporary import replacement, temporarily
from .pictures import Pictures
from .recording import CannotReplay, Recording


def rounding(dtype) -> float:
    """How far two kernels may differ by rounding, relative to the largest logit."""
    return 4 * torch.finfo(dtype).eps


def same_logits(found: torch.Tensor, base: torch.Tensor) -> bool:
    """Whether logits are those of the model to the rounding of its numbers.

    A product of another shape rounds otherwise, by a share of the largest logit.
    """
    wanted, relative = base.float(), rounding(base.dtype)
    finite = wanted[wanted.isfinite()]
    largest = finite.abs().max().item() if len(finite) else 0.0
    near = dict(rtol=max(1e-4, relative), atol=max(1e-4, relative * largest))
    return torch.allclose(found.float(), wanted, equal_nan=True, **near)


class Ending:
    """What a model does behind its decoder layers, found and compared with its own logits.

    Raises CannotReplay where neither way gives them.
    """

    def __init__(
        self, model, anatomy: Anatomy, inputs, recording: Recording, pictures: Pictures | None
    ):
        self.model, self.inputs, self.pictures = model, inputs, pictures
        self.base, self.outputs = recording.logits, recording.outputs
        self.layers = [layer.module for layer in anatomy.stacks["decoder"]]
        last = recording.hidden[-1]
        nexts = Wanted.next_tokens(len(last), last.device)
        self.wanted = inputs.wanted if isinstance(inputs, Asked) else nexts
        path = anatomy.stacks["decoder"][0].path.rsplit(".", 2)[0]
        self.norm, self.cap = self._norm_and_cap(path, last)
        if self.norm is None and not same_logits(self._around(last), self.base):
            raise CannotReplay("its logits do not follow from its last layer's hidden states")

    def _norm_and_cap(self, path, last):
        """The norm behind the last layer, or none, and the cap of logits; two Nones where these and
        the output embeddings do not give the model's logits.
        """
        children = self.model.get_submodule(path).children()
        norms = [child for child in children if "Norm" in type(child).__name__]
        cap = getattr(self.model.config.get_text_config(), "final_logit_softcapping", None)
        # older versions of the library do not cap every family's logits as its settings say
        for norm, one in product((*norms, torch.nn.Identity()), dict.fromkeys((cap, None))):
            self.norm, self.cap = norm, one
            try:
                if same_logits(self.head(self.wanted.read(last)), self.base):
                    return norm, one
            except (RuntimeError, TypeError):  # no output embeddings of this width
                continue
        return None, None

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits at places, float32 [places, vocabulary], of their hidden states [places, width].

        Raises CannotReplay where they do not follow through one norm.
        """
        if self.norm is None:
            raise CannotReplay(
                "the final norm and the output embeddings do not give the model's logits"
            )
        logits = self.model.get_output_embeddings()(self.norm(hidden)).float()
        logits = logits.to(self.base.device)
        return logits if self.cap is None else self.cap * torch.tanh(logits / self.cap)

    def logits(self, hidden: list[torch.Tensor]) -> list[torch.Tensor]:
        """The wanted logits, [places, vocabulary] each, of several last hidden states."""
        if self.norm is None:
            return [self._around(one).float() for one in hidden]
        device = self.outputs[-1].device if torch.is_tensor(self.outputs[-1]) else None
        read = [self.wanted.read(one).to(device or one.device) for one in hidden]
        return list(self.head(torch.cat(read)).split(len(self.base)))

    def _around(self, hidden):
        """What the model itself makes of them; its layers hand on what they did, uncomputed."""
        handed = [*self.outputs[:-1], with_first(self.outputs[-1], hidden)]
        changes = [
            replacement(layer, "forward", _giving(output))
            for layer, output in zip(self.layers, handed, strict=True)
        ]
        shared = self.pictures.shared() if self.pictures else nullcontext()
        with temporarily(changes), shared:
            return wanted_logits(self.model, self.inputs)


def _giving(output):
    return lambda *args, **kwargs: output
