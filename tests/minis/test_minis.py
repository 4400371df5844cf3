import itertools
import random

import pytest
import torch
from PIL import Image

from talo_mini import BadInput
from talo_mini.benchmarks.mini_worlds import lessons
from talo_mini.benchmarks.questions import LETTERS
from talo_mini.minis import adapting, trainer
from talo_mini.minis.architectures import ARCHITECTURES
from talo_mini.minis.lessons import Packer, drill
from talo_mini.minis.trainer import WARMUP, learning_rate


@pytest.fixture(scope="module", params=ARCHITECTURES)
def mini(request):
    model, processor = ARCHITECTURES[request.param]()
    return model.eval(), processor


def packer(mini):
    return Packer(*mini, seed=3, pictures=4, tokens=112, stage="answer")


@torch.inference_mode()
def test_a_packed_question_is_seen_as_if_it_stood_alone(mini):
    """Logits at each answer equal those of the plain model, given the same tokens without the other
    questions.
    """
    model, lessons = mini[0], packer(mini)
    batch, prefix = lessons.batch(), len(lessons.prefix)
    packed = model.lm_head(
        model.model(
            input_ids=batch.input_ids,
            attention_mask=batch.mask(torch.float32),
            position_ids=batch.position_ids,
            use_cache=False,
            **batch.pictures,
        )[0]
    )
    image_token = getattr(model.config, "image_token_id", None)
    checked = 0
    for row in range(4):
        pictures = {
            name: value.view(4, -1, *value.shape[1:])[row] for name, value in batch.pictures.items()
        }
        for segment in range(1, batch.segments[row].max() + 1):
            where = (batch.segments[row] == segment).nonzero().flatten()
            ids = torch.cat([batch.input_ids[row, :prefix], batch.input_ids[row, where]])[None]
            if "cross_attention_mask" in pictures:
                pictures["cross_attention_mask"] = torch.ones(*ids.shape, 1, 1)
            if "image_grid_thw" in pictures:
                pictures["mm_token_type_ids"] = (ids == image_token).int()
            alone = model(input_ids=ids, **pictures).logits[0, prefix:]
            assert torch.allclose(packed[row, where], alone, atol=1e-4)
            checked += 1
    assert checked > 12


def test_packed_tokens_are_the_processors_own(mini):
    lessons, processor = packer(mini), mini[1]
    tokens, targets = lessons._segment("which is blue?", ("red", "blue"), "B")
    text = processor.apply_chat_template(
        [
            {
                "role": "user",
                "content": [
                    {"type": "image"},
                    {"type": "text", "text": "which is blue?\nA. red\nB. blue"},
                ],
            }
        ],
        add_generation_prompt=True,
    )
    picture = Image.new("RGB", (64, 64))
    expected = processor(text=[text], images=[[picture]], return_tensors="pt").input_ids[0].tolist()
    answer, end = processor.tokenizer("B").input_ids[0], processor.tokenizer.eos_token_id
    assert lessons.prefix + tokens == [*expected, answer]
    expected = expected[len(lessons.prefix) :]
    assert [t for t in targets if t >= 0] == [answer, end] and targets.index(answer) == len(
        expected
    ) - 1


def test_a_drill_names_the_letter_beside_the_word():
    rng = random.Random(0)
    for _ in range(50):
        text, options, letter = drill(rng, ["red", "blue", "Ohio", "7", "yes"])
        assert text == f"which is {options[LETTERS.index(letter)]}?"


def test_lessons_are_deterministic():
    first, second = (
        [
            (image.tobytes(), tuple(itertools.islice(questions, 5)))
            for image, questions in itertools.islice(lessons(seed, "look"), 5)
        ]
        for seed in (1, 1)
    )
    assert first == second


def test_mending_asks_a_task_often_and_every_answer_alike():
    """A fifth of all questions; of all scenes, "no" would be right in seven of ten."""
    asked = [
        question
        for _, questions in itertools.islice(lessons(1, "practise", ("same_colour",)), 400)
        for question in itertools.islice(questions, 7)
    ]
    answers = [
        options[LETTERS.index(answer)] if options else answer
        for text, options, answer in asked
        if "same colour" in text
    ]
    assert len(answers) > len(asked) / 5 and 0.4 < answers.count("yes") / len(answers) < 0.6


def test_the_learning_rate_warms_up_stays_and_falls():
    rates = [learning_rate(step, 1000, 0, 200) for step in range(1000)]
    assert (
        rates[200] == 1 / WARMUP
        and max(rates) == 1
        and rates[250:700] == [1] * 450
        and rates[850] == pytest.approx(0.5)
    )
    assert rates[700:] == sorted(rates[700:], reverse=True) and 0 < rates[-1] < 0.01


