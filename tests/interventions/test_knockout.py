"""Knockouts equal their definitions, leave nothing behind and raise where nothing would be knocked
out: a tiny LLaVA, 22 families.
"""

import copy
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import numpy as np
import pytest
import torch
from conftest import tiny_llava
from families import FAMILIES, built, family, generated, logits, reinit
from mapping import shrink
from oracles import difference
from transformers import CONFIG_MAPPING, AutoModelForImageTextToText, BeitConfig, BeitModel

from talo_mini import BadInput, Knockout, knockout, load_benchmark
from talo_mini.interventions import zeroed_weights
from talo_mini.interventions.knockout import mean_outputs
from talo_mini.models.anatomy import find_anatomy

PARTS = ("self-attention", "mlp", "layer")
POST_NORM = {
    "florence2": ("decoder", "text encoder", "vision"),
    "blip2_opt": ("q-former",),
    "instructblip_vicuna": ("q-former",),
    "instructblip_t5": ("q-former",),
}  # and DaViT's convolutions


@pytest.fixture(scope="module")
def inputs(tiny):
    questions = load_benchmark("mini-worlds", tasks=["object_colour", "more"], per_task=2).questions
    return tiny.inputs(questions)


def hooks(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@pytest.mark.parametrize("part", ["self-attention", "mlp"])
@pytest.mark.parametrize("stack,layers", [("decoder", 4), ("vision", 3)])
def test_hooked_zero_equals_zeroed_weights_in_every_layer(tiny, inputs, part, stack, layers):
    base = tiny.last_logits(inputs)
    for layer in range(layers):
        target = Knockout(part, layer, stack=stack)
        with knockout(tiny.anatomy, target):
            hooked = tiny.last_logits(inputs)
        with zeroed_weights(tiny.anatomy, target):
            zeroed = tiny.last_logits(inputs)
        assert torch.equal(hooked, zeroed)
        assert (hooked - base).abs().max() > 1e-2
    assert torch.equal(tiny.last_logits(inputs), base)


def test_bypass_equals_zeroing_all_parts(tiny, inputs):
    for layer in range(4):
        with knockout(tiny.anatomy, Knockout("layer", layer)):
            bypassed = tiny.last_logits(inputs)
        with knockout(tiny.anatomy, Knockout("self-attention", layer), Knockout("mlp", layer)):
            assert torch.equal(tiny.last_logits(inputs), bypassed)


@pytest.mark.parametrize("part", PARTS)
def test_nothing_is_left_after_the_block_or_an_exception(tiny, inputs, part):
    base, before = tiny.last_logits(inputs), hooks(tiny.model)
    with knockout(tiny.anatomy, Knockout(part, 1)):
        assert not torch.equal(tiny.last_logits(inputs), base)
    with pytest.raises(RuntimeError, match="inside"), knockout(tiny.anatomy, Knockout(part, 1)):
        raise RuntimeError("inside")
    with pytest.raises(RuntimeError, match="inside"):
        if part != "layer":
            with zeroed_weights(tiny.anatomy, Knockout(part, 1)):
                raise RuntimeError("inside")
        raise RuntimeError("inside")
    assert torch.equal(tiny.last_logits(inputs), base)
    assert hooks(tiny.model) == before


def test_another_thread_is_told_and_sees_no_knockout_afterwards(tiny, inputs):
    base = tiny.last_logits(inputs)
    with ThreadPoolExecutor(1) as other:
        with knockout(tiny.anatomy, Knockout("layer", 1)):
            assert not torch.equal(tiny.last_logits(inputs), base)
            with pytest.raises(BadInput, match="another thread runs the model while a part"):
                other.submit(tiny.last_logits, inputs).result()
        assert torch.equal(other.submit(tiny.last_logits, inputs).result(), base)


def test_a_model_has_one_owner_at_a_time(tiny, inputs):
    """Two threads that knock out different layers get what each would get alone."""
    expected = {}
    for layer in range(4):
        with knockout(tiny.anatomy, Knockout("layer", layer)):
            expected[layer] = tiny.last_logits(inputs)

    def without(layer):
        with knockout(tiny.anatomy, Knockout("layer", layer)):
            return tiny.last_logits(inputs)

    with ThreadPoolExecutor(2) as pool:
        layers = [i % 4 for i in range(16)]
        for layer, found in zip(layers, pool.map(without, layers), strict=True):
            assert torch.equal(found, expected[layer])


def test_a_copy_made_inside_a_block_is_refused(tiny):
    """It would stay knocked out for ever."""
    with pytest.raises(BadInput, match="cannot be copied or saved while a part of it"):
        with knockout(tiny.anatomy, Knockout("mlp", 1)):
            copy.deepcopy(tiny.model)
    copy.deepcopy(tiny.model)


def test_a_model_is_not_saved_as_if_a_part_were_left_out(tiny, tmp_path):
    with pytest.raises(BadInput, match="cannot be saved while a part of it is knocked out"):
        with knockout(tiny.anatomy, Knockout("mlp", 1)):
            tiny.model.save_pretrained(tmp_path / "model")
    assert not (tmp_path / "model").exists() and "save_pretrained" not in vars(tiny.model)
    tiny.model.save_pretrained(tmp_path / "model")
    assert (tmp_path / "model" / "model.safetensors").exists()


def test_a_part_that_is_not_run_raises_also_where_no_hook_tells(tiny):
    with pytest.raises(BadInput, match="was not run inside the block, so nothing was knocked out"):
        with knockout(tiny.anatomy, Knockout("mlp", 1)):
            pass


def test_a_compiled_model_is_knocked_out_too(tiny, inputs):
    """Compiled code would skip hooks that were put on after it first ran."""
    with knockout(tiny.anatomy, Knockout("self-attention", 2)):
        expected = tiny.last_logits(inputs)
    compiled = torch.compile(tiny.model, backend="eager")
    with torch.inference_mode():
        base = compiled(**inputs, use_cache=False).logits[:, -1]
        with knockout(tiny.anatomy, Knockout("self-attention", 2)):
            hooked = compiled(**inputs, use_cache=False).logits[:, -1]
        again = compiled(**inputs, use_cache=False).logits[:, -1]
    assert torch.equal(hooked, expected) and torch.equal(again, base)


def test_a_module_that_was_replaced_after_the_model_was_mapped_is_told(tiny, inputs):
    from conftest import tiny_llava

    vlm = tiny_llava(3)
    anatomy, layer = vlm.anatomy, vlm.anatomy.stacks["decoder"][1].module
    layer.mlp = copy.deepcopy(layer.mlp)
    with pytest.raises(BadInput, match=r"layers.1.mlp of .* was replaced after the model was"):
        with knockout(anatomy, Knockout("mlp", 1)):
            pass
    with knockout(vlm.anatomy, Knockout("mlp", 1)):  # which maps the model anew
        vlm.last_logits(inputs)


@pytest.mark.parametrize("layer", [np.int64(1), torch.tensor(1)])
def test_integers_of_other_libraries_are_integers(layer):
    assert Knockout("mlp", layer) == Knockout("mlp", 1)
    assert json.loads(json.dumps(asdict(Knockout("mlp", layer))))["layer"] == 1


def test_a_knockout_read_from_json_is_the_same():
    k = Knockout("self-attention", 2, "noise", head=1, amount=0.5, seeds=(3, 4))
    assert Knockout(**json.loads(json.dumps(asdict(k)))) == k


def test_nested_blocks_add_up(tiny, inputs):
    both = Knockout("mlp", 0), Knockout("self-attention", 2)
    with knockout(tiny.anatomy, *both):
        together = tiny.last_logits(inputs)
    with knockout(tiny.anatomy, both[0]):
        first = tiny.last_logits(inputs)
        with knockout(tiny.anatomy, both[1]):
            assert torch.equal(tiny.last_logits(inputs), together)
        assert torch.equal(tiny.last_logits(inputs), first)


def test_last_vision_layer_reaches_the_logits_also_after_a_first_forward(tiny, inputs):
    """transformers records hidden states with hooks of its own; ours must come before them."""
    base = tiny.last_logits(inputs)
    with knockout(tiny.anatomy, Knockout("layer", 2, stack="vision")):
        assert (tiny.last_logits(inputs) - base).abs().max() > 1e-2


def test_generate_equals_zeroed_weights(tiny):
    questions = load_benchmark("mini-worlds", tasks=["object_colour"], per_task=4).questions
    target = Knockout("self-attention", 1)
    base = tiny.generate(questions)
    with knockout(tiny.anatomy, target):
        hooked = tiny.generate(questions)
    with zeroed_weights(tiny.anatomy, target):
        assert tiny.generate(questions) == hooked
    assert tiny.generate(questions) == base != hooked


@pytest.mark.parametrize(
    "wrong,message",
    [
        (dict(part="self-attention", layer=4), "no layer 4 in its decoder; layers are 0 to 3"),
        (dict(part="self-attention", layer=-1), "no layer -1"),
        (dict(part="mlp", layer=True), "no layer True"),
        (
            dict(part="cross-attention", layer=0),
            "no part 'cross-attention'; it has: self-attention, mlp, layer",
        ),
        (dict(part="nose", layer=0), "unknown part 'nose'"),
        (dict(part="mlp", layer=0, effect="shout"), "unknown effect 'shout'"),
        (dict(part="mlp", layer=0, neuron=48), "has no neuron 48; neurons are 0 to 47"),
        (dict(part="self-attention", layer=0, neuron=0), "a neuron belongs to an MLP"),
        (dict(part="mlp", layer=0, stack="tail"), "no stack 'tail'; it has: decoder, vision"),
    ],
)
def test_what_does_not_exist_raises(tiny, wrong, message):
    before = hooks(tiny.model)
    with pytest.raises(BadInput, match=message), knockout(tiny.anatomy, Knockout(**wrong)):
        pass
    assert hooks(tiny.model) == before


def test_zeroed_weights_refuses_what_it_cannot_do(tiny):
    with pytest.raises(BadInput, match="cannot be done by zeroing weights"):
        with zeroed_weights(tiny.anatomy, Knockout("layer", 0)):
            pass


def test_weights_of_a_model_built_under_inference_mode_are_zeroed_and_restored(inputs):
    with torch.inference_mode():
        vlm = tiny_llava(1)
    base = vlm.last_logits(inputs)
    with zeroed_weights(vlm.anatomy, Knockout("mlp", 2)):
        assert not torch.equal(vlm.last_logits(inputs), base)
    assert torch.equal(vlm.last_logits(inputs), base)


def everywhere(name):
    """Every (stack, layer, part, dead) of a family."""
    anatomy = built(name)[2]
    return [
        (stack, i, part, layer.dead)
        for stack, layers in anatomy.stacks.items()
        for i, layer in enumerate(layers)
        for part in layer.parts
    ]


@pytest.mark.parametrize("name", FAMILIES)
def test_hooked_zero_equals_zeroed_weights_and_biases(name):
    base, anatomy = logits(name), built(name)[2]
    for stack, layer, part, dead in everywhere(name):
        target = Knockout(part, layer, stack=stack)
        if dead:
            with zeroed_weights(anatomy, target):
                assert torch.equal(logits(name), base), target
            with (
                pytest.raises(BadInput, match="is dead: nothing reads its output"),
                knockout(anatomy, target),
            ):
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


@pytest.mark.parametrize("name", FAMILIES)
def test_generation_in_a_left_padded_batch(name):
    """Every step of greedy generation under hooks equals that under zeroed weights, question by
    question.
    """
    anatomy, base = built(name)[2], generated(name)
    for part in ("self-attention", "mlp"):
        layer = next(
            i for i, layer in enumerate(anatomy.stacks["decoder"]) if part in layer.parts and i > 0
        )
        with knockout(anatomy, Knockout(part, layer)):
            hooked = generated(name)
        with zeroed_weights(anatomy, Knockout(part, layer)):
            zeroed = generated(name)
        assert torch.equal(hooked.sequences, zeroed.sequences)
        assert all(torch.equal(a, b) for a, b in zip(hooked.logits, zeroed.logits, strict=True))
        assert all(difference(hooked.logits[0][row], base.logits[0][row]) > 1e-4 for row in (0, 1))
    assert all(torch.equal(a, b) for a, b in zip(generated(name).logits, base.logits, strict=True))


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "florence2"])
def test_generation_with_a_bypassed_layer(name):
    """Where norms come first it equals zeroing all parts of the layer, also while generating."""
    anatomy, found = built(name)[2], []
    for knockouts in (
        [Knockout("layer", 2)],
        [Knockout(part, 2) for part in anatomy.stacks["decoder"][2].parts],
    ):
        with knockout(anatomy, *knockouts):
            found.append(generated(name))
    assert all(torch.equal(a, b) for a, b in zip(found[0].logits, found[1].logits, strict=True))


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


