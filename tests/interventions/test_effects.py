"""What stands in a part's place: every effect on whole parts, heads and neurons equals its
definition, in 22 families.
"""

from contextlib import ExitStack
from functools import cache

import pytest
import torch
import transformers
from families import FAMILIES, TEXT, VISION, attentions_and_mlps, built, generated, logits, reinit
from oracles import DEFINITIONS, by_weights, difference, uniform_attention, with_attention

from talo_mini import BadInput, Knockout, knockout, load_benchmark
from talo_mini.interventions.effects import ATTENTIONS, Effect, queries_off
from talo_mini.interventions.effects import EFFECTS as REGISTER
from talo_mini.interventions.hooks import inside
from talo_mini.interventions.knockout import mean_outputs
from talo_mini.models.anatomy import find_anatomy

EFFECTS = {  # noise has no single right value; its tests are below
    effect.name: dict(amount=0.5) if effect.amount else {}
    for effect in REGISTER.values()
    if effect.needs != "seeds"
}


@pytest.fixture(scope="module")
def inputs(tiny):
    questions = load_benchmark("mini-worlds", tasks=["object_colour", "more"], per_task=2).questions
    return tiny.inputs(questions)


def refused(name, target):
    """T5 adds a position bias to its scores; in Kosmos-2's text a norm stands between the heads and
    the output projection.
    """
    if name == "instructblip_t5":
        return target.effect == "uniform" and target.stack in ("decoder", "text encoder")
    return (
        name == "kosmos2"
        and target.head is not None
        and target.effect != "uniform"
        and target.stack == "decoder"
    )


@cache
def means(name, stack, dtype=torch.float32):
    anatomy = built(name, dtype)[2]
    parts = {part for layer in anatomy.stacks[stack] for part in layer.parts}
    return mean_outputs(anatomy, lambda: logits(name, dtype), parts, stack)


def targets(name, effect):
    """Knockouts with an effect in every stack of a family: of whole parts, of a head and of the
    most active neuron.
    """
    for stack, layer, part in attentions_and_mlps(name):
        if (
            part not in REGISTER[effect].parts
            or len(built(name)[2].part(part, layer, stack).modules) > 1
        ):
            continue  # DaViT's blocks hold two of each, which test_knockout.py zeroes together
        ((path, _),) = built(name)[2].part(part, layer, stack).modules.items()
        units = [
            {},
            {"neuron": int(means(name, stack)[inside(path)].abs().argmax())}
            if part == "mlp"
            else {"head": 1},
        ]
        yield from (
            Knockout(part, layer, effect, stack, **unit, **EFFECTS[effect]) for unit in units
        )


