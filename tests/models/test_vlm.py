import copy
import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from drawings import png
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText, AutoProcessor, GenerationConfig

from talo_mini import VLM, BadInput, Knockout, Question, load_benchmark, load_vlm, sweep
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


def test_saving_a_model_does_not_change_who_it_is(tmp_path):
    from conftest import tiny_llava

    vlm = tiny_llava(0)
    before = vlm.digest
    vlm.model.save_pretrained(tmp_path)
    assert vlm.digest == before


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
    with pytest.raises(BadInput, match="cannot be scored by their first token"):
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
        ("A red", 0),
        ("B Blue.", 1),
        ("A cat", None),
        ("A blue one", None),
        ("B\n\nA cat is seen.", 1),
        ("A: a cat", 0),
        ("(A) a cat", 0),
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


def test_a_benchmark_is_asked_under_its_own_prompt(tiny):
    """As a sweep asks it; questions alone are asked as they are."""
    asked = load_benchmark("mini-worlds", tasks=["more"], per_task=2).with_prompt("lmms-eval")
    own, alone = tiny.inputs(asked), tiny.inputs(asked.questions)
    assert torch.equal(own["input_ids"], tiny.inputs(asked.questions, "lmms-eval")["input_ids"])
    assert own["input_ids"].shape[1] > alone["input_ids"].shape[1]
    assert torch.equal(alone["input_ids"], tiny.inputs(asked, "bare")["input_ids"])
    assert tiny.generate(asked) == tiny.generate(asked.questions, "lmms-eval")
    with pytest.raises(BadInput, match="unknown prompt"):
        tiny.generate(asked, "polite")


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


def test_greedy_means_greedy_whatever_the_checkpoint_asks_for(tiny):
    questions = load_benchmark("mini-worlds", tasks=["object_colour"], per_task=3).questions
    plain = tiny.generate(questions)
    own = tiny.model.generation_config
    tiny.model.generation_config = GenerationConfig(
        num_beams=3,
        num_return_sequences=3,
        repetition_penalty=5.0,
        do_sample=True,
        eos_token_id=own.eos_token_id,
        pad_token_id=own.pad_token_id,
    )
    odd = tiny.model.generation_config
    try:
        assert tiny.generate(questions) == plain and tiny.model.generation_config is odd
    finally:
        tiny.model.generation_config = own


def asked(**change):
    found = load_benchmark("mini-worlds", tasks=["object_colour"], per_task=1, form="choice")
    return dataclasses.replace(found.questions[0], **change)


@pytest.mark.parametrize(
    "change,message",
    [
        (dict(text="what is </s> here?"), "its text holds '</s>', which tiny-0 reads as a special"),
        (dict(options=("<image>", "b", "c", "d")), "its text holds '<image>'"),
        (dict(options=tuple("abcdefghij"), answer=9), "tiny-0 has no token for its option 'E'"),
        (
            dict(form="direct", options=("red", "glorp"), answer=0),
            "no token for its option 'glorp'",
        ),
    ],
)
def test_a_question_that_would_be_read_wrongly_is_refused(tiny, change, message):
    with pytest.raises(BadInput, match=message):
        tiny.check(asked(**change))
    tiny.check(asked())


def test_a_template_that_lets_the_model_think_first_is_refused(tiny):
    own = tiny.processor.chat_template
    opened = own + "{% if add_generation_prompt %}<think>{% endif %}"
    closed = own + "{% if add_generation_prompt %}<think></think>{% endif %}"
    for template, refused in ((opened, True), (closed, False)):
        processor = copy.copy(tiny.processor)
        processor.chat_template = template
        vlm = VLM("thinker", tiny.model, processor)
        if refused:
            with pytest.raises(BadInput, match="lets it think before it answers"):
                vlm.check(asked())
        else:
            vlm.check(asked())