def test_a_part_that_never_ran_is_no_silent_success():
    model, inputs, anatomy = built("mllama")
    with (
        pytest.raises(
            BadInput, match="cross-attention of layer 1 of the decoder was not run inside the block"
        ),
        torch.inference_mode(),
        knockout(anatomy, Knockout("cross-attention", 1)),
    ):
        model(input_ids=inputs["input_ids"], use_cache=False)


class PackedLinear(torch.nn.Module):
    """A linear map as quantisers write it: whole numbers and scales in buffers, no parameter."""

    def __init__(self, linear):
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        scale = linear.weight.detach().abs().amax(1, keepdim=True) / 127
        self.register_buffer("qweight", torch.round(linear.weight.detach() / scale).to(torch.int8))
        self.register_buffer("scales", scale)
        self.register_buffer("bias", None if linear.bias is None else linear.bias.detach())

    def forward(self, values):
        return torch.nn.functional.linear(values, self.qweight * self.scales, self.bias)


@pytest.fixture
def packed():
    vlm = tiny_llava(5)
    for layer in vlm.model.get_decoder().layers:
        for parent in (layer.self_attn, layer.mlp):
            for name, child in list(parent.named_children()):
                if isinstance(child, torch.nn.Linear):
                    setattr(parent, name, PackedLinear(child))
    return vlm


