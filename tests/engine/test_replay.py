"""One pass equals hooks on the whole model, family by family."""

from dataclasses import replace

import pytest
import torch
from conftest import tiny_llava
from families import FAMILIES, built, family

from talo_mini import Knockout, knockout, load_benchmark
from talo_mini.engine import replay
from talo_mini.engine.ending import Ending, same_logits
from talo_mini.engine.replay import CannotReplay, Replay, _checked, one_pass
from talo_mini.interventions.effects import EFFECTS
from talo_mini.interventions.knockout import mean_outputs
from talo_mini.interventions.names import as_knockouts
from talo_mini.models.anatomy import find_anatomy


@pytest.mark.parametrize("name", FAMILIES)
def test_family(name):
    model, inputs = family(name)
    anatomy = find_anatomy(model)
    stack = anatomy.stacks["decoder"]
    groups = [
        (Knockout(part, i),) for i, layer in enumerate(stack) for part in (*layer.parts, "layer")
    ]
    groups += [
        (Knockout("layer", 0), Knockout("mlp", len(stack) - 1)),
        (Knockout("mlp", 0), Knockout("layer", 1)),
    ]
    base, *replayed = one_pass(model, anatomy, inputs, groups, check=True)
    with torch.inference_mode():
        assert (base - model(**inputs, use_cache=False).logits[:, -1]).abs().max() < 1e-4
        for group, found in zip(groups, replayed, strict=True):
            with knockout(anatomy, *group):
                hooked = model(**inputs, use_cache=False).logits[:, -1]
            assert (found - hooked).abs().max() < 1e-4, group
            assert (hooked - base).abs().max() > 1e-4


# T5's attentions add a position bias to their scores, so that none of them can be made uniform
POSSIBLE = [
    (name, effect)
    for name in FAMILIES
    for effect in EFFECTS.values()
    if (name, effect.name) != ("instructblip_t5", "uniform")
]


@pytest.mark.parametrize(("name", "effect"), POSSIBLE, ids=lambda one: getattr(one, "name", one))
def test_every_effect_on_parts_heads_and_neurons(name, effect):
    model, inputs, anatomy = built(name)
    parts = {part for layer in anatomy.stacks["decoder"] for part in layer.parts}
    means = mean_outputs(anatomy, lambda: model(**inputs, use_cache=False), parts)
    groups = []
    for i, layer in enumerate(anatomy.stacks["decoder"]):
        for part in (part for part in layer.parts if part in effect.parts):
            wholes = [Knockout(part, i, effect.name, amount=0.7, seeds=(5,))]
            unit = {"neuron": 7} if part == "mlp" else {"head": 2}
            # in Kosmos-2's text a norm stands between the heads and the output projection
            mixed = name == "kosmos2" and part != "mlp" and effect.name != "uniform"
            if part != "layer" and {*unit} <= {*effect.units} and not mixed:
                wholes.append(replace(wholes[0], **unit))
            groups += [(k,) for k in wholes]
    base, *replayed = one_pass(model, anatomy, inputs, groups, check=True, means=means)
    with torch.inference_mode():
        for group, found in zip(groups, replayed, strict=True):
            with knockout(anatomy, *group, means=means):
                hooked = model(**inputs, use_cache=False).logits[:, -1]
            assert (found - hooked).abs().max() < 1e-4, group
            assert torch.equal(found.argmax(-1), hooked.argmax(-1)), group
    assert len(groups) >= 4 and any((found - base).abs().max() > 1e-4 for found in replayed)


@pytest.mark.parametrize("name", FAMILIES)
def test_three_questions_and_all_variants_at_once(name, monkeypatch):
    monkeypatch.setattr("talo_mini.engine.replay.CHUNK", 10**6)
    model, inputs = family(name)
    anatomy = find_anatomy(model)
    inputs = {
        key: torch.cat([value] * 3) if torch.is_tensor(value) else value
        for key, value in inputs.items()
    }
    inputs["input_ids"] = inputs["input_ids"].clone()
    inputs["input_ids"][:, -1] = torch.tensor([5, 6, 7])
    groups = [
        (Knockout(part, i, effect, seeds=(1, 2, 3)),)
        for i, layer in enumerate(anatomy.stacks["decoder"])
        for part, effect in (
            (next(part for part in layer.parts if "attention" in part), "zero"),
            ("mlp", "noise"),
        )
    ]
    base, *replayed = one_pass(model, anatomy, inputs, groups, check=True)
    assert (base[0] - base[1]).abs().max() > 1e-4
    with torch.inference_mode():
        for group, found in zip(groups, replayed, strict=True):
            with knockout(anatomy, *group):
                assert (
                    found - model(**inputs, use_cache=False).logits[:, -1]
                ).abs().max() < 1e-4, group


def test_a_batch_with_left_padding():
    model, inputs = family("llava")
    ids = torch.cat([inputs["input_ids"], inputs["input_ids"].roll(1, 1)])
    ids[1, 0], mask = 0, torch.ones_like(ids)
    mask[1, 0] = 0
    inputs = dict(
        input_ids=ids, attention_mask=mask, pixel_values=inputs["pixel_values"].repeat(2, 1, 1, 1)
    )
    anatomy = find_anatomy(model)
    groups = [(Knockout("self-attention", i),) for i in (3, 0, 2)]
    _, *replayed = one_pass(model, anatomy, inputs, groups, check=True)
    with torch.inference_mode():
        for group, found in zip(groups, replayed, strict=True):
            with knockout(anatomy, *group):
                assert (found - model(**inputs, use_cache=False).logits[:, -1]).abs().max() < 1e-4


