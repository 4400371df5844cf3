"""A picture seen before is not encoded again, and no logit changes, family by family."""

import pytest
import torch
from conftest import tiny_llava
from families import FAMILIES, family

from talo_mini import knockout, load_benchmark, sweep
from talo_mini.engine.logits import hooked_logits
from talo_mini.engine.pictures import Pictures
from talo_mini.interventions.names import all_cells, as_knockouts
from talo_mini.models.anatomy import find_anatomy

# what they hand on is not one piece a picture, or not by this way
ENCODED_AGAIN = {
    "qwen3_vl",
    "mllama",
    "blip2_opt",
    "instructblip_vicuna",
    "instructblip_t5",
    "kosmos2",
}


def runs_of_vision(model):
    """A list that grows by one, each time the first vision layer runs."""
    ran, anatomy = [], find_anatomy(model)
    first = next(layers for name, layers in anatomy.stacks.items() if name.startswith("vision"))[0]
    first.module.register_forward_hook(lambda *_: ran.append(1))
    return ran


@pytest.mark.parametrize("name", FAMILIES)
@torch.inference_mode()
def test_family(name):
    model, first = family(name)
    second = {**first, "pixel_values": first["pixel_values"].flip(-1)}
    both = {
        key: torch.cat([first[key], second[key]]) if torch.is_tensor(first[key]) else first[key]
        for key in first
    }
    plain = [model(**inputs, use_cache=False).logits for inputs in (first, second, both)]
    assert (plain[0] - plain[1]).abs().max() > 1e-4
    ran, pictures = runs_of_vision(model), Pictures(model)
    with pictures.shared():
        shared, seen = [], []
        for inputs in (first, second, both):
            shared.append(model(**inputs, use_cache=False).logits)
            seen.append(len(ran))
    assert (seen[2] > seen[1]) == (name in ENCODED_AGAIN)
    for a, b in zip(plain, shared, strict=True):
        assert (a - b).abs().max() < 1e-4
    assert torch.equal(model(**first, use_cache=False).logits, plain[0]) and len(ran) > seen[2]
    assert "get_image_features" not in vars(getattr(model, "model", model))


def test_those_not_used_for_longest_go_first(monkeypatch):
    monkeypatch.setattr(
        "talo_mini.engine.pictures.free_memory", lambda device: 8 * 2 * 16 * 32 * 4
    )  # an eighth: two pictures of 16 tokens, 32 wide
    vlm = tiny_llava()
    questions = load_benchmark(
        "mini-worlds", tasks=["object_colour"], per_task=3, form="choice"
    ).questions
    ran, pictures = runs_of_vision(vlm.model), Pictures(vlm.model)
    with pictures.shared():
        for i, runs in ((0, 1), (1, 2), (0, 2), (2, 3), (0, 3), (1, 4)):
            vlm.last_logits(vlm.inputs([questions[i]]))
            assert len(ran) == runs
    assert pictures.bytes == 2 * 16 * 32 * 4


@pytest.mark.parametrize("parts", [["mlp"], ["vision: mlp"], ["mlp", "vision: mlp"]])
@pytest.mark.parametrize("room", [10**9, 16 * 32 * 4])  # in bytes, the latter for one picture
def test_questions_about_one_picture_are_answered_by_hooks_as_alone(parts, room, tiny):
    questions = load_benchmark("mini-worlds", tasks=["object_colour"], per_task=2).questions
    assert len({question.pictures for question in questions}) < len(questions)
    cells, pictures = all_cells(tiny.anatomy, parts, None, "zero"), Pictures(tiny.model)
    pictures.limit = room
    found = list(hooked_logits(tiny, tiny.inputs(questions), cells, pictures=pictures))
    for cell, together in zip(cells, found, strict=True):
        with knockout(tiny, *(as_knockouts(*cell) if cell in cells[1:] else ())):
            alone = [tiny.last_logits(tiny.inputs([question]))[0] for question in questions]
        assert torch.allclose(together, torch.stack(alone), atol=1e-4), cell


def test_both_forms_of_a_question_share_their_picture():
    vlm = tiny_llava()
    ran = runs_of_vision(vlm.model)
    benchmark = load_benchmark("mini-worlds", tasks=["object_colour"], per_task=4)
    sweep(vlm, benchmark.subset(per_task=1), layers=[])  # a new model is tried first
    ran.clear()
    sweep(vlm, benchmark.subset(form="choice"), layers=[], batch=1)
    alone = len(ran)
    sweep(vlm, benchmark, layers=[], batch=1)
    assert alone == 4 and len(ran) == 8