@pytest.mark.parametrize(
    "target",
    [
        Knockout("self-attention", 1),
        Knockout("self-attention", 1, head=2),
        Knockout("self-attention", 1, "uniform"),
        Knockout("mlp", 1, neuron=7),
        Knockout("mlp", 1, "scale", amount=0.5),
    ],
    ids=str,
)
def test_hooks_work_on_quantised_maps_and_zeroed_weights_refuse(packed, inputs, target):
    """What can be hooked is found by structure; a map without float weights cannot be zeroed."""
    base = packed.last_logits(inputs)
    with knockout(packed.anatomy, target):
        assert difference(packed.last_logits(inputs), base) > 1e-6
    assert torch.equal(packed.last_logits(inputs), base)
    if target == Knockout("self-attention", 1):
        attention = packed.model.get_decoder().layers[1].self_attn.o_proj
        kept = attention.scales.clone()
        attention.scales.zero_()
        attention.bias.zero_()
        expected = packed.last_logits(inputs)
        attention.scales.copy_(kept)
        with knockout(packed.anatomy, target):
            assert difference(packed.last_logits(inputs), expected) < 1e-5
        with pytest.raises(BadInput, match="quantised, packed"):
            with zeroed_weights(packed.anatomy, target):
                pass


@pytest.mark.parametrize("name", ["gemma3", "paligemma2"])
@pytest.mark.parametrize("part", ["self-attention", "mlp"])
def test_noise_is_as_loud_as_what_is_added_behind_a_norm(name, part):
    """A norm after the part would undo its loudness."""
    _, _, anatomy = built(name)
    seen = {}

    def sees(key, module, take):
        return module.register_forward_hook(
            lambda m, args, output: seen.update({key: take(output)})
        )

    (path,) = anatomy.part(part, 1).modules
    handle = sees("added", anatomy.part(part, 1).added(path), lambda output: output)
    logits(name)
    plain = seen["added"].float()
    handle.remove()
    with knockout(anatomy, Knockout(part, 1, "noise", amount=0.5)):
        handle = sees("noise", anatomy.part(part, 1).added(path), lambda output: output)
        logits(name)
    handle.remove()
    loud = seen["noise"].float().std(-1) / plain.std(-1)
    assert torch.allclose(loud.mean(), torch.tensor(0.5), atol=0.1)
    base = logits(name)
    with knockout(anatomy, Knockout(part, 1, "scale", amount=100.0)):
        assert difference(logits(name), base) > 0.1


