"""What is said of a head is what the attention's own weights say, and what the model answers."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import tiny_llava

from talo_mini import BadInput, Knockout, knockout, load_benchmark
from talo_mini.benchmarks.mini_worlds.maps import HIGHLIGHTS, highlighted
from talo_mini.models.eager import telling_weights
from talo_mini.studies.heads import (
    PICTURE,
    looks_in_words,
    patches_looked_at,
    words_looked_at,
)


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", tasks=["chart_tallest"], per_task=6, form="direct")


def test_words_looked_at_are_the_attentions_own_weights(tiny, benchmark):
    own = tiny.model.config._attn_implementation
    found = words_looked_at(tiny, benchmark, 1, [0, 2], batch=4)
    assert tiny.model.config._attn_implementation == own
    assert found.groupby("head").share.sum().tolist() == pytest.approx([1, 1], abs=1e-5)
    eager = tiny_llava()
    eager.model.load_state_dict(tiny.model.state_dict())
    eager.model.set_attn_implementation("eager")
    expected = {}
    for question in benchmark.questions:
        inputs = eager.inputs([question])
        with torch.inference_mode():
            weights = eager.model(**inputs, output_attentions=True).attentions[1][0, 2, -1]
        ids = inputs["input_ids"][0].tolist()
        for token, weight in zip(ids, weights.tolist(), strict=True):
            word = eager.processor.tokenizer.convert_ids_to_tokens(token)
            word = PICTURE if token == eager.image_token else word
            expected[word] = expected.get(word, 0) + weight / 6
    shares = found[found["head"] == 2].set_index("word").share
    assert dict(shares) == pytest.approx(expected, abs=1e-5)


def test_a_zero_head_still_looks(tiny, benchmark):
    """What a knockout takes is what the head writes, not where it looks."""
    one = dataclasses.replace(benchmark, questions=benchmark.questions[:1])
    before = words_looked_at(tiny, one, 0, [1])
    with knockout(tiny, Knockout("head 1", 0)):
        after = words_looked_at(tiny, one, 0, [1])
    assert before.equals(after)


def test_a_model_keeps_the_attention_that_each_of_its_parts_has(benchmark):
    vlm = tiny_llava()
    vlm.model.set_attn_implementation({"text_config": "sdpa", "vision_config": "eager"})
    words_looked_at(vlm, benchmark, 0, [0])
    config = vlm.model.config
    assert config.text_config._attn_implementation == "sdpa"
    assert config.vision_config._attn_implementation == "eager"


def test_what_cannot_be_asked_is_said(tiny, benchmark):
    with pytest.raises(BadInput, match="has no head 9; it has"):
        words_looked_at(tiny, benchmark, 0, [9])


def test_patches_looked_at_are_those_that_hold_a_marked_pixel(tiny, benchmark):
    """By hand, from the attention's own weights; 4 x 4 patches of 16 pixels."""

    def left(image):
        pixels = np.zeros((image.height, image.width), bool)
        pixels[:, 17] = True  # in the second column of patches
        return pixels

    found = patches_looked_at(tiny, benchmark, 1, [2], left, batch=4).iloc[0]
    shares, pictures = [], []
    with telling_weights(tiny.model), torch.inference_mode():
        for question in benchmark.questions:
            inputs = tiny.inputs([question])
            weights = tiny.model(**inputs, output_attentions=True).attentions[1][0, 2, -1]
            on = weights[inputs["input_ids"][0] == tiny.image_token].double()
            pictures.append(on.sum().item())
            shares.append((on.reshape(4, 4)[:, 1].sum() / on.sum()).item())
    assert found.delta == pytest.approx(np.mean(shares), abs=1e-6)
    assert found.picture == pytest.approx(np.mean(pictures), abs=1e-6)
    assert found.patches == 0.25 and found.low < found.delta < found.high


def test_a_picture_whose_patches_are_no_square_is_refused(tiny, benchmark):
    with pytest.raises(BadInput, match="16 tokens of a picture are no square"):
        patches_looked_at(tiny, benchmark, 0, [0], lambda image: np.ones((63, 64), bool))


def test_highlighted_pixels_are_those_of_four_states():
    (question,) = load_benchmark("mini-worlds", ["map_west"], 1, form="direct").questions
    pixels, seen = np.asarray(question.image), highlighted(question.image)
    colours = {tuple(pixel) for pixel in pixels[seen].tolist()}
    assert colours == set(HIGHLIGHTS.values()) and 0 < seen.mean() < 0.5


def test_what_a_head_looks_at_most_is_written_in_words():
    looks = pd.DataFrame(
        dict(
            head=[0, 0, 0, 3],
            word=["west", PICTURE, "which", "which"],
            share=[0.5, 0.4512, 0.04, 0.066],
        )
    )
    found = looks_in_words(looks, 2)
    assert found.to_dict("records") == [
        dict(head=0, words="west 50%, (picture) 45%"),
        dict(head=3, words="which 7%"),
    ]
