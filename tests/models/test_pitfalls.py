"""The ways in which an intervention on a Hugging Face VLM can go wrong without a word, each with
its test.
"""

import pytest
import torch
from families import FAMILIES, family, left_padded_pair, reinit
from mapping import CONFIG_MAPPING, shrink
from torch import nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

from talo_mini import BadInput, Knockout, knockout, load_benchmark, load_vlm
from talo_mini.engine.replay import CannotReplay, Replay, one_pass
from talo_mini.interventions import zeroed_weights
from talo_mini.interventions.knockout import mean_outputs
from talo_mini.models.anatomy import find_anatomy


@torch.inference_mode()
def run(model, inputs, **options):
    return model(**inputs, use_cache=False, **options).logits


def difference(a, b):
    return (a - b).abs().max().item()


@pytest.mark.parametrize("name,layer", [("llava", 0), ("llava_onevision", 1), ("aya_vision", 1)])
def test_a_hook_on_the_layer_whose_features_are_read_acts_after_the_library_has_hooked_it_too(
    name, layer
):
    """The library records hidden states with hooks of its own, installed at the first request."""
    model, inputs = family(name)
    base = run(model, inputs, output_hidden_states=True)
    with knockout(find_anatomy(model), Knockout("layer", layer, stack="vision")):
        assert difference(run(model, inputs), base) > 1e-2


def test_recorded_hidden_states_are_those_of_the_knocked_out_model():
    model, inputs = family("llava")
    with torch.inference_mode(), knockout(find_anatomy(model), Knockout("layer", 1)):
        states = model(**inputs, use_cache=False, output_hidden_states=True).hidden_states
    assert torch.equal(states[1], states[2]) and not torch.equal(states[2], states[3])


def test_deepstack_is_carried_between_layers_in_one_pass():
    """What Qwen3-VL adds between decoder layers is no output of a layer, and is not lost."""
    model, inputs = family("qwen3_vl")
    replay = Replay(model, find_anatomy(model), inputs)
    assert [added is not None for added in replay.between] == [True, True, False, False]


def test_no_cache_is_captured():
    model, inputs = family("qwen2_vl")
    replay = Replay(model, find_anatomy(model), inputs)
    assert all(kwargs.get("past_key_values") is None for _, kwargs in replay.calls)


@pytest.mark.parametrize("name", ["llava", "kosmos2", "mllama"])
def test_generation_with_a_bypassed_first_layer_does_not_depend_on_the_cache(name):
    """A layer that is really skipped leaves a hole in the cache; a bypassed one runs, and its
    output is replaced.
    """
    model, inputs = family(name)
    pair = left_padded_pair(inputs)
    found = []
    for use_cache in (True, False):
        with torch.inference_mode(), knockout(find_anatomy(model), Knockout("layer", 0)):
            found.append(
                torch.stack(
                    model.generate(
                        **pair,
                        do_sample=False,
                        max_new_tokens=4,
                        min_new_tokens=4,
                        use_cache=use_cache,
                        return_dict_in_generate=True,
                        output_logits=True,
                    ).logits
                )
            )
    assert difference(*found) < 1e-4


def test_biases_are_zeroed_too():
    """Zeroing weights alone leaves OPT's output bias in the residual stream."""
    model, inputs = family("blip2_opt")
    anatomy = find_anatomy(model)
    with knockout(anatomy, Knockout("self-attention", 1)):
        hooked = run(model, inputs)
    (module,) = anatomy.part("self-attention", 1).modules.values()
    for linear in module.modules():
        if isinstance(linear, nn.Linear):
            linear.weight.data.zero_()
    assert difference(hooked, run(model, inputs)) > 1e-2


@pytest.mark.parametrize(
    "name,stack,part,ends",
    [
        ("blip2_opt", "decoder", "mlp", "fc2"),
        ("florence2", "decoder", "mlp", "fc2"),
        ("blip2_opt", "q-former", "self-attention", "attention.output.dense"),
        ("blip2_opt", "q-former", "cross-attention", "crossattention.output.dense"),
        ("instructblip_t5", "decoder", "self-attention", "layer.0.SelfAttention"),
        ("qwen2_vl", "vision", "self-attention", "attn"),
        ("gemma3", "decoder", "self-attention", "self_attn"),
        ("florence2", "decoder", "cross-attention", "encoder_attn"),
    ],
)
def test_what_is_zeroed_is_what_is_added_to_the_residual_stream(name, stack, part, ends):
    paths = find_anatomy(family(name)[0]).part(part, 0, stack).modules
    assert any(path.endswith(ends) for path in paths)


def test_no_attention_function_is_replaced():
    """A new attention function without a mask function of its own would lose the mask; none is ever
    registered.
    """
    model, inputs = family("gemma3")
    before = dict(ALL_ATTENTION_FUNCTIONS.items())
    with knockout(find_anatomy(model), Knockout("self-attention", 1, "uniform")):
        run(model, inputs)
        assert dict(ALL_ATTENTION_FUNCTIONS.items()) == before


