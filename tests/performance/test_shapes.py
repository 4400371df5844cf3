"""Shapes of larger models with a processor: asked like any model, in a small version here."""

import pytest
import shapes

from talo_mini.benchmarks.questions import by_pictures
from talo_mini.engine.packing import packed


def test_as_many_questions_as_wanted_are_about_a_picture():
    benchmark = shapes.questions_a_picture(4, 2)
    assert [len(group) for group in by_pictures(benchmark.questions)] == [4, 4]
    assert len({question.text for question in benchmark.questions}) == 8


def test_questions_about_a_picture_share_their_beginning():
    vlm = shapes.asked_qwen2vl(2, 1, 96, 128, 4)
    benchmark = shapes.questions_a_picture(3, 1)
    inputs = packed(vlm, benchmark.questions, benchmark.prompt)
    alone = inputs.alone()["input_ids"]
    assert len(alone) == 3 and len(inputs["input_ids"]) == 1
    pictures = (alone[0] == vlm.processor.tokenizer.image_token_id).sum()
    assert pictures == 256 and inputs["input_ids"].shape[1] < 2 * alone.shape[1]


@pytest.mark.parametrize("asked", [1, 18])
def test_a_case_is_named_by_its_questions(asked):
    import sharing

    case = sharing._shape("a shape", None, asked)
    assert f", {asked} question{'s' * (asked > 1)} a picture" in case.title
    assert case.way is sharing.by_engine and len(case.benchmark.questions) % asked == 0
