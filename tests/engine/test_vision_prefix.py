"""Shared vision layers change no logit, family by family, and are not computed."""

import pytest
import torch
from families import FAMILIES, family

from talo_mini import Knockout, knockout
from talo_mini.engine.vision_prefix import VisionPrefix
from talo_mini.models.anatomy import find_anatomy


@pytest.mark.parametrize("name", FAMILIES)
def test_family(name):
    model, inputs = family(name)
    anatomy = find_anatomy(model)
    knockouts = [(), (Knockout("mlp", 0),)]
    for stack, layers in anatomy.stacks.items():
        if stack.startswith("vision"):
            knockouts += [
                (Knockout("layer", i, stack=stack),)
                for i, layer in enumerate(layers)
                if not layer.dead
            ]
    prefix = VisionPrefix(anatomy)
    with torch.inference_mode():
        for chosen in knockouts:
            with knockout(anatomy, *chosen):
                plain = model(**inputs, use_cache=False).logits
            with prefix.shared(chosen), knockout(anatomy, *chosen):
                shared = model(**inputs, use_cache=False).logits
            assert torch.equal(plain, shared), chosen
    assert not any(
        "forward" in vars(layer.module) for layers in anatomy.stacks.values() for layer in layers
    )


def test_layers_below_the_knockout_are_not_computed_again():
    model, inputs = family("llava")
    model.config.vision_feature_layer = -1  # of two layers the upper is read, too
    anatomy = find_anatomy(model)
    ran, stack = [], anatomy.stacks["vision"]
    for i, layer in enumerate(stack):
        part = next(iter(layer.parts["mlp"].modules.values()))
        part.register_forward_hook(lambda *_, i=i: ran.append(i))
    prefix, found = VisionPrefix(anatomy), []
    with torch.inference_mode():
        for chosen in ((), (Knockout("mlp", 1),), (Knockout("mlp", 1, stack="vision"),)):
            ran.clear()
            with prefix.shared(chosen), knockout(anatomy, *chosen):
                model(**inputs, use_cache=False)
            found.append(list(ran))
    assert found == [list(range(len(stack))), [], list(range(1, len(stack)))]
