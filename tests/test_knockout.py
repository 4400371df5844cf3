from contextlib import ExitStack

import pytest
import torch

from conftest import tiny_llava
from talo_mini import BadInput, Knockout, knockout, load_benchmark, zeroed_weights
from talo_mini.knockout import mean_outputs

PARTS = ("self-attention", "mlp", "layer")


@pytest.fixture(scope="module")
def inputs(tiny):
    questions = load_benchmark("mini-worlds", tasks=["object_colour", "more"], per_task=2).questions
    return tiny.inputs(questions)


def hooks(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@pytest.mark.parametrize("part", ["self-attention", "mlp"])
@pytest.mark.parametrize("stack,layers", [("decoder", 4), ("vision", 3)])
def test_hooked_zero_equals_zeroed_weights_and_biases(tiny, inputs, part, stack, layers):
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
    with pytest.raises(RuntimeError, match="inside"):
        with knockout(tiny.anatomy, Knockout(part, 1)):
            raise RuntimeError("inside")
    with pytest.raises(RuntimeError, match="inside"):
        if part != "layer":
            with zeroed_weights(tiny.anatomy, Knockout(part, 1)):
                raise RuntimeError("inside")
        raise RuntimeError("inside")
    assert torch.equal(tiny.last_logits(inputs), base)
    assert hooks(tiny.model) == before


def test_another_thread_sees_the_knockout_and_none_afterwards(tiny, inputs):
    from concurrent.futures import ThreadPoolExecutor

    base = tiny.last_logits(inputs)
    with ThreadPoolExecutor(1) as other:
        with knockout(tiny.anatomy, Knockout("layer", 1)):
            here, there = tiny.last_logits(inputs), other.submit(tiny.last_logits, inputs).result()
        assert torch.equal(here, there) and not torch.equal(here, base)
        assert torch.equal(other.submit(tiny.last_logits, inputs).result(), base)


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


def test_bfloat16():
    vlm = tiny_llava(1)
    vlm.model.to(torch.bfloat16)
    inputs = vlm.inputs(load_benchmark("mini-worlds", tasks=["more"], per_task=2).questions)
    with knockout(vlm.anatomy, Knockout("mlp", 2)):
        hooked = vlm.last_logits(inputs)
    with zeroed_weights(vlm.anatomy, Knockout("mlp", 2)):
        assert torch.equal(vlm.last_logits(inputs), hooked)


@pytest.mark.parametrize("wrong,message", [
    (dict(part="self-attention", layer=4), "no layer 4 in its decoder; layers are 0 to 3"),
    (dict(part="self-attention", layer=-1), "no layer -1"),
    (dict(part="mlp", layer=True), "no layer True"),
    (dict(part="cross-attention", layer=0), "no part 'cross-attention'; it has: self-attention, mlp, layer"),
    (dict(part="nose", layer=0), "unknown part 'nose'"),
    (dict(part="mlp", layer=0, effect="shout"), "unknown effect 'shout'"),
    (dict(part="mlp", layer=0, stack="tail"), "no stack 'tail'; it has: decoder, vision")])
def test_what_does_not_exist_raises(tiny, wrong, message):
    before = hooks(tiny.model)
    with pytest.raises(BadInput, match=message):
        with knockout(tiny.anatomy, Knockout(**wrong)):
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
    handle = module.register_forward_hook(lambda module, args, output: seen.append(output[0] if isinstance(output, tuple) else output))
    try:
        with knockout(tiny.anatomy, target, **options):
            tiny.last_logits(inputs)
    finally:
        handle.remove()
    return seen[0]


def test_noise_has_the_outputs_own_size_and_a_seed(tiny, inputs):
    plain = seen_output(tiny, inputs, Knockout("mlp", 1, "scale", amount=1.0))
    noise = seen_output(tiny, inputs, Knockout("mlp", 1, "noise", amount=2.0, seeds=(3,)))
    assert noise.std() == pytest.approx(2 * plain.std().item(), rel=0.05) and abs(noise.mean()) < 0.1 * noise.std()
    assert torch.equal(noise, seen_output(tiny, inputs, Knockout("mlp", 1, "noise", amount=2.0, seeds=(3,))))
    assert not torch.equal(noise, seen_output(tiny, inputs, Knockout("mlp", 1, "noise", amount=2.0, seeds=(4,))))


def test_mean_over_a_reference_set(tiny, inputs):
    means = mean_outputs(tiny.anatomy, lambda: tiny.last_logits(inputs))
    assert len(means) == 8
    for part in ("self-attention", "mlp"):
        plain = seen_output(tiny, inputs, Knockout(part, 2, "scale", amount=1.0))
        held = seen_output(tiny, inputs, Knockout(part, 2, "mean"), means=means)
        assert torch.allclose(held, plain.flatten(0, 1).mean(0).expand_as(plain), atol=1e-5)
    with pytest.raises(BadInput, match="compute it with mean_outputs"):
        with knockout(tiny.anatomy, Knockout("mlp", 2, "mean")):
            pass


@pytest.mark.parametrize("wrong,message", [
    (dict(part="mlp", layer=0, effect="uniform"), "only an attention can be made uniform"),
    (dict(part="layer", layer=0, effect="scale"), "can only be bypassed"),
    (dict(part="mlp", layer=0, head=1), "a head belongs to an attention"),
    (dict(part="self-attention", layer=0, head=4), "has no head 4; heads are 0 to 3")])
def test_what_an_effect_cannot_do_raises(tiny, wrong, message):
    with pytest.raises(BadInput, match=message):
        with knockout(tiny.anatomy, Knockout(**wrong)):
            pass


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