def compare(name, target, run, dtype=torch.float32):
    """(under hooks, by weights) or None where the effect is refused there."""
    anatomy, given = (
        built(name, dtype)[2],
        means(name, target.stack, dtype) if target.effect == "mean" else {},
    )
    if refused(name, target):
        with (
            pytest.raises(BadInput, match=r"position bias|told apart"),
            knockout(anatomy, target, means=given),
        ):
            pass
        return None
    with knockout(anatomy, target, means=given):
        hooked = run()
    with by_weights(anatomy, target, given):
        return hooked, run()


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("name", FAMILIES)
def test_every_effect_equals_its_definition_by_weights(name, effect):
    base = logits(name)
    for target in targets(name, effect):
        found = compare(name, target, lambda: logits(name))
        if found:
            assert difference(*found) < 1e-5 * max(1, base.abs().max()), target
            assert difference(found[0], base) > 1e-6, target
    assert torch.equal(logits(name), base)


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("name", FAMILIES)
def test_in_bfloat16(name, effect):
    """To the last bit where the weights can say it exactly: zero, a half, and queries of zero."""
    base = logits(name, torch.bfloat16)
    for target in targets(name, effect):
        found = compare(name, target, lambda: logits(name, torch.bfloat16), torch.bfloat16)
        if found and effect != "mean" and target.head is None and target.neuron is None:
            assert difference(*found) == 0, target
        elif found:
            assert difference(*found) < 0.15 * base.abs().max() and not torch.equal(
                found[0], base
            ), target


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("name", FAMILIES)
def test_while_generating_for_a_left_padded_batch(name, effect):
    for target in targets(name, effect):
        found = target.stack == "decoder" and compare(
            name, target, lambda: torch.stack(generated(name).logits)
        )
        if found:
            assert difference(*found) < 1e-5 * max(1, found[0].abs().max()), target


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("name", FAMILIES)
def test_one_head_inside_the_attention(name, effect):
    """What a head is worth is replaced where the attention computes it, before any projection."""
    anatomy, compared = built(name)[2], 0
    for target in targets(name, effect):
        if target.head is None or refused(name, target):
            continue
        ((path, _module),) = anatomy.part(target.part, target.layer, target.stack).modules.items()
        mixer = anatomy.part(target.part, target.layer, target.stack).mixers[path]

        def one_head(original, *args, k=target, **options):
            output, *rest = original(*args, **options)
            output = output.clone()
            own = output[:, :, k.head]
            if effect == "uniform":
                own = uniform_attention(*args, **options)[0][:, :, k.head]
            else:
                own = DEFINITIONS[effect](own, k, own.mean((0, 1)))
            output[:, :, k.head] = own
            return output, *rest

        expected = with_attention(built(name)[0], mixer, lambda: logits(name), one_head)
        if expected is None:
            continue  # computes its attention itself
        given = means(name, target.stack) if effect == "mean" else {}
        with knockout(anatomy, target, means=given):
            hooked = logits(name)
        assert difference(hooked, expected) < 1e-5 * max(1, expected.abs().max()), target
        compared += 1
    assert compared


@pytest.mark.parametrize("name", FAMILIES)
def test_uniform_equals_the_mean_over_allowed_positions(name):
    """Cross-attentions, vision encoders and Q-Formers too."""
    anatomy, compared = built(name)[2], 0
    for target in targets(name, "uniform"):
        part = anatomy.part(target.part, target.layer, target.stack)
        expected = (
            None
            if target.head is not None or refused(name, target)
            else with_attention(built(name)[0], *part.mixers.values(), lambda: logits(name))
        )
        if expected is None:
            continue
        with knockout(anatomy, target):
            hooked = logits(name)
        assert difference(hooked, expected) < 2e-5 * max(1, expected.abs().max()), target
        assert difference(hooked, logits(name)) > 1e-6, target
        compared += 1
    assert compared > 0


def test_uniform_is_refused_where_a_position_bias_remains():
    with pytest.raises(BadInput, match="position bias"):
        with knockout(built("instructblip_t5")[2], Knockout("self-attention", 1, "uniform")):
            pass


def test_heads_are_refused_where_a_norm_mixes_them():
    with pytest.raises(BadInput, match="no output projection of its own reads them"):
        with knockout(built("kosmos2")[2], Knockout("self-attention", 1, head=0)):
            pass


@pytest.mark.parametrize("name", [n for n in FAMILIES if n != "kosmos2"])
def test_all_heads_zeroed_leave_only_the_output_bias(name):
    """Where the output projection has no bias, zeroing every head equals zeroing the attention; one
    head differs.
    """
    _model, _, anatomy = built(name)
    part = anatomy.part("self-attention", 2)
    ((_path, module),) = part.modules.items()
    out = next(
        m
        for m in module.modules()
        if isinstance(m, torch.nn.Linear)
        and m.in_features % part.heads == 0
        and any(
            key in n
            for n, x in module.named_modules()
            for key in ("o_proj", "out_proj", "o")
            if x is m and n == key
        )
    )
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


