import pytest
import torch
from test_questions import png
from transformers import AutoModelForImageTextToText, AutoProcessor

from talo_mini import BadInput, Knockout, Question, load_benchmark, load_vlm, sweep
from talo_mini.benchmarks.answers import parse_answer
from talo_mini.benchmarks.prompts import write_prompt
from talo_mini.interventions import zeroed_weights
from talo_mini.models.loading import MINIS


def ask(text="what colour is the circle?", options=("red", "blue"), form="choice", id="q"):
    return Question(id, "t", png(), text, options, 0, form)


SHIPPED = sorted(path.parent.name for path in MINIS.glob("*/config.json"))


def test_the_first_mini_loads_through_the_auto_classes():
    model = AutoModelForImageTextToText.from_pretrained(MINIS / "llava-mini")
    assert type(model).__name__ == "LlavaForConditionalGeneration"
    assert len(model.get_decoder().layers) >= 12
    AutoProcessor.from_pretrained(MINIS / "llava-mini")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_mini_has_learned_its_tasks(name):
    """A small sample of what its card measures, well below the card's bars."""
    vlm = load_vlm(name, device="cpu")
    assert (
        sum(path.stat().st_size for path in (MINIS / name).iterdir()) < 12e6
        and len(vlm.anatomy.stacks["decoder"]) >= 8
    )
    assert f"digest `{vlm.digest}`" in (MINIS / name / "README.md").read_text()
    for form in ("choice", "direct"):
        outcomes = sweep(
            vlm,
            load_benchmark(
                "mini-worlds", ["object_shape", "count_all", "above_or_below", "more"], 25, form
            ),
            parts=(),
        )
        assert outcomes.correct.mean() > 0.8 > 0.4 > outcomes.chance.mean()


def test_unknown_model_is_one_sentence():
    with pytest.raises(
        BadInput, match=r"cannot load a vision-language model from 'nobody/nothing'.*llava-mini"
    ):
        load_vlm("nobody/nothing")


def test_digest_follows_the_weights(tiny):
    from conftest import tiny_llava

    assert tiny_llava(0).digest == tiny.digest != tiny_llava(1).digest


def test_every_word_of_the_benchmarks_is_known(tiny):
    unknown = tiny.processor.tokenizer.unk_token_id
    for name in ("mini-worlds", "easy-vqa"):
        for q in load_benchmark(name, per_task=6).questions:
            text = write_prompt(q) + " " + " ".join(q.options)
            assert unknown not in tiny.processor.tokenizer(text).input_ids, text


def test_left_padding_does_not_change_an_answer(tiny):
    short, long = ask(), ask("what is the sum of the digits?", tuple("0123456789"), id="r")
    together = tiny.last_logits(tiny.inputs([short, long]))
    alone = torch.cat([tiny.last_logits(tiny.inputs([q])) for q in (short, long)])
    assert torch.allclose(together, alone, atol=1e-4)


def test_options_that_begin_alike_are_refused(tiny):
    with pytest.raises(BadInput, match="cannot be told apart by their first token"):
        tiny.option_tokens(ask(options=("red circle", "red square"), form="direct"))


@pytest.mark.parametrize(
    "text,found",
    [
        ("A", 0),
        ("B.", 1),
        ("(B)", 1),
        ("C", None),
        ("blue", None),
        ("", None),
        ("A cat", 0),
        ("AB", None),
    ],
)
def test_parse_letters(text, found):
    assert parse_answer(ask(), text) == found


@pytest.mark.parametrize("text,found", [("red", 0), (" Blue. ", 1), ("reddish", None), ("", None)])
def test_parse_words(text, found):
    assert parse_answer(ask(form="direct"), text) == found


def test_generation_keeps_the_order_in_batches(tiny):
    questions = load_benchmark("mini-worlds", tasks=["more", "map_name"], per_task=4).questions
    assert tiny.generate(questions, batch=3, max_new_tokens=2) == tiny.generate(
        questions, batch=16, max_new_tokens=2
    )


def test_digest_follows_every_write():
    """Also those that change no counter: through `.data`, to a configuration, to weights made under
    inference_mode.
    """
    from conftest import tiny_llava

    with torch.inference_mode():
        vlm = tiny_llava()
    seen = [vlm.digest]
    weight = vlm.anatomy.stacks["decoder"][1].module.mlp.down_proj.weight
    weight.data.mul_(2)
    seen.append(vlm.digest)
    vlm.model.config.vision_feature_layer = -2
    seen.append(vlm.digest)
    with zeroed_weights(vlm.anatomy, Knockout("mlp", 2)):
        seen.append(vlm.digest)
    assert len(set(seen)) == 4 and vlm.digest == seen[2]
