"""One pass equals hooks on the whole model, family by family."""

import pytest
import torch
from families import FAMILIES, built, family

from talo_mini import Knockout, knockout
from talo_mini.anatomy import find_anatomy
from talo_mini.knockout import mean_outputs
from talo_mini.replay import CannotReplay, one_pass

REFUSED = {"instructblip_t5": "more than their hidden states"}


@pytest.mark.parametrize("name", FAMILIES)
def test_family(name):
    model, inputs = family(name)
    anatomy = find_anatomy(model)
    stack = anatomy.stacks["decoder"]
    groups = [(Knockout(part, i),) for i, layer in enumerate(stack) for part in (*layer.parts, "layer")]
    groups += [(Knockout("layer", 0), Knockout("mlp", len(stack) - 1)), (Knockout("mlp", 0), Knockout("layer", 1))]
    if name in REFUSED:
        with pytest.raises(CannotReplay, match=REFUSED[name]):
            one_pass(model, anatomy, inputs, groups, check=True)
        return
    base, *replayed = one_pass(model, anatomy, inputs, groups, check=True)
    with torch.inference_mode():
        assert (base - model(**inputs, use_cache=False).logits[:, -1]).abs().max() < 1e-4
        for group, found in zip(groups, replayed, strict=True):
            with knockout(anatomy, *group):
                hooked = model(**inputs, use_cache=False).logits[:, -1]
            assert (found - hooked).abs().max() < 1e-4, group
            assert (hooked - base).abs().max() > 1e-4


def undefined(part, effect, unit):
    """Only attentions can be uniform; a single neuron has no width for noise to be as loud as."""
    return (effect == "uniform" and part == "mlp") or (effect == "noise" and "neuron" in unit)


@pytest.mark.parametrize("effect", ["zero", "scale", "noise", "uniform", "mean"])
@pytest.mark.parametrize("name", [name for name in FAMILIES if name not in REFUSED])
def test_every_effect_on_parts_heads_and_neurons(name, effect):
    model, inputs, anatomy = built(name)
    parts = ("self-attention", "cross-attention", "mlp")
    means = mean_outputs(anatomy, lambda: model(**inputs, use_cache=False), parts)
    groups = []
    for i, layer in enumerate(anatomy.stacks["decoder"]):
        for part in layer.parts:
            for unit in ({}, {"neuron": 7} if part == "mlp" else {"head": 2}):
                if not (undefined(part, effect, unit) or name == "kosmos2" and "head" in unit and effect != "uniform"):
                    groups.append((Knockout(part, i, effect, amount=0.7, seeds=(5,), **unit),))
    base, *replayed = one_pass(model, anatomy, inputs, groups, check=True, means=means)
    with torch.inference_mode():
        for group, found in zip(groups, replayed, strict=True):
            with knockout(anatomy, *group, means=means):
                hooked = model(**inputs, use_cache=False).logits[:, -1]
            assert (found - hooked).abs().max() < 1e-4, group
            assert torch.equal(found.argmax(-1), hooked.argmax(-1)), group
    assert len(groups) >= 4 and any((found - base).abs().max() > 1e-4 for found in replayed)


def test_a_batch_with_left_padding():
    model, inputs = family("llava")
    ids = torch.cat([inputs["input_ids"], inputs["input_ids"].roll(1, 1)])
    ids[1, 0], mask = 0, torch.ones_like(ids)
    mask[1, 0] = 0
    inputs = dict(input_ids=ids, attention_mask=mask, pixel_values=inputs["pixel_values"].repeat(2, 1, 1, 1))
    anatomy = find_anatomy(model)
    groups = [(Knockout("self-attention", i),) for i in (3, 0, 2)]
    _, *replayed = one_pass(model, anatomy, inputs, groups, check=True)
    with torch.inference_mode():
        for group, found in zip(groups, replayed, strict=True):
            with knockout(anatomy, *group):
                assert (found - model(**inputs, use_cache=False).logits[:, -1]).abs().max() < 1e-4
