"""Knockouts of every part of 22 families equal their definitions, exactly."""

from functools import cache

import pytest
import torch
from families import FAMILIES, family, left_padded_pair, with_attention

from talo_mini import BadInput, Knockout, knockout, zeroed_weights
from talo_mini.anatomy import find_anatomy

POST_NORM = {"florence2": ("decoder", "text encoder", "vision"), "blip2_opt": ("q-former",),
             "instructblip_vicuna": ("q-former",), "instructblip_t5": ("q-former",)}  # and DaViT's convolutions


@cache
@torch.inference_mode(False)
def built(name):
    model, inputs = family(name)
    return model, inputs, find_anatomy(model)


@torch.inference_mode()
def logits(name):
    model, inputs, _ = built(name)
    return model(**inputs, use_cache=False).logits


def everywhere(name):
    """Every (stack, layer, part, dead) of a family."""
    anatomy = built(name)[2]
    return [(stack, i, part, layer.dead) for stack, layers in anatomy.stacks.items() for i, layer in enumerate(layers)
            for part in layer.parts]


@torch.inference_mode()
def generated(name):
    model, inputs, _ = built(name)
    return model.generate(**left_padded_pair(inputs), do_sample=False, max_new_tokens=3, min_new_tokens=3,
                          return_dict_in_generate=True, output_logits=True)


def difference(a, b):
    return (a - b).abs().max().item()


@pytest.mark.parametrize("name", FAMILIES)
def test_stacks(name):
    anatomy = built(name)[2]
    assert len(anatomy.stacks["decoder"]) == 4 and "vision" in anatomy.stacks
    assert all({"mlp"} < set(layer.parts) for layers in anatomy.stacks.values() for layer in layers)
    assert ("q-former" in anatomy.stacks) == ("blip" in name) and ("perceiver" in anatomy.stacks) == (name == "idefics2")
    assert ("text encoder" in anatomy.stacks) == (name in ("florence2", "instructblip_t5"))
    assert all(part.heads == 4 for layer in anatomy.stacks["decoder"] for key, part in layer.parts.items() if "attention" in key)


@pytest.mark.parametrize("name", FAMILIES)
def test_hooked_zero_equals_zeroed_weights_and_biases(name):
    base, anatomy = logits(name), built(name)[2]
    for stack, layer, part, dead in everywhere(name):
        target = Knockout(part, layer, stack=stack)
        if dead:
            with zeroed_weights(anatomy, target):
                assert torch.equal(logits(name), base), target
            with pytest.raises(BadInput, match="is dead: nothing reads its output"), knockout(anatomy, target):
                pass
            continue
        with knockout(anatomy, target):
            hooked = logits(name)
        with zeroed_weights(anatomy, target):
            assert difference(hooked, logits(name)) == 0, target
        assert difference(hooked, base) > 1e-4, target
    assert torch.equal(logits(name), base)


@pytest.mark.parametrize("name", FAMILIES)
def test_bypass_equals_zeroing_all_parts_where_norms_come_first(name):
    base, anatomy = logits(name), built(name)[2]
    for stack, layers in anatomy.stacks.items():
        for i, layer in enumerate(layers):
            if layer.dead:
                continue
            with knockout(anatomy, Knockout("layer", i, stack=stack)):
                bypassed = logits(name)
            assert difference(bypassed, base) > 1e-4
            if stack not in POST_NORM.get(name, ()):
                with knockout(anatomy, *(Knockout(part, i, stack=stack) for part in layer.parts)):
                    assert difference(bypassed, logits(name)) == 0, (stack, i)


@pytest.mark.parametrize("name", [n for n in FAMILIES if n not in ("instructblip_t5", "florence2", "mllama")])
def test_uniform_equals_the_mean_over_allowed_positions(name):
    anatomy = built(name)[2]
    for layer in (0, 2):
        module = next(iter(anatomy.part("self-attention", layer).modules.values()))
        with knockout(anatomy, Knockout("self-attention", layer, "uniform")):
            hooked = logits(name)
        expected = with_attention(built(name)[0], module, lambda: logits(name))
        if expected is None:
            pytest.skip("computes its attention itself")
        assert difference(hooked, expected) < 1e-5, layer
        assert difference(hooked, logits(name)) > 1e-4


def test_uniform_is_refused_where_a_position_bias_remains():
    with pytest.raises(BadInput, match="position bias"):
        with knockout(built("instructblip_t5")[2], Knockout("self-attention", 1, "uniform")):
            pass


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("head", [0, 3])
def test_a_head_zeroed_is_a_head_removed_inside_the_attention(name, head):
    anatomy = built(name)[2]
    module = next(iter(anatomy.part("self-attention", 2).modules.values()))

    def removed(original, *args, **options):
        output, *rest = original(*args, **options)
        output = output.clone()
        output[:, :, head] = 0
        return output, *rest

    expected = with_attention(built(name)[0], module, lambda: logits(name), removed)
    if expected is None:
        pytest.skip("computes its attention itself")
    try:
        with knockout(anatomy, Knockout("self-attention", 2, head=head)):
            hooked = logits(name)
    except BadInput as error:
        assert "stands between" in str(error)
        return
    assert difference(hooked, expected) < 1e-5
    assert difference(hooked, logits(name)) > 1e-4