@pytest.mark.parametrize("name", FAMILIES)
def test_all_neurons_zeroed_leave_only_the_output_bias(name):
    anatomy = built(name)[2]
    for stack, layer, part in attentions_and_mlps(name):
        if part == "mlp" and len(anatomy.part("mlp", layer, stack).modules) == 1:
            ((path, projection),) = anatomy.part("mlp", layer, stack).projections.items()
            with knockout(
                anatomy,
                Knockout("mlp", layer, "mean", stack),
                means={path: output_bias(projection)},
            ):
                expected = logits(name)
            neurons = projection.in_features
            with knockout(
                anatomy, *(Knockout("mlp", layer, stack=stack, neuron=i) for i in range(neurons))
            ):
                assert difference(logits(name), expected) < 1e-5, (stack, layer)


def output_bias(projection):
    return (
        torch.zeros(projection.out_features)
        if projection.bias is None
        else projection.bias.detach()
    )


def test_scale(tiny, inputs):
    base = tiny.last_logits(inputs)
    with knockout(tiny.anatomy, Knockout("mlp", 1, "scale", amount=1.0)):
        assert torch.equal(tiny.last_logits(inputs), base)
    with knockout(tiny.anatomy, Knockout("mlp", 1, "scale", amount=0.0)):
        scaled = tiny.last_logits(inputs)
    with knockout(tiny.anatomy, Knockout("mlp", 1)):
        assert torch.equal(tiny.last_logits(inputs), scaled)


def seen_output(tiny, inputs, target, **options):
    """What the model reads from a part under a knockout."""
    seen = []
    (module,) = tiny.anatomy.part(target.part, target.layer).modules.values()
    handle = module.register_forward_hook(
        lambda module, args, output: seen.append(output[0] if isinstance(output, tuple) else output)
    )
    try:
        with knockout(tiny.anatomy, target, **options):
            tiny.last_logits(inputs)
    finally:
        handle.remove()
    return seen[0]


def test_noise_has_the_outputs_own_size_and_a_seed(tiny, inputs):
    plain = seen_output(tiny, inputs, Knockout("mlp", 1, "scale", amount=1.0))
    noise = seen_output(tiny, inputs, Knockout("mlp", 1, "noise", amount=2.0, seeds=(3,)))
    assert (
        noise.std() == pytest.approx(2 * plain.std().item(), rel=0.05)
        and abs(noise.mean()) < 0.1 * noise.std()
    )
    assert torch.equal(
        noise, seen_output(tiny, inputs, Knockout("mlp", 1, "noise", amount=2.0, seeds=(3,)))
    )
    assert not torch.equal(
        noise, seen_output(tiny, inputs, Knockout("mlp", 1, "noise", amount=2.0, seeds=(4,)))
    )


def test_mean_over_a_reference_set(tiny, inputs):
    means = mean_outputs(tiny.anatomy, lambda: tiny.last_logits(inputs))
    assert len(means) == 16
    for part in ("self-attention", "mlp"):
        plain = seen_output(tiny, inputs, Knockout(part, 2, "scale", amount=1.0))
        held = seen_output(tiny, inputs, Knockout(part, 2, "mean"), means=means)
        assert torch.allclose(held, plain.flatten(0, 1).mean(0).expand_as(plain), atol=1e-5)
    with pytest.raises(BadInput, match="compute it with mean_outputs"):
        with knockout(tiny.anatomy, Knockout("mlp", 2, "mean")):
            pass


def test_a_lone_name_is_one_part_and_what_is_not_there_has_no_mean(tiny, inputs):
    def run():
        return tiny.last_logits(inputs)

    lone, listed = (mean_outputs(tiny.anatomy, run, parts) for parts in ("mlp", ["mlp"]))
    assert len(lone) == 8 and all(torch.equal(lone[place], listed[place]) for place in listed)
    for parts in ("head 3", ["mlp", "cross-attention"]):
        with pytest.raises(BadInput, match=r"has a part .* could be taken; use self-attention, ml"):
            mean_outputs(tiny.anatomy, run, parts)
    with pytest.raises(BadInput, match="has no stack 'visoin'; use one of decoder, vision"):
        mean_outputs(tiny.anatomy, run, "mlp", stack="visoin")