def test_an_mlp_is_all_of_the_feed_forward_also_where_experts_stand_beside_it():
    """Gemma 4's mixture of experts: dense MLP and routed experts are added through one norm."""
    config = shrink(CONFIG_MAPPING["gemma4"]())
    config.text_config.enable_moe_block = True
    config.text_config.num_experts, config.text_config.top_k_experts = 4, 2
    config.text_config.moe_intermediate_size = 16
    model = AutoModelForImageTextToText.from_config(config).eval()
    reinit(model)
    anatomy = find_anatomy(model)
    part = anatomy.part("mlp", 1)
    assert {path.rpartition(".")[2] for path in part.modules} == {"mlp", "experts"}
    ids = torch.arange(3, 9)[None]
    with torch.inference_mode():
        base = model(input_ids=ids, use_cache=False).logits
        with knockout(anatomy, Knockout("mlp", 1)):
            hooked = model(input_ids=ids, use_cache=False).logits
        with zeroed_weights(anatomy, Knockout("mlp", 1)):
            zeroed = model(input_ids=ids, use_cache=False).logits
    assert torch.equal(hooked, zeroed) and difference(hooked, base) > 1e-6


def test_two_layers_that_share_a_module_are_refused():
    """Without it in one layer both would lack it."""
    vlm = tiny_llava(5)
    layers = vlm.model.get_decoder().layers
    layers[2].mlp = layers[1].mlp
    with pytest.raises(BadInput, match="layers 1 and 2 share LlamaMLP"):
        find_anatomy(vlm.model)