@pytest.mark.parametrize("name", [n for n in FAMILIES if n != "kosmos2"])
def test_all_heads_zeroed_leave_only_the_output_bias(name):
    """Where the output projection has no bias, zeroing every head equals zeroing the attention; one head differs."""
    model, _, anatomy = built(name)
    part = anatomy.part("self-attention", 2)
    (path, module), = part.modules.items()
    out = next(m for m in module.modules() if isinstance(m, torch.nn.Linear) and m.in_features % part.heads == 0
               and any(key in n for n, x in module.named_modules() for key in ("o_proj", "out_proj", "o") if x is m and n == key))
    heads = [Knockout("self-attention", 2, head=head) for head in range(part.heads)]
    bias = None if out.bias is None else out.bias.detach().clone()
    try:
        if bias is not None:
            out.bias.data.zero_()
        with knockout(anatomy, *heads):
            without = logits(name)
        with knockout(anatomy, Knockout("self-attention", 2)):
            assert difference(without, logits(name)) == 0
        with knockout(anatomy, heads[1]):
            assert difference(logits(name), without) > 1e-4
    finally:
        if bias is not None:
            out.bias.data.copy_(bias)


def test_heads_are_refused_where_a_norm_mixes_them():
    with pytest.raises(BadInput, match="inner_attn_ln"):
        with knockout(built("kosmos2")[2], Knockout("self-attention", 1, head=0)):
            pass


@pytest.mark.parametrize("name", FAMILIES)
def test_generation_in_a_left_padded_batch(name):
    """Every step of greedy generation under hooks equals that under zeroed weights, question by question."""
    anatomy, base = built(name)[2], generated(name)
    for part in ("self-attention", "mlp"):
        layer = next(i for i, layer in enumerate(anatomy.stacks["decoder"]) if part in layer.parts and i > 0)
        with knockout(anatomy, Knockout(part, layer)):
            hooked = generated(name)
        with zeroed_weights(anatomy, Knockout(part, layer)):
            zeroed = generated(name)
        assert torch.equal(hooked.sequences, zeroed.sequences)
        assert all(torch.equal(a, b) for a, b in zip(hooked.logits, zeroed.logits, strict=True))
        assert all(difference(hooked.logits[0][row], base.logits[0][row]) > 1e-4 for row in (0, 1))
    assert all(torch.equal(a, b) for a, b in zip(generated(name).logits, base.logits, strict=True))


@pytest.mark.parametrize("name", ["llava", "qwen2_vl", "mllama", "gemma3", "blip2_opt"])
def test_bfloat16(name):
    model, inputs = family(name)
    model.to(torch.bfloat16)
    inputs = {key: value.to(torch.bfloat16) if value.is_floating_point() else value for key, value in inputs.items()}
    anatomy = find_anatomy(model)
    for part in ("self-attention", "mlp"):
        with torch.inference_mode(), knockout(anatomy, Knockout(part, 2)):
            hooked = model(**inputs, use_cache=False).logits
        with torch.inference_mode(), zeroed_weights(anatomy, Knockout(part, 2)):
            assert torch.equal(hooked, model(**inputs, use_cache=False).logits)


def test_eager_and_sdpa_agree_under_a_knockout():
    model, inputs = family("llava")
    anatomy = find_anatomy(model)
    for effect in ("zero", "uniform"):
        found = []
        for implementation in ("sdpa", "eager"):
            model.set_attn_implementation(implementation)
            with torch.inference_mode(), knockout(anatomy, Knockout("self-attention", 1, effect)):
                found.append(model(**inputs, use_cache=False).logits)
        assert difference(*found) < 1e-4


def test_last_clip_layer_of_llava_is_dead():
    assert [layer.dead for layer in built("llava")[2].stacks["vision"]] == [False, True]
    assert "dead, nothing reads its output" in str(built("llava")[2])


@pytest.mark.parametrize("chosen,dead", [(-1, [False, False]), ([-2, 1], [False, True]), ([-2, -1], [False, False]), (1, [False, True])])
def test_layers_above_all_that_are_read_are_dead(chosen, dead):
    model, _ = family("llava")
    model.config.vision_feature_layer = chosen
    assert [layer.dead for layer in find_anatomy(model).stacks["vision"]] == dead


def test_cross_attention_of_mllama():
    anatomy = built("mllama")[2]
    assert [sorted(layer.parts)[0] for layer in anatomy.stacks["decoder"]] == ["mlp", "cross-attention", "mlp", "cross-attention"]
    with pytest.raises(BadInput, match="no part 'self-attention'; it has: cross-attention, mlp, layer"):
        anatomy.part("self-attention", 1)


def test_a_part_that_never_ran_is_no_silent_success():
    model, inputs, anatomy = built("mllama")
    with pytest.raises(BadInput, match="cross-attention of layer 1 of the decoder was not run inside the block"):
        with torch.inference_mode(), knockout(anatomy, Knockout("cross-attention", 1)):
            model(input_ids=inputs["input_ids"], use_cache=False)
