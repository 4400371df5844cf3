"""What is padded before a question never changes its answer."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from checkpoints import blip, git
from conftest import tiny_llava
from families import reinit

from talo_mini import VLM, load_benchmark, sweep
from talo_mini.models.padding import Uneven, check_padding, of_one_length, padding_counts
from talo_mini.models.scoring import scores


def built(build):
    torch.manual_seed(0)
    model, processor = build()
    reinit(model)
    return VLM(build.__name__, model.eval(), processor)


@pytest.fixture(scope="module")
def mixed():
    """Questions of three lengths, the shortest twice."""
    benchmark = load_benchmark("mini-worlds", tasks=["object_colour"], per_task=2, form="choice")
    one, two = benchmark.questions
    longer = [replace(one, id=f"{n} times", text=" ".join([one.text] * n)) for n in (2, 4)]
    return benchmark.only([longer[0], one, longer[1], two])


@pytest.mark.parametrize("build", [git, blip])
def test_a_model_that_counts_padding_answers_each_question_as_alone(build, mixed):
    vlm = built(build)
    table = sweep(vlm, mixed, parts=["mlp"], layers=[1], batch=8)
    base = table[table.part == "base"].set_index("question")
    for question in mixed.questions:
        alone = scores(vlm, [question], vlm.last_logits(vlm.inputs([question], mixed.prompt)))[0]
        assert np.allclose(base.scores[question.id], alone, atol=1e-5)
    assert padding_counts(vlm, mixed.questions[0], mixed.prompt)


@pytest.mark.parametrize("build", [git, blip])
def test_inputs_of_different_lengths_are_refused_with_what_to_do(build, mixed):
    with pytest.raises(Uneven, match="ask questions of one length at once"):
        built(build).inputs(mixed)


def test_what_is_written_is_what_each_question_alone_gets(mixed):
    vlm = built(git)
    assert vlm.generate(mixed) == vlm.generate(mixed, batch=1)


def test_where_it_cannot_be_tried_questions_of_one_length_are_asked(mixed):
    """A prompt without the question's text is no longer for it; nothing is remembered of that."""
    vlm, padded = built(git), dict(attention_mask=torch.tensor([[0, 1], [1, 1]]))
    with pytest.raises(Uneven):
        check_padding(vlm, mixed.questions, "what is it?", padded)
    assert padding_counts(vlm, mixed.questions[0], mixed.prompt)


def test_rotary_models_are_not_tried(mixed, monkeypatch):
    vlm = tiny_llava()
    monkeypatch.setattr(VLM, "last_logits", lambda *arguments: pytest.fail("the model ran"))
    assert len(vlm.inputs(mixed)["input_ids"]) == 4


def test_groups_of_one_length(mixed):
    vlm = tiny_llava()
    twice, one, four, two = mixed.questions
    assert of_one_length(vlm, mixed.questions, mixed.prompt) == [[twice], [one, two], [four]]
    # a length that tokens do not tell, of pictures say
    assert of_one_length(vlm, [one, two], mixed.prompt) == [[one], [two]]


def test_other_models_are_asked_together(mixed):
    vlm = tiny_llava()
    assert len(vlm.inputs(mixed)["input_ids"]) == 4
    assert not padding_counts(vlm, mixed.questions[0], mixed.prompt)