def test_weights_of_a_dora_adapter_are_not_zeroed():
    """Zero over a norm of zero is no number; hooks work."""
    from peft import LoraConfig, inject_adapter_in_model

    vlm = tiny_llava(5)
    config = LoraConfig(r=2, target_modules=["o_proj", "down_proj"], use_dora=True)
    inject_adapter_in_model(config, vlm.model)
    vlm.model.eval()
    with pytest.raises(BadInput, match="DoRA"), zeroed_weights(vlm.anatomy, Knockout("mlp", 1)):
        pass
    inputs = vlm.inputs(load_benchmark("mini-worlds", tasks=["more"], per_task=1).questions)
    with knockout(vlm.anatomy, Knockout("mlp", 1)):
        assert vlm.last_logits(inputs).isfinite().all()


def in_another_thread(work):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_a_thread_that_meets_zeroed_weights_or_a_recording_is_told(tiny):
    questions = load_benchmark("mini-worlds", tasks=["more"], per_task=1).questions
    inputs = tiny.inputs(questions)
    with zeroed_weights(tiny.anatomy, Knockout("mlp", 1)):
        with pytest.raises(BadInput, match="another thread runs the model"):
            in_another_thread(lambda: tiny.last_logits(inputs))
        with pytest.raises(BadInput, match="cannot be copied or saved"):
            copy.deepcopy(tiny.model)

    def run():
        with pytest.raises(BadInput, match="another thread runs the model"):
            in_another_thread(lambda: tiny.last_logits(inputs))
        tiny.last_logits(inputs)

    mean_outputs(tiny.anatomy, run)