def test_two_names_of_one_set_give_one_answer(tiny):
    """Sets are sorted, so that ("mlp and 1", 3) and ("mlp and 3", 1) are the same knockouts."""
    inputs = tiny.inputs(
        load_benchmark("mini-worlds", tasks=["more"], per_task=2, form="choice").questions
    )
    names = [("mlp and 0", 1), ("mlp and 1", 3), ("mlp and 3", 1), ("mlp and 2", 3)]
    groups = [as_knockouts(part, "zero", layer) for part, layer in names]
    _, *found = one_pass(tiny.model, tiny.anatomy, inputs, groups, check=False)
    for group, logits in zip(groups, found, strict=True):
        with knockout(tiny.anatomy, *group):
            assert (logits - tiny.last_logits(inputs)).abs().max() < 1e-4


def test_with_little_memory_few_variants_are_held_and_few_logits_made_at_once(monkeypatch):
    """The base model runs once all the same, and logits are made when they are asked for."""
    vlm = tiny_llava(0)
    questions = load_benchmark("mini-worlds", tasks=["more"], per_task=2, form="choice").questions
    inputs = vlm.inputs(questions)
    vlm.model.resize_token_embeddings(20_000)
    groups = [(Knockout(part, i),) for i in range(4) for part in ("self-attention", "mlp")]
    expected = list(one_pass(vlm.model, vlm.anatomy, inputs, groups, check=False))
    made, walks, bases = [], [], []
    own_logits, own_walk, own_record = Ending.logits, Replay._walked, replay.record
    monkeypatch.setattr(
        Ending, "logits", lambda self, read: made.append(len(read)) or own_logits(self, read)
    )
    monkeypatch.setattr(
        Replay, "_walked", lambda self, some: walks.append(len(some)) or own_walk(self, some)
    )
    monkeypatch.setattr(replay, "record", lambda *given: bases.append(1) or own_record(*given))
    three = 4 * 3 * inputs["input_ids"].numel() * 32 * 4  # bytes of 32 wide hidden states
    two = 8 * 2 * 4 * expected[0].numel()  # of logits
    for free, rounds, most in ((three, [3, 3, 2], 1), (two, [8], 2)):
        monkeypatch.setattr(replay, "free_memory", lambda device, free=free: free)
        found = one_pass(vlm.model, vlm.anatomy, inputs, groups, check=False)
        assert torch.equal(next(found), expected[0]) and not made
        for logits, right in zip(found, expected[1:], strict=True):
            assert torch.allclose(logits, right, atol=1e-4)
        assert walks == rounds and sum(made) == 8 and max(made) == most and len(bases) == 1
        for noted in (walks, made, bases):
            noted.clear()


def test_an_overflow_is_no_reason_to_give_up(tiny):
    inputs = tiny.inputs(
        load_benchmark("mini-worlds", tasks=["more"], per_task=4, form="choice").questions
    )
    groups = [(Knockout("self-attention", i),) for i in range(4)]
    expected = list(one_pass(tiny.model, tiny.anatomy, inputs, groups, check=True))

    def spoil(module, args, output):  # the first of every four questions
        spoiled = output[0].clone()
        spoiled[::4] = float("inf")
        return (spoiled, *output[1:])

    (attention,) = tiny.anatomy.part("self-attention", 1).modules.values()
    hook = attention.register_forward_hook(spoil)
    try:
        found = list(one_pass(tiny.model, tiny.anatomy, inputs, groups, check=True))
    finally:
        hook.remove()
    for logits, right in zip(found, expected, strict=True):
        assert not logits[0].isfinite().any() and torch.allclose(logits[1:], right[1:], atol=1e-4)


@pytest.mark.parametrize("spoiled", [1.0, float("nan"), float("inf")])
def test_answers_that_differ_from_hooks_are_refused(tiny, monkeypatch, spoiled):
    """The check's failing branch: the engine is made to go wrong in one layer."""
    questions = load_benchmark("mini-worlds", tasks=["more"], per_task=2).questions
    inputs, own = tiny.inputs(questions), Replay._knocked

    def wrong(self, i, hidden, knockouts):
        return own(self, i, hidden, knockouts) + (spoiled if i == 2 else 0)

    groups = [(Knockout("mlp", i),) for i in range(4)]
    list(one_pass(tiny.model, tiny.anatomy, inputs, groups, check=True))
    monkeypatch.setattr(Replay, "_knocked", wrong)
    with pytest.raises(CannotReplay, match=r"Knockout.*layer=2.* differs by"):
        list(one_pass(tiny.model, tiny.anatomy, inputs, groups, check=True))
    list(one_pass(tiny.model, tiny.anatomy, inputs, groups, check=False))


def test_kinds_are_checked_at_their_lowest_middle_and_highest_layer():
    groups = [(Knockout("mlp", i),) for i in (4, 0, 3, 1, 2)]
    groups += [(Knockout("self-attention", 0, head=1),)]
    assert [groups[i][0].layer for i in _checked(groups)] == [4, 0, 2, 0]


def test_logits_of_few_digits_may_round_by_a_share_of_the_largest():
    base = torch.tensor([[20.0, 0.001]])
    off = base + torch.tensor([[0.0, 0.05]])
    assert same_logits(off, base.to(torch.bfloat16)) and not same_logits(off, base)
    assert not same_logits(base + 3, base.to(torch.bfloat16))