def test_what_a_sweep_refuses_is_not_generated_either(tiny):
    with pytest.raises(BadInput, match="its text holds '</s>'"):
        tiny.generate([asked(text="what is </s> here?")])
    for own in ("{question}</s>", "<image> {question}"):
        with pytest.raises(BadInput, match="the prompt holds '"):
            tiny.generate([asked()], own)


def test_settings_of_generation_that_were_taken_off():
    from conftest import tiny_llava

    vlm, asked_of = tiny_llava(), [asked(), asked(text="which one")]
    written = vlm.generate(asked_of)
    vlm.model.generation_config = None
    assert vlm.generate(asked_of) == written
    assert vlm.model.generation_config is None


def test_a_question_too_long_is_told_before_any_is_answered(tiny, monkeypatch):
    asked_of = []
    monkeypatch.setattr(tiny.model, "generate", lambda **inputs: asked_of.append(inputs))
    long = dataclasses.replace(asked(), id="long", text="colour " * 400)
    with pytest.raises(BadInput, match=r"question 'long': its prompt is .* tokens long"):
        tiny.generate([asked(), asked(), long], batch=2)
    assert not asked_of


def test_a_processors_own_refusal_names_the_question(tiny, monkeypatch):
    def refusing(**given):
        raise ValueError("absolute aspect ratio must be smaller than 200")

    monkeypatch.setattr(type(tiny.processor), "__call__", lambda self, **given: refusing())
    question = asked()
    with pytest.raises(BadInput, match=f"{question.id}' cannot be put to .* aspect ratio must"):
        tiny.generate([question])


def test_a_prompt_without_a_place_for_the_picture_is_refused(tiny):
    processor = copy.copy(tiny.processor)
    processor.chat_template = tiny.processor.chat_template.replace("<image>", "")
    told = "holds no place for the picture|cannot be put to the model, the processor says"
    with pytest.raises(BadInput, match=told):
        sweep(VLM("blind", tiny.model, processor), load_benchmark("easy-vqa", per_task=1))


@pytest.mark.parametrize("name", ["./llava-mini", "llava-mini/", "/llava-mini", "~/llava-mini"])
def test_only_a_bare_name_means_a_mini(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="there is no such folder, and no mini of that name"):
        load_vlm(name)


def test_weights_that_are_missing_in_the_files_are_told(tmp_path):
    """They would be random, which only the library's own log tells."""
    shutil.copytree(MINIS / "llava-mini", tmp_path / "m")
    weights = load_file(tmp_path / "m" / "model.safetensors")
    lost = next(name for name in weights if "layers.3.mlp" in name)
    save_file(
        {k: v for k, v in weights.items() if k != lost},
        tmp_path / "m" / "model.safetensors",
        {"format": "pt"},
    )
    with pytest.raises(BadInput, match=r"lack 1 weights, the first is .*layers.3.mlp"):
        load_vlm(tmp_path / "m")