def test_the_vlm_itself_may_be_given_and_other_things_are_told(tiny):
    inputs = tiny.inputs(load_benchmark("mini-worlds", tasks=["more"], per_task=1).questions)
    with knockout(tiny.anatomy, Knockout("mlp", 1)):
        expected = tiny.last_logits(inputs)
    with knockout(tiny, Knockout("mlp", 1)):
        assert torch.equal(tiny.last_logits(inputs), expected)
    with pytest.raises(BadInput, match=r"a knockout is Knockout\(part, layer\), not 'mlp'"):
        with knockout(tiny, "mlp"):
            pass


@pytest.mark.parametrize(
    "options,message",
    [
        (dict(seeds=(1.5,)), "a seed is 1.5"),
        (dict(effect=["zero"]), "the effect of a knockout is a name"),
        (dict(amount="2"), "the amount of an effect is a number"),
    ],
)
def test_fields_of_other_types_are_told(options, message):
    with pytest.raises(BadInput, match=message):
        Knockout("mlp", 1, **options)


def test_numbers_of_numpy_are_numbers():
    found = Knockout("mlp", np.int64(1), "scale", amount=np.float32(0.5), seeds=(np.int64(3),))
    assert found == Knockout("mlp", 1, "scale", amount=0.5, seeds=(3,))
    assert Knockout("mlp", 1, "noise", seeds=3).seeds == (3,)


def test_relative_positions_beside_the_attention_are_no_uniform_attention():
    """BEiT adds them to the mask, whatever the queries are."""
    vision = BeitConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=32,
        patch_size=16,
        use_relative_position_bias=True,
    )
    model, _ = family("llava")
    model = copy.deepcopy(model)
    model.model.vision_tower = BeitModel(vision).eval()
    anatomy = find_anatomy(model)
    with pytest.raises(BadInput, match="the vision adds a position bias"):
        with knockout(anatomy, Knockout("self-attention", 0, "uniform", stack="vision")):
            pass
    with knockout(anatomy, Knockout("self-attention", 0, "uniform")):
        model(input_ids=torch.tensor([[3, 4]]))


def test_a_knockout_takes_the_names_of_a_sweep():
    assert Knockout("head 3", 5) == Knockout("self-attention", 5, head=3)
    assert Knockout("cross-attention head 1", 2) == Knockout("cross-attention", 2, head=1)
    assert Knockout("vision: layer", 2) == Knockout("layer", 2, stack="vision")
    assert Knockout("neuron 7", 0, "scale", amount=2) == Knockout(
        "mlp", 0, "scale", neuron=7, amount=2
    )
    told = str(Knockout("head 3", 5)), str(Knockout("vision: mlp", 1, "scale", amount=0.5))
    assert told == (
        "head 3 of self-attention of layer 5",
        "mlp of layer 1 of the vision, scale 0.5",
    )
    for part, options, why in (
        ("mlp and 2", {}, "several layers"),
        ("head 3", dict(head=2), "another head than head="),
        ("vision: mlp", dict(stack="audio"), "another stack"),
        ("banana", {}, "unknown part 'banana'"),
        ("head", {}, "unknown part 'head'"),
        (5, {}, "is a name, not 5"),
    ):
        with pytest.raises(BadInput, match=why):
            Knockout(part, 0, **options)
