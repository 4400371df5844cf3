import itertools
import random

import pytest
import torch

from talo_mini import load_vlm
from talo_mini.benchmarks.mini_worlds import lessons
from talo_mini.minis.lessons import Packer, drill
from talo_mini.questions import LETTERS


@pytest.fixture(scope="module")
def mini():
    return load_vlm("llava-mini", device="cpu")


@pytest.fixture(scope="module")
def packer(mini):
    return Packer(mini.processor, seed=3, pictures=4, tokens=112, stage="answer")


def test_a_packed_question_is_seen_as_if_it_stood_alone(mini, packer):
    """Logits at each answer equal those of the processor's own prompt: same tokens, positions and attention."""
    batch = packer.batch()
    text = mini.model.model.language_model
    embedded = text.embed_tokens(batch.input_ids)
    features = torch.stack(tuple(mini.model.model.get_image_features(batch.pixel_values, return_dict=True).pooler_output))
    embedded = torch.cat([embedded[:, :1], features, embedded[:, 17:]], 1)
    with torch.inference_mode():
        hidden = text(inputs_embeds=embedded, attention_mask=batch.mask(torch.float32), position_ids=batch.position_ids,
                      use_cache=False).last_hidden_state
        packed = mini.model.lm_head(hidden)
    checked = 0
    for row in range(4):
        for segment in range(1, batch.segments[row].max() + 1):
            where = (batch.segments[row] == segment).nonzero().flatten()
            ids = torch.cat([batch.input_ids[row, :17], batch.input_ids[row, where]])[None]
            with torch.inference_mode():
                alone = mini.model(input_ids=ids, pixel_values=batch.pixel_values[row:row + 1]).logits[0, 17:]
            assert torch.allclose(packed[row, where], alone, atol=1e-3)
            checked += 1
    assert checked > 12


def test_packed_tokens_are_the_processors_own(mini, packer):
    question = ("which is blue?", ("red", "blue"), "B")
    tokens, targets = packer._segment(*question)
    text = mini.processor.apply_chat_template(
        [{"role": "user", "content": [{"type": "text", "text": "which is blue?\nA. red\nB. blue"}]}], add_generation_prompt=True)
    expected = mini.processor.tokenizer(text).input_ids[1:]
    answer, end = mini.processor.tokenizer("B").input_ids[0], mini.processor.tokenizer.eos_token_id
    assert tokens == [*expected, answer]
    assert [t for t in targets if t >= 0] == [answer, end] and targets.index(answer) == len(expected) - 1


def test_a_drill_names_the_letter_beside_the_word():
    rng = random.Random(0)
    for _ in range(50):
        text, options, letter = drill(rng, ["red", "blue", "Ohio", "7", "yes"])
        assert text == f"which is {options[LETTERS.index(letter)]}?"


def test_lessons_are_deterministic():
    first, second = ([(image.tobytes(), tuple(itertools.islice(questions, 5)))
                      for image, questions in itertools.islice(lessons(seed, "look"), 5)] for seed in (1, 1))
    assert first == second


def test_training_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    """Six steps in one run equal three steps, a stop, and three more."""
    from talo_mini.minis import train

    monkeypatch.setattr(train, "CHECKPOINT", 3)
    monkeypatch.setattr(train, "PICTURES", 2)
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: None)
    whole = train.Trainer("llava-mini", tmp_path / "whole", "cpu")
    whole.run(6, log=lambda **row: None)
    stopped = train.Trainer("llava-mini", tmp_path / "parts", "cpu")

    def stop(**row):
        if row["step"] == 3:
            stopped.save()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped.run(6, log=stop)
    resumed = train.Trainer("llava-mini", tmp_path / "parts", "cpu")
    resumed.load()
    assert resumed.step == 3
    resumed.run(6, log=lambda **row: None)
    for a, b in zip(whole.model.parameters(), resumed.model.parameters()):
        assert torch.equal(a, b)