def test_recorded_attentions_are_not_lost():
    model, inputs = family("llava")
    model.set_attn_implementation("eager")
    with (
        torch.inference_mode(),
        knockout(find_anatomy(model), Knockout("self-attention", 1, "uniform")),
    ):
        attentions = model(**inputs, use_cache=False, output_attentions=True).attentions
    assert len(attentions) == 4
    row = attentions[1][0, 0, -1]
    assert torch.allclose(row, torch.full_like(row, 1 / len(row)))


def test_zeroed_cross_attention_is_a_closed_gate_and_no_bypass():
    model, inputs = family("mllama")
    anatomy = find_anatomy(model)
    with knockout(anatomy, Knockout("cross-attention", 1)):
        zeroed = run(model, inputs)
    with knockout(anatomy, Knockout("layer", 1)):
        assert difference(zeroed, run(model, inputs)) > 1e-2
    model.model.language_model.layers[1].cross_attn_attn_gate.data.zero_()
    assert difference(zeroed, run(model, inputs)) == 0


def test_cross_attention_has_its_mask_so_that_sdpa_and_eager_agree():
    """Without a mask of its own, Mllama's cross-attention is taken for a causal one by sdpa."""
    vlm = load_vlm("mllama-mini", device="cpu")
    inputs = vlm.inputs(
        load_benchmark("mini-worlds", tasks=["object_colour"], per_task=2).questions
    )
    assert inputs["cross_attention_mask"].any()
    layer = next(
        i
        for i, layer in enumerate(vlm.anatomy.stacks["decoder"])
        if "cross-attention" in layer.parts
    )
    for effect in ("scale", "uniform"):
        found = []
        for implementation in ("sdpa", "eager"):
            vlm.model.set_attn_implementation(implementation)
            with knockout(vlm.anatomy, Knockout("cross-attention", layer, effect)):
                found.append(vlm.last_logits(inputs))
        assert difference(*found) < 1e-4 * found[0].abs().max()


@pytest.mark.parametrize("name", FAMILIES)
def test_the_picture_reaches_the_logits_of_every_model_under_test(name):
    """Fresh models often start with zeros where the picture enters; tests on them pass without
    testing anything.
    """
    model, inputs = family(name)
    other = {
        key: value.flip(-1 if value.ndim > 2 else 0) if key == "pixel_values" else value
        for key, value in inputs.items()
    }
    assert difference(run(model, inputs), run(model, other)) > 1e-4


def test_float64_where_a_model_can_and_one_that_cannot():
    """Kosmos-2's causal mask overflows in float64: its logits are not finite, which a sweep refuses
    to score.
    """
    for name, finite in (("llava", True), ("kosmos2", False)):
        model, inputs = family(name)
        model.to(torch.float64)
        inputs = {
            key: value.double() if value.is_floating_point() else value
            for key, value in inputs.items()
        }
        target = Knockout("self-attention", 1)
        try:
            with knockout(find_anatomy(model), target):
                hooked = run(model, inputs)
        except (RuntimeError, BadInput):
            assert not finite
            continue
        assert bool(hooked.isfinite().all()) == finite
        with zeroed_weights(find_anatomy(model), target):
            assert not finite or torch.equal(hooked, run(model, inputs))


def test_recording_a_mean_changes_nothing():
    """A hook that returns something by accident would replace what it only looks at."""
    model, inputs = family("llava")
    base, seen = run(model, inputs), []
    mean_outputs(find_anatomy(model), lambda: seen.append(run(model, inputs)))
    assert torch.equal(seen[0], base) and torch.equal(run(model, inputs), base)


def test_where_keys_and_values_are_reused_only_what_the_layer_adds_is_removed():
    """Gemma 4: the last layers attend with an earlier layer's keys and values, which zeroed weights
    spoil and a hook keeps.
    """
    config = shrink(CONFIG_MAPPING["gemma4"]())
    config.text_config.num_kv_shared_layers = 2
    config.text_config.layer_types = ["sliding_attention", "full_attention"] * 2
    model = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING[type(config)](config).eval()
    reinit(model)
    inputs, anatomy = {"input_ids": torch.arange(3, 13)[None]}, find_anatomy(model)

    @torch.inference_mode()
    def logits():
        return model(**inputs, use_cache=False).logits

    attention = next(iter(anatomy.part("self-attention", 1).modules.values()))
    base, knocked = logits(), Knockout("self-attention", 1)
    with knockout(anatomy, knocked):
        hooked = logits()
    with zeroed_weights(anatomy, knocked):
        zeroed = logits()
    # the definition: its output is zero, all else as it was
    kept = attention.o_proj.weight.detach().clone()
    with torch.no_grad():
        attention.o_proj.weight.zero_()
    silent = logits()
    with torch.no_grad():
        attention.o_proj.weight.copy_(kept)
    assert (
        torch.equal(hooked, silent)
        and not torch.equal(hooked, base)
        and not torch.equal(hooked, zeroed)
    )
    assert torch.equal(logits(), base)
    groups = [(Knockout("self-attention", i),) for i in (0, 2, 3)]
    # each variant would overwrite them for the next
    with pytest.raises(CannotReplay, match="beside their hidden states"):
        list(one_pass(model, anatomy, inputs, groups, check=True))