def test_mending_begins_at_the_full_rates_again():
    rates = [learning_rate(step, 1500, 1000, 200) for step in range(1000, 1500)]
    assert rates[0] == 1 / WARMUP and rates[50:350] == [1] * 300 and rates[-1] < 0.01


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_training_goes_on_from_its_checkpoint(name, tmp_path, monkeypatch):
    """Six steps in one run equal three steps, a stop, and three more."""
    monkeypatch.setattr(trainer, "CHECKPOINT", 3)
    monkeypatch.setattr(trainer.Trainer, "pictures", 2)
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: None)
    whole = trainer.Trainer(name, tmp_path / "whole", "cpu")
    whole.run(6, log=lambda **row: None)
    stopped = trainer.Trainer(name, tmp_path / "parts", "cpu")

    def stop(**row):
        if row["step"] == 3:
            stopped.save()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped.run(6, log=stop)
    resumed = trainer.Trainer(name, tmp_path / "parts", "cpu")
    resumed.load()
    assert resumed.step == 3
    resumed.run(6, log=lambda **row: None)
    for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_stopped_letter_drill_ends_where_a_whole_one_does(tmp_path, monkeypatch):
    """After 77 right steps in a row, wherever the run was stopped."""
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: None)
    monkeypatch.setattr(trainer.Trainer, "learn", lambda self, batch, rate: 1.0)
    monkeypatch.setattr(trainer.Trainer, "batches", lambda *_: itertools.repeat(None))
    monkeypatch.setattr(trainer.Trainer, "export", lambda self, target: None)

    def stop(**row):
        if row["step"] == 51:
            raise KeyboardInterrupt

    stopped, resumed = (trainer.Trainer("llava-mini", tmp_path, "cpu") for _ in range(2))
    with pytest.raises(KeyboardInterrupt):
        stopped.run(100, log=stop)
    resumed.load()
    resumed.run(100, log=lambda **row: None)
    assert resumed.drilled == 77


def test_a_checkpoint_of_another_seed_is_refused(tmp_path, monkeypatch):
    """And one that does not know its seed is taken up."""
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: None)
    trainer.Trainer("llava-mini", tmp_path, "cpu").save()
    other = trainer.Trainer("llava-mini", tmp_path, "cpu", seed=7)
    before = other.model.lm_head.weight.clone()
    with pytest.raises(BadInput, match=r"checkpoint.pt was trained with seed 0, .*; say --seed 0"):
        other.load()
    assert torch.equal(other.model.lm_head.weight, before)
    path = tmp_path / "checkpoint.pt"
    torch.save({key: kept for key, kept in torch.load(path).items() if key != "seed"}, path)
    other.load()
    assert not torch.equal(other.model.lm_head.weight, before)


def test_a_batch_of_another_size_is_noted_with_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: None)
    one = trainer.Trainer("llava-mini", tmp_path, "cpu")
    one.pictures = 3
    one.run(1, log=lambda **row: None)
    assert one.runs == ["--steps 1 --batch 3"] and one.record()["batch"] == 3


def test_training_of_an_adapter_goes_on_from_an_export(tmp_path, monkeypatch):
    """From its weights and its record, where the checkpoint is gone."""
    monkeypatch.setattr(adapting, "ADAPTED", {"tiny": ARCHITECTURES["llava-mini"]})
    monkeypatch.setattr(adapting, "weights_digest", lambda path: "of another whole")
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: None)
    first = adapting.AdapterTrainer("tiny", tmp_path, "cpu")
    first.drilled, first.step = 3, 10
    first.begin("--steps 10")
    with torch.no_grad():
        for parameter in first.learned.values():
            parameter.copy_(torch.randn_like(parameter).to(torch.bfloat16))
    first.export(tmp_path / "export")
    again = adapting.AdapterTrainer("tiny", tmp_path, "cpu")
    again.take_up(tmp_path / "export")
    assert (again.drilled, again.step, again.runs) == (3, 10, ["--steps 10"])
    for name, parameter in first.learned.items():
        assert torch.equal(parameter, again.learned[name])
    with pytest.raises(
        BadInput, match="export was trained with seed 0, and cannot go on with seed"
    ):
        adapting.AdapterTrainer("tiny", tmp_path, "cpu", seed=7).take_up(tmp_path / "export")
    again.begin("--steps 12")
    assert again.runs == ["--steps 10", "--steps 12"] and again.begun == 10