@pytest.mark.parametrize(
    "wrong,message",
    [
        (
            dict(part="mlp", layer=0, effect="uniform"),
            "effect 'uniform' is not defined for mlp; use one of "
            + ", ".join(e.name for e in REGISTER.values() if "mlp" in e.parts),
        ),
        (dict(part="layer", layer=0, effect="scale"), "can only be bypassed"),
        (dict(part="mlp", layer=0, head=1), "a head belongs to an attention"),
        (dict(part="self-attention", layer=0, head=4), "has no head 4; heads are 0 to 3"),
    ],
)
def test_what_an_effect_cannot_do_raises(tiny, wrong, message):
    with pytest.raises(BadInput, match=message), knockout(tiny.anatomy, Knockout(**wrong)):
        pass


def test_a_record_that_would_do_something_else_is_refused():
    """A whole layer is bypassed whatever a record says, and queries belong to attentions."""
    with pytest.raises(ValueError, match="can only be bypassed"):
        Effect("flip", lambda k, mean: torch.neg, parts=("mlp", "layer"))
    with pytest.raises(ValueError, match="only attentions have queries"):
        Effect("flat", queries_off)
    assert Effect("flat", queries_off, parts=ATTENTIONS).example == "flat"


def test_of_two_knockouts_of_one_part_the_outer_and_the_first_decide(tiny, inputs):
    zero, twice = Knockout("mlp", 1), Knockout("mlp", 1, "scale", amount=2.0)
    alone = {k.effect: seen_output(tiny, inputs, k) for k in (zero, twice)}
    for outer, inner in ((zero, twice), (twice, zero)):
        with knockout(tiny.anatomy, outer):
            nested = seen_output(tiny, inputs, inner)
        assert torch.allclose(nested, alone["zero"])  # twice nothing is nothing
    means = mean_outputs(tiny.anatomy, lambda: tiny.last_logits(inputs))
    mean = Knockout("mlp", 1, "mean")
    for outer, inner in ((zero, mean), (mean, zero)):
        found = []
        for blocks in ([outer], [outer, inner]):
            with ExitStack() as stack:
                for block in blocks:
                    stack.enter_context(knockout(tiny.anatomy, block, means=means))
                found.append(tiny.last_logits(inputs))
        with knockout(tiny.anatomy, outer, inner, means=means):
            found.append(tiny.last_logits(inputs))
        assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


def test_one_head_is_made_uniform_where_a_norm_of_the_queries_has_weights_for_each_head():
    """Cohere's query norm holds one weight for each head and value; it is no norm over all heads at
    once.
    """
    config = transformers.AyaVisionConfig(
        vision_config=transformers.SiglipVisionConfig(**VISION, vision_use_head=False),
        image_token_index=150,
        text_config=transformers.CohereConfig(**TEXT, use_qk_norm=True),
        downsample_factor=1,
    )
    model = transformers.AyaVisionForConditionalGeneration(config).eval()
    reinit(model)
    anatomy, ids = find_anatomy(model), torch.arange(3, 15)[None]

    @torch.inference_mode()
    def run():
        return model(input_ids=ids, use_cache=False).logits

    def one_head(original, *args, **options):
        output, *rest = original(*args, **options)
        output = output.clone()
        output[:, :, 2] = uniform_attention(*args, **options)[0][:, :, 2]
        return output, *rest

    (module,) = anatomy.part("self-attention", 1).mixers.values()
    with knockout(anatomy, Knockout("self-attention", 1, "uniform", head=2)):
        hooked = run()
    assert (
        difference(hooked, with_attention(model, module, run, one_head))
        < 1e-5
        < difference(hooked, run())
    )
