"""Knock out a part of a layer: hooks that apply inside a `with` block and leave no trace."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from ..errors import BadInput
from ..models.anatomy import PARTS, Anatomy, Part
from .effects import first_of, hooks_of, inside

EFFECTS = ("zero", "scale", "noise", "uniform", "mean")
_knocked_out = []  # models by their first decoder layer, once for each open block


@dataclass(frozen=True)
class Knockout:
    """What is knocked out (`part`), where (`layer` of `stack`, counted from 0; one `head` of an
    attention, one `neuron` of an MLP: a value that its output projection reads) and how (`effect`).

    "zero": an attention or an MLP adds nothing to the residual stream; a "layer" hands on its own
    input. "scale": the output times `amount`. "noise": Gaussian noise in its place, at every
    position `amount` times as loud as the output there (its standard deviation over the width),
    drawn from one of `seeds` for each row of a batch (or one for all) and the layer, counted from
    the last position: the same whatever a batch holds. "uniform": every allowed position is
    attended to equally. "mean": the output's mean over a reference set (see `mean_outputs`) in its
    place.
    """

    part: str
    layer: int
    effect: str = "zero"
    stack: str = "decoder"
    head: int | None = None
    neuron: int | None = None
    amount: float = 1.0
    seeds: tuple[int, ...] = (0,)

    def __post_init__(self):
        if self.part not in PARTS:
            raise BadInput(f"unknown part {self.part!r}; use one of {', '.join(PARTS)}")
        if self.effect not in EFFECTS:
            raise BadInput(f"unknown effect {self.effect!r}; use one of {', '.join(EFFECTS)}")
        if self.part == "layer" and self.effect != "zero":
            raise BadInput(
                f"a whole layer can only be bypassed (effect 'zero'), not {self.effect!r}"
            )
        if self.effect == "uniform" and "attention" not in self.part:
            raise BadInput(f"only an attention can be made uniform, not {self.part!r}")
        if self.head is not None and "attention" not in self.part:
            raise BadInput(f"a head belongs to an attention, not to {self.part!r}")
        if self.neuron is not None and self.part != "mlp":
            raise BadInput(f"a neuron belongs to an MLP, not to {self.part!r}")
        if self.neuron is not None and self.effect == "noise":
            raise BadInput(
                "noise is as loud as a part's values vary over the width, and a single neuron has "
                "no width; scale it or zero it"
            )


@contextmanager
def knockout(anatomy: Anatomy, *knockouts: Knockout, means: dict | None = None):
    """Apply knockouts inside a `with` block; the model is as before afterwards, also after an
    exception.

    Blocks may be nested: of two knockouts of one part the outer decides, of two in one call the
    first; every thread that runs the model meanwhile sees the knockout. `means` is what
    `mean_outputs` gave. Raises BadInput, before anything is touched, where a layer, part or head
    does not exist, the layer is dead or the effect is not defined there; and at the end of the
    block where the model ran without running the part, as cross-attention does without a picture.
    Effect "zero" equals zeroing the weights and biases of the part (paper, section 3), save where
    later layers reuse the keys and values of this one: then only what it adds itself is removed.
    """
    hooks = [(k, *hook) for k in knockouts for hook in hooks_of(anatomy, k, means or {})]
    ran, model_ran = set(), []
    first = anatomy.stacks["decoder"][0].module
    with ExitStack() as stack:
        stack.callback(_knocked_out.remove, id(first))
        _knocked_out.append(id(first))
        for k, register, hook in hooks:
            # prepend: transformers' own hooks, which record hidden states, must see the changed
            # output
            stack.callback(register(_noting(ran, k, hook), prepend=True, with_kwargs=True).remove)
        stack.callback(first.register_forward_pre_hook(lambda *_: model_ran.append(True)).remove)
        yield
    idle = [k for k in knockouts if k not in ran]
    if model_ran and idle:
        raise BadInput(
            f"{idle[0].part} of layer {idle[0].layer} of the {idle[0].stack} was not run inside "
            "the block, so "
            "nothing was knocked out (cross-attention and vision layers need a picture)"
        )


def is_knocked_out(anatomy: Anatomy) -> bool:
    """Whether a `knockout` block of this model is open."""
    return id(anatomy.stacks["decoder"][0].module) in _knocked_out


def _noting(ran, k, hook):
    def noted(*args):
        ran.add(k)
        return hook(*args)

    return noted


def mean_outputs(
    anatomy: Anatomy, run, parts=("self-attention", "mlp"), stack: str = "decoder"
) -> dict:
    """The mean output of each part of a stack over everything `run()` feeds the model, by module
    path, [width].

    And of what its output projection reads, all heads or all neurons side by side, by
    `effects.inside(path)`. `run` is called once; it runs the model on a reference set. Padding
    positions count too, so use equal lengths.
    """
    totals, counts = {}, {}

    def record(place, values):
        flat = values.detach().float().flatten(0, -2)
        totals[place] = totals.get(place, 0) + flat.sum(0)
        counts[place] = counts.get(place, 0) + len(flat)

    with ExitStack() as hooks:
        for layer in anatomy.stacks[stack]:
            for name in parts:
                part = layer.parts.get(name, Part({}))
                for path, module in part.modules.items():
                    hooks.callback(
                        module.register_forward_hook(
                            lambda module, args, output, path=path: record(path, first_of(output))
                        ).remove
                    )
                for path, projection in part.projections.items():
                    hooks.callback(
                        projection.register_forward_pre_hook(
                            lambda module, args, path=path: record(inside(path), args[0])
                        ).remove
                    )
        run()
    return {place: total / counts[place] for place, total in totals.items()}


@contextmanager
def zeroed_weights(anatomy: Anatomy, *knockouts: Knockout):
    """The paper's own way: zero all weights and biases of the part, then put them back bit for bit.

    Raises BadInput for a whole layer, a head, a neuron or another effect, which weights cannot
    express, and for packed (4-bit) or offloaded weights, which cannot be zeroed in place.
    """
    modules = [
        module
        for k in knockouts
        for module in anatomy.part(k.part, k.layer, k.stack).modules.values()
    ]
    for k in knockouts:
        if k.part == "layer" or k.effect != "zero" or k.head is not None or k.neuron is not None:
            raise BadInput(f"{k} cannot be done by zeroing weights; use knockout()")
    # an embedding inside an attention (T5's position bias) is read by later layers too
    kept = [
        (parameter, parameter.detach().clone())
        for module in modules
        for inner in module.modules()
        if not isinstance(inner, nn.Embedding)
        for parameter in inner.parameters(recurse=False)
    ]
    if any(parameter.is_meta or not parameter.is_floating_point() for parameter, _ in kept):
        raise BadInput(
            "weights that are packed (4-bit) or offloaded cannot be zeroed in place; use knockout()"
        )
    try:
        with (
            torch.inference_mode()
        ):  # it may write to any weights, also to those of a model built under it
            for parameter, _ in kept:
                parameter.zero_()
        yield
    finally:
        with torch.inference_mode():
            for parameter, value in kept:
                parameter.copy_(value)
