"""From the last layer's hidden states to logits: by the final norm and the output embeddings, or by
the model itself with its layers left out.
"""

from contextlib import nullcontext
from functools import partial
from itertools import product

import torch

from ..interventions.hooks import first_of, with_first
from ..models.anatomy import Anatomy
from ..models.asked import Asked, Wanted, wanted_logits
from ..models.temporary import replacement, temporarily
from .memory import out_of_memory
from .pictures import Pictures
from .recording import CannotReplay, Recording, by_place, tensors
from .vision_prefix import VisionPrefix


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
    """What a model does behind its decoder layers. Raises CannotReplay where it gives other logits
    than the model.
    """

    def __init__(
        self, model, anatomy: Anatomy, inputs, recording: Recording, pictures: Pictures | None
    ):
        self.model, self.inputs, self.pictures = model, inputs, pictures
        self.base, self.outputs, self.calls = recording.logits, recording.outputs, recording.calls
        self.prefix = VisionPrefix(anatomy)
        self.layers = [layer.module for layer in anatomy.stacks["decoder"]]
        last = recording.hidden[-1]
        nexts = Wanted.next_tokens(len(last), last.device)
        self.wanted = inputs.wanted if isinstance(inputs, Asked) else nexts
        self.norm, self.cap = None, None
        path = anatomy.stacks["decoder"][0].path.rsplit(".", 2)[0]
        children = model.get_submodule(path).children()
        norms = [child for child in children if "Norm" in type(child).__name__]
        cap = getattr(model.config.get_text_config(), "final_logit_softcapping", None)
        # older versions of the library do not cap every family's logits as its settings say
        for norm, one in product((*norms, torch.nn.Identity()), dict.fromkeys((cap, None))):
            if self._leads(norm, one, last):
                self.norm, self.cap = norm, one
                break

    def _leads(self, norm, cap, last):
        """Whether this norm, the output embeddings and this cap give the model's logits."""
        try:
            return same_logits(self._headed(self.wanted.read(last), norm, cap), self.base)
        except (RuntimeError, TypeError) as error:  # no output embeddings of this width
            if out_of_memory(error):
                raise
            return False

    def check(self):
        """Raise CannotReplay unless the logits follow from the last layer's hidden states alone,
        and what layers are given beside theirs from the inputs.

        The model runs without its layers, which hand on nothing that can be computed with. What the
        first layer hands on beside its hidden states (T5's position bias) stays.
        """
        first, last = self.outputs[0], self.outputs[-1]
        beside = tensors(first[1:]) if isinstance(first, tuple) else ()
        stay = {id(tensor) for tensor in (*beside, first_of(last))}
        blanks = [partial(_blank, output, stay) for output in self.outputs]
        given: dict = {}
        logits = self._run(blanks, given)
        if not same_logits(logits, self.base):
            raise CannotReplay("its logits do not follow from its last layer's hidden states")
        for i, (args, kwargs) in enumerate(self.calls):
            others = by_place(self.layers[i], *given[i])
            own = list(tensors([args[1:], kwargs]))
            again = list(tensors([others[0][1:], others[1]]))
            if len(own) != len(again) or not all(map(torch.equal, own, again)):
                raise CannotReplay("later layers are given what earlier hidden states lead to")

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits at places, float32 [places, vocabulary], of their hidden states [places, width].

        Raises CannotReplay where they do not follow through one norm.
        """
        if self.norm is None:
            raise CannotReplay(
                "the final norm and the output embeddings do not give the model's logits"
            )
        return self._headed(hidden, self.norm, self.cap)

    def _headed(self, hidden, norm, cap):
        logits = self.model.get_output_embeddings()(norm(hidden)).float()
        logits = logits.to(self.base.device)
        return logits if cap is None else cap * torch.tanh(logits / cap)

    def read(self, hidden: torch.Tensor) -> torch.Tensor:
        """What logits follow from: of last hidden states those at the wanted places, [places,
        width], or all where only the model itself leads to its logits.
        """
        if self.norm is None:
            return hidden
        return self.wanted.read(hidden).to(first_of(self.outputs[-1]).device)

    def logits(self, read: list[torch.Tensor]) -> list[torch.Tensor]:
        """The wanted logits, [places, vocabulary] each, of what was read of several variants."""
        if self.norm is None:
            return [self._around(hidden).float() for hidden in read]
        return list(self.head(torch.cat(read)).split(len(self.base)))

    def _around(self, hidden):
        """What the model itself makes of them; its layers hand on what they did, uncomputed."""
        handed = [*self.outputs[:-1], with_first(self.outputs[-1], hidden)]
        return self._run([partial(_same, output) for output in handed], {})

    def _run(self, handed, given):
        """The wanted logits where each layer, uncomputed, hands on what `handed` makes.

        What each is given is noted in `given`.
        """
        changes = [
            replacement(layer, "forward", _giving(i, make, given))
            for i, (layer, make) in enumerate(zip(self.layers, handed, strict=True))
        ]
        shared = self.pictures.shared() if self.pictures else nullcontext()
        with temporarily(changes), shared, self.prefix.shared(()):
            return wanted_logits(self.model, self.inputs)


def _giving(i, make, given):
    def forward(*args, **kwargs):
        given[i] = (args, kwargs)
        return make()

    return forward


def _same(output):
    return output


def _blank(output, stay):
    """The same with no number in it but those of tensors that stay."""
    if isinstance(output, tuple):
        return tuple(_blank(item, stay) for item in output)
    if torch.is_tensor(output) and output.is_floating_point() and id(output) not in stay:
        return torch.full_like(output, torch.nan)
    return output
