"""Knock out a part of a layer: hooks that apply inside a `with` block and leave no trace."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from .anatomy import PARTS, Anatomy
from .questions import BadInput

EFFECTS = ("zero",)


@dataclass(frozen=True)
class Knockout:
    """What is knocked out (`part`), where (`layer` of `stack`, counted from 0) and how (`effect`).

    "zero" makes an attention or an MLP add nothing to the residual stream; a "layer" hands on its own input.
    """

    part: str
    layer: int
    effect: str = "zero"
    stack: str = "decoder"

    def __post_init__(self):
        if self.part not in PARTS:
            raise BadInput(f"unknown part {self.part!r}; use one of {', '.join(PARTS)}")
        if self.effect not in EFFECTS:
            raise BadInput(f"unknown effect {self.effect!r}; use one of {', '.join(EFFECTS)}")


@contextmanager
def knockout(anatomy: Anatomy, *knockouts: Knockout):
    """Apply knockouts inside a `with` block; the model is as before afterwards, also after an exception.

    Blocks may be nested. Raises BadInput, before anything is touched, where a layer or part does not exist.
    Equals zeroing the weights and biases of the part's output projection (paper, section 3).
    """
    targets = [(k, anatomy.part(k.part, k.layer, k.stack).module) for k in knockouts]
    with ExitStack() as stack:
        for k, module in targets:
            hook = _bypass if k.part == "layer" else _zero
            # prepend: transformers' own hooks, which record hidden states, must see the changed output
            stack.callback(module.register_forward_hook(hook, prepend=True, with_kwargs=True).remove)
        yield


def _replace_first(output, tensor):
    return (tensor, *output[1:]) if isinstance(output, tuple) else tensor


def _zero(module, args, kwargs, output):
    return _replace_first(output, torch.zeros_like(output[0] if isinstance(output, tuple) else output))


def _bypass(module, args, kwargs, output):
    return _replace_first(output, args[0] if args else kwargs["hidden_states"])


@contextmanager
def zeroed_weights(anatomy: Anatomy, *knockouts: Knockout):
    """The paper's own way: zero all weights and biases of the part, then put them back bit for bit."""
    modules = [anatomy.part(k.part, k.layer, k.stack).module for k in knockouts]
    for k in knockouts:
        if k.part == "layer" or k.effect != "zero":
            raise BadInput(f"{k} cannot be done by zeroing weights; use knockout()")
    kept = [(p, p.detach().clone()) for module in modules for p in _linear_parameters(module)]
    try:
        with torch.no_grad():
            for parameter, _ in kept:
                parameter.zero_()
        yield
    finally:
        with torch.no_grad():
            for parameter, value in kept:
                parameter.copy_(value)


def _linear_parameters(module):
    return [p for m in module.modules() if isinstance(m, nn.Linear) for p in m.parameters(recurse=False)]
