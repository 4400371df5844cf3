"""Rows of a batch with knockouts of their own equal batches under each knockout."""

import pytest
import torch
from families import FAMILIES, built, generated, logits

from talo_mini import BadInput, Knockout, knockout
from talo_mini.interventions.rows import knockout_by_row


@pytest.mark.parametrize("name", FAMILIES)
def test_each_row_is_as_under_its_own_knockout(name):
    """Whole parts, whole layers and single heads, in every family that has them."""
    anatomy = built(name)[2]
    whole = logits(name)
    parts = [part for part in ("self-attention", "cross-attention", "mlp") if has(anatomy, part)]
    for part in (*parts, "layer"):
        layer = next(i for i in range(9) if part == "layer" or has(anatomy, part, i))
        k = Knockout(part, layer)
        with knockout(anatomy, k):
            knocked = logits(name)
        rows = [(k,) if i % 2 else () for i in range(len(whole))]
        with knockout_by_row(anatomy, rows):
            mixed = logits(name)
        assert not torch.allclose(knocked, whole)
        assert torch.allclose(mixed[0::2], whole[0::2], atol=1e-5)
        assert torch.allclose(mixed[1::2], knocked[1::2], atol=1e-5)
    assert torch.equal(logits(name), whole)


def has(anatomy, part, layer=None):
    layers = anatomy.stacks["decoder"]
    found = layers if layer is None else layers[layer : layer + 1]
    return any(part in one.parts and not one.dead for one in found)


def test_a_head_and_a_scale_beside_another_layer(tiny_inputs, tiny):
    kinds = [
        (Knockout("self-attention", 1, head=2),),
        (Knockout("mlp", 2, "scale", amount=0.5), Knockout("layer", 0)),
        (),
    ]
    inputs, whole = tiny_inputs
    with knockout_by_row(tiny, kinds):
        mixed = tiny.last_logits(inputs)
    for row, kind in enumerate(kinds):
        with knockout(tiny, *kind):
            alone = tiny.last_logits(inputs)
        assert torch.allclose(mixed[row], alone[row], atol=1e-5)
    assert torch.equal(tiny.last_logits(inputs), whole)


@pytest.fixture
def tiny_inputs(tiny):
    from talo_mini import load_benchmark

    questions = load_benchmark("mini-worlds", tasks=["more"], per_task=3, form="choice").questions
    inputs = tiny.inputs(questions)
    return inputs, tiny.last_logits(inputs)


@pytest.mark.parametrize("name", ["llava", "blip2_opt", "instructblip_t5"])
def test_also_while_it_writes(name):
    anatomy = built(name)[2]
    k = Knockout("mlp", 0)
    whole = generated(name).sequences
    with knockout(anatomy, k):
        knocked = generated(name).sequences
    with knockout_by_row(anatomy, [(), (k,)]):
        mixed = generated(name).sequences
    assert not torch.equal(whole[1], knocked[1])
    assert torch.equal(mixed[0], whole[0]) and torch.equal(mixed[1], knocked[1])


def test_what_rows_cannot_have_is_refused(tiny, tiny_inputs):
    inputs, _ = tiny_inputs
    for row, told in (
        ((Knockout("mlp", 0, stack="vision"),), "pieces of pictures"),
        ((Knockout("mlp", 0, "noise"),), "for single rows"),
        ((Knockout("mlp", 0), Knockout("mlp", 0, "scale", amount=0.5)), "one place twice"),
    ):
        with pytest.raises(BadInput, match=told), knockout_by_row(tiny, [row, ()]):
            pass
    with pytest.raises(BadInput, match="a batch of 3 rows was run inside a block for 2"):
        with knockout_by_row(tiny, [(Knockout("mlp", 0),), ()]):
            tiny.last_logits(inputs)
    with pytest.raises(BadInput, match="was not run"):
        with knockout_by_row(tiny, [(Knockout("mlp", 0),), ()]):
            pass


@pytest.mark.parametrize("name", FAMILIES)
@torch.inference_mode()
def test_a_batch_of_twice_the_rows_is_refused(name):
    """Also where an MLP joins rows and tokens, as OPT's does."""
    model, inputs, anatomy = built(name)
    twice = {
        key: torch.cat([value] * 2) if torch.is_tensor(value) else value
        for key, value in inputs.items()
    }
    rows = [() for _ in inputs["input_ids"]]
    for asked in ([(Knockout("mlp", 1),), *rows[1:]], rows):
        with pytest.raises(BadInput, match=f"{2 * len(rows)} rows was run inside a block for"):
            with knockout_by_row(anatomy, asked):
                model(**twice, use_cache=False)