@pytest.mark.parametrize("damage", ["empty", "half", "shape"])
def test_damaged_weights_are_told_in_a_sentence(tmp_path, damage):
    shutil.copytree(MINIS / "llava-mini", tmp_path / "m")
    path = tmp_path / "m" / "model.safetensors"
    content = path.read_bytes()
    if damage == "shape":
        weights = load_file(path)
        name = next(name for name in weights if "layers.3.mlp" in name)
        weights[name] = weights[name][:5].clone()
        save_file(weights, path, {"format": "pt"})
    else:
        path.write_bytes(b"" if damage == "empty" else content[: len(content) // 2])
    with pytest.raises(BadInput, match="cannot load a vision-language model from"):
        load_vlm(tmp_path / "m", device=torch.device("cpu"))


@pytest.mark.parametrize(
    "options,message",
    [
        (dict(device="gpu"), "unknown device 'gpu'"),
        (dict(device="meta"), "device 'meta' holds no weights"),
        (dict(max_pixels=0), "max_pixels is 0"),
        (dict(max_pixels=4096.5), "max_pixels is 4096.5"),
        (dict(revision="nonsense"), "revision= is a commit on the Hub"),
    ],
)
def test_arguments_of_loading_are_checked(options, message):
    with pytest.raises(BadInput, match=message):
        load_vlm("llava-mini", **options)


def test_a_gpu_that_is_not_there_is_told():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(BadInput, match="sees no GPU here"):
        load_vlm("llava-mini", device="cuda")


def test_a_path_is_a_folder_whatever_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="there is no such folder"):
        load_vlm(Path("llava-mini"))


def test_weights_that_the_configuration_has_no_place_for_are_told(tmp_path):
    """A configuration of fewer layers than the file holds."""
    shutil.copytree(MINIS / "llava-mini", tmp_path / "mini")
    path = tmp_path / "mini" / "config.json"
    config = json.loads(path.read_text())
    config["text_config"]["num_hidden_layers"] = 6
    config["text_config"].pop("layer_types", None)
    path.write_text(json.dumps(config))
    with pytest.warns(UserWarning, match="weights that its configuration has no place for"):
        load_vlm(tmp_path / "mini", device="cpu")


def test_a_library_that_needs_torchvision_is_told_in_a_sentence(monkeypatch):
    """As transformers 5.9 does for qwen2vl-mini and internvl-mini."""

    def needs_it(*args, **options):
        raise ImportError("AutoImageProcessor requires the Torchvision library")

    monkeypatch.setattr("talo_mini.models.loading.load_processor", needs_it)
    monkeypatch.setattr("talo_mini.models.loading.find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"by torchvision, which is not installed: pip install"):
        load_vlm("qwen2vl-mini")


def test_a_broken_template_is_told(tiny):
    processor = copy.deepcopy(tiny.processor)
    processor.chat_template = "{% if %}"
    with pytest.raises(BadInput, match="the chat template of broken is broken"):
        VLM("broken", tiny.model, processor).chat("?")


@pytest.mark.parametrize("options", [dict(batch=-1), dict(batch=0), dict(max_new_tokens=0)])
def test_sizes_of_generation_are_checked(tiny, options):
    questions = load_benchmark("easy-vqa", per_task=1).questions
    with pytest.raises(BadInput, match=r"(batch|max_new_tokens) is"):
        tiny.generate(questions, **options)
    with pytest.raises(BadInput, match="there is no question to put to the model"):
        tiny.inputs([])


def test_a_system_prompt_stands_before_the_conversation(tiny):
    """Where the chat template shows one; elsewhere it is refused, and not left out unseen."""
    own = "be brief .\n---\n{question} {options}"
    processor = copy.copy(tiny.processor)
    processor.chat_template = (
        "{% for m in messages %}{{ m.role }}:{% for c in m.content %}"
        "{{ '<image>' if c.type == 'image' else c.text }}{% endfor %} {% endfor %}"
    )
    vlm = VLM("systematic", tiny.model, processor)
    said = vlm.chat("hello", system="be brief .")
    assert said == "system:be brief . user:<image>hello "
    short = copy.copy(processor)
    short.chat_template = "{{ messages[-1].role }}:<image>{{ messages[-1].content[1].text }}"
    with pytest.raises(BadInput, match="leaves a system prompt out"):
        VLM("forgetful", tiny.model, short).inputs([ask()], own)
    tokens = vlm.inputs([ask()], own)["input_ids"]
    assert tokens.shape[1] > vlm.inputs([ask()], "{question} {options}")["input_ids"].shape[1]


def test_generation_and_sweep_ask_under_a_prompt_of_ones_own(tiny):
    own = "count all {question} {options} answer"
    benchmark = load_benchmark("mini-worlds", ["more"], 4, "choice", prompt=own)
    assert benchmark.prompt == own
    table = sweep(tiny, benchmark, parts=[])
    scores = [
        tiny.option_logs(q, one.log_softmax(-1))
        for q, one in zip(
            benchmark.questions, tiny.last_logits(tiny.inputs(benchmark)), strict=True
        )
    ]
    assert [int(score.argmax()) for score in scores] == table.answer.tolist()
