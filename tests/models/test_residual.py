"""What follows a part is read from its layer's own code, through wrappers and subclasses."""

import copy
import functools

import pytest
import torch
from families import family
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

from talo_mini import BadInput, Knockout, knockout
from talo_mini.models.anatomy import find_anatomy

LOUD = Knockout("self-attention", 1, "scale", amount=100)


class Wrapper(nn.Module):
    """Somebody's own module around a layer."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("block"), name)

    def forward(self, *args, **options):
        return self.block(*args, **options)


@pytest.fixture
def gemma():
    """A family in which an RMS norm follows each part, so that a scale in front does nothing."""
    model, inputs = family("gemma3")
    return copy.deepcopy(model), inputs


def louder(model, inputs):
    """By how much a hundred times louder attention moves the logits."""

    @torch.inference_mode()
    def logits():
        return model(**inputs, use_cache=False).logits

    base = logits()
    with knockout(find_anatomy(model), LOUD):
        return (logits() - base).abs().max().item()


def layers(model):
    return model.get_decoder().layers


WRAPPERS = {
    "compiled": lambda layer: torch.compile(layer, backend="eager"),
    "checkpointed": checkpoint_wrapper,
    "somebody's own": Wrapper,
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_wrapped_layer_is_read_through_its_wrapper(gemma, wrapper):
    model, inputs = gemma
    right = louder(model, inputs)
    for i, layer in enumerate(layers(model)):
        layers(model)[i] = WRAPPERS[wrapper](layer).eval()
    assert louder(model, inputs) == pytest.approx(right, rel=1e-3)
    assert right > 1


def test_a_subclass_that_calls_the_class_before_is_read_there(gemma):
    model, inputs = gemma
    right, kind = louder(model, inputs), type(layers(model)[1])

    class Sub(kind):
        def forward(self, *args, **options):
            return super().forward(*args, **options)

    layers(model)[1].__class__ = Sub
    assert louder(model, inputs) == pytest.approx(right)


def test_code_that_cannot_be_read_is_refused_but_for_zero(gemma, monkeypatch):
    model, inputs = gemma
    kind = type(layers(model)[1])
    own, space = kind.forward, {}
    exec(
        "def forward(self, *args, **options): return own(self, *args, **options)",
        {"own": own},
        space,
    )
    monkeypatch.setattr(kind, "forward", space["forward"])
    with pytest.raises(BadInput, match="cannot be read from the layer's own code"):
        louder(model, inputs)
    with torch.inference_mode(), knockout(find_anatomy(model), Knockout("self-attention", 1)):
        model(**inputs, use_cache=False)
    monkeypatch.setattr(kind, "forward", functools.wraps(own)(space["forward"]))
    assert louder(model, inputs) > 1
