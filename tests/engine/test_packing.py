"""Questions that share a row are answered as they are alone."""

import dataclasses
import importlib

import numpy as np
import pytest
import torch
from checkpoints import CHECKPOINTS, save_checkpoint

from talo_mini import BadInput, Knockout, knockout, load_benchmark, load_vlm, sweep
from talo_mini.engine import packing
from talo_mini.engine.logits import hooked_logits, replayed_logits
from talo_mini.engine.packing import CannotPack, apart, packed
from talo_mini.engine.recording import CannotReplay
from talo_mini.interventions.effects import EFFECTS
from talo_mini.interventions.knockout import mean_outputs
from talo_mini.interventions.names import all_cells
from talo_mini.models.loading import MINIS
from talo_mini.models.scoring import scores

module = importlib.import_module("talo_mini.engine.sweep")
NATIVE = ("internvl-mini", "llava-mini", "mllama-mini", "qwen2vl-mini")
# Families whose questions cannot share a row, and why.
ALONE = {
    "instructblip": "also takes qformer",
    "instructblip_t5": "no place for the picture",
    "paligemma": "also takes token_type_ids",
    "gemma3": "also takes token_type_ids",
    "llava_window": "looks back 8 tokens only",
}
PARTS = ("self-attention", "mlp", "layer", "head 1", "neuron 3", "mlp and 0")


@pytest.fixture(scope="module")
def questions():
    """Both forms of two questions about each of three pictures, of words that share a token."""
    found = []
    for q in load_benchmark("mini-worlds", tasks=["object_colour"], per_task=3).questions:
        more = dataclasses.replace(
            q,
            id=f"{q.id}/more",
            text="is it a red circle or a red square?",
            options=("red circle", "red square", "blue"),
            answer=0,
        )
        found += [q, more]
    return found


@pytest.mark.parametrize("name", NATIVE)
def test_minis_answer_alike_in_shared_rows(name, questions):
    vlm = load_vlm(name, device="cpu")
    cells = all_cells(vlm.anatomy, PARTS, None, "zero")
    shared = packed(vlm, questions, "bare")
    alone = apart(vlm, questions, "bare")
    assert shared.alone and len(shared["input_ids"]) == 3
    found = replayed_logits(vlm, shared, cells, check=True)
    hooks = hooked_logits(vlm, shared, cells)
    expected = hooked_logits(vlm, alone, cells)
    for cell, one, two, three in zip(cells, found, hooks, expected, strict=True):
        wanted = alone.wanted.scores(three)
        for logits in (one, two):
            own = shared.wanted.scores(logits)
            assert np.allclose(np.concatenate(own), np.concatenate(wanted), atol=1e-4), cell


@pytest.mark.parametrize("effect", [e.example for e in EFFECTS.values() if e.needs != "seeds"])
def test_effects_mean_the_same_in_shared_rows(tiny, questions, effect):
    means = mean_outputs(
        tiny.anatomy, lambda: tiny.last_logits(tiny.inputs(questions[:2])), ["self-attention"]
    )
    cells = all_cells(tiny.anatomy, ["self-attention"], None, effect)
    shared, alone = packed(tiny, questions, "bare"), apart(tiny, questions, "bare")
    found = list(replayed_logits(tiny, shared, cells, True, means))
    expected = hooked_logits(tiny, alone, cells, means=means)
    for one, two in zip(found, expected, strict=True):
        own, wanted = shared.wanted.scores(one), alone.wanted.scores(two)
        assert np.allclose(np.concatenate(own), np.concatenate(wanted), atol=1e-4)
        assert not torch.equal(one, found[0]) or one is found[0]


@pytest.mark.parametrize("name", sorted(CHECKPOINTS))
def test_families_share_rows_or_say_why_not(name, questions, tmp_path):
    """Their sweeps give what hooks give with every question alone."""
    vlm = load_vlm(save_checkpoint(CHECKPOINTS[name], tmp_path), device="cpu")
    plain = [q for q in questions if not q.id.endswith("more")]
    if name in ALONE:
        with pytest.raises(CannotPack, match=ALONE[name]):
            packed(vlm, plain, "bare")
    else:
        assert packed(vlm, plain, "bare").alone
    benchmark = load_benchmark("mini-worlds", tasks=["object_colour"], per_task=3)
    found = sweep(vlm, benchmark, parts=("self-attention", "layer"))
    for _, row in found[found.layer >= 0].iterrows():
        question = next(q for q in plain if q.id == row.question)
        with knockout(vlm.anatomy, Knockout(row.part, row.layer)):
            logits = vlm.last_logits(vlm.inputs([question]))
        assert np.allclose(row.scores, scores(vlm, [question], logits)[0], atol=1e-4)


def test_an_option_is_scored_by_its_whole_text_where_first_tokens_are_shared(tiny, questions):
    """Against the definition, and where questions cannot share a row."""
    question = next(q for q in questions if q.id.endswith("direct/more"))
    expected = []
    for option in question.options:
        inputs = tiny.inputs([question])
        tokens = tiny.processor.tokenizer(option, add_special_tokens=False).input_ids
        total = 0.0
        for token in tokens:
            total += tiny.last_logits(inputs).log_softmax(-1)[0, token].item()
            inputs["input_ids"] = torch.cat([inputs["input_ids"], torch.tensor([[token]])], 1)
            inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        expected.append(total)
    for layout in (packed, apart):
        inputs = layout(tiny, [question], "bare")
        own = inputs.wanted.scores(tiny.last_logits(inputs))[0]
        assert np.allclose(own, expected, atol=1e-4)
    assert tiny.scoring(question) == "whole text"


def test_of_many_options_a_few_are_compared_alone(tiny, questions, monkeypatch):
    """Spread over all of them, and one that is wrong is still found."""
    colours, shapes = ("red", "blue", "green", "yellow", "purple", "orange"), ("circle", "square")
    options = tuple(f"{colour} {shape}" for colour in colours for shape in shapes)
    many = [
        dataclasses.replace(q, id=f"{q.id}/many", options=options, answer=0)
        for q in questions
        if q.id.endswith("direct/more")
    ]
    assert {tiny.scoring(q) for q in many} == {"whole text"} and len(many) == 3
    inputs, cells = packed(tiny, many, "bare"), all_cells(tiny.anatomy, ["mlp"], None, "zero")
    alone = inputs.alone()
    everything = apart(tiny, many, "bare")
    assert len(alone["input_ids"]) <= packing.COMPARED < len(everything["input_ids"])
    compared = [any(map(any, question)) for question in alone.wanted.options]
    assert compared == [True] * 3, "spread over the questions"
    expected = [everything.wanted.scores(one) for one in hooked_logits(tiny, everything, cells)]
    for logits, right in zip(replayed_logits(tiny, inputs, cells, True), expected, strict=True):
        assert np.allclose(inputs.wanted.scores(logits), right, atol=1e-4)
    tri = lambda self, length: np.tri(length, dtype=bool)  # noqa: E731
    monkeypatch.setattr(packing._Row, "seen", tri)
    with pytest.raises(CannotReplay, match="the base model differs by"):
        list(replayed_logits(tiny, packed(tiny, many, "bare"), cells, True))


def test_questions_that_share_nothing_are_asked_as_before(tiny, questions):
    inputs = packed(tiny, [questions[0]], "bare")
    assert inputs.alone is None and set(inputs) == set(tiny.inputs([questions[0]]))


def test_noise_is_drawn_for_each_question_alone(tiny, monkeypatch):
    monkeypatch.setattr(module, "packed", lambda *args: pytest.fail("noise in a shared row"))
    benchmark = load_benchmark("mini-worlds", tasks=["object_colour"], per_task=2)
    sweep(tiny, benchmark, effect="noise 1", layers=[1])


def test_noise_and_whole_texts_do_not_go_together(tiny, questions):
    benchmark = load_benchmark("mini-worlds", tasks=["object_colour"], per_task=2)
    mixed = benchmark.only([questions[0], questions[3]])
    with pytest.raises(BadInput, match="noise would disturb differently for each"):
        sweep(tiny, mixed, effect="noise 1", layers=[1])


@pytest.mark.parametrize("why", ["a window", "a leak"])
def test_whole_texts_are_swept_also_where_rows_cannot_be_shared(tiny, questions, monkeypatch, why):
    """The same scores, and the check of the first batch goes well."""
    mixed = load_benchmark("mini-worlds", tasks=["object_colour"], per_task=3).only(questions)
    expected = sweep(tiny, mixed, parts=["mlp"])
    if why == "a window":
        monkeypatch.setattr(tiny.model.config.text_config, "sliding_window", 20, raising=False)
    else:
        tri = lambda self, length: np.tri(length, dtype=bool)  # noqa: E731
        monkeypatch.setattr(packing._Row, "seen", tri)
    found = sweep(tiny, mixed, parts=["mlp"])
    for one, two in zip(found.scores, expected.scores, strict=True):
        assert np.allclose(one, two, atol=1e-4)
    assert set(found.scoring) == {"letter", "first token", "whole text"}


def test_a_word_inside_an_option_that_the_tokenizer_lacks_is_told(tiny, questions):
    bad = dataclasses.replace(
        questions[1], form="direct", options=("red circle", "red glorp"), answer=0
    )
    with pytest.raises(BadInput, match="has no token for its option 'red glorp'"):
        tiny.check(bad)


def test_a_beginning_of_another_option_needs_an_end(tiny, questions, monkeypatch):
    option = dataclasses.replace(
        questions[1], form="direct", options=("red", "red circle"), answer=0
    )
    ends = {path[-1] for spelt in tiny.option_paths(option) for path in spelt}
    assert ends == {tiny.processor.tokenizer.eos_token_id}

    # it may stop at several, as chat models do: an answer ends with any of them
    monkeypatch.setattr(tiny.model.generation_config, "eos_token_id", [2, 3])
    paths = tiny.option_paths(option)
    assert {path[-1] for spelt in paths for path in spelt} == {2, 3}
    found = []
    for ends in ([2, 3], 2, 3):
        monkeypatch.setattr(tiny.model.generation_config, "eos_token_id", ends)
        asked = packed(tiny, [option], "bare")
        (scored,) = asked.wanted.scores(tiny.last_logits(asked))
        found.append(np.exp(scored))
    assert np.allclose(found[0], found[1] + found[2])

    monkeypatch.setattr(tiny.model.generation_config, "eos_token_id", None)
    monkeypatch.setattr(tiny.processor.tokenizer, "_special_tokens_map", {"eos_token": None})
    with pytest.raises(BadInput, match="has no token that ends an answer"):
        tiny.option_paths(option)


@pytest.mark.parametrize(
    "change, why",
    [
        (
            dict(layer_types=["full_attention", "minimax_m3_sparse"]),
            "of the kind minimax_m3_sparse",
        ),
        (dict(layer_types=["full_attention", "sliding_attention"]), None),
    ],
)
def test_layers_that_choose_where_to_look_share_no_rows(tiny, questions, monkeypatch, change, why):
    for name, value in change.items():
        monkeypatch.setattr(tiny.model.config.text_config, name, value, raising=False)
    if why is None:
        assert packed(tiny, questions, "bare").alone
        return
    with pytest.raises(CannotPack, match=why):
        packed(tiny, questions, "bare")


def test_an_attention_with_an_indexer_shares_no_rows(tiny, questions, monkeypatch):
    (mixer, *_) = tiny.anatomy.part("self-attention", 1).mixers.values()
    monkeypatch.setitem(mixer._modules, "indexer", torch.nn.Linear(2, 2))
    with pytest.raises(CannotPack, match="chooses by itself where to look"):
        packed(tiny, questions, "bare")


def test_a_model_whose_positions_cannot_be_told_is_asked_alone(tiny, questions, monkeypatch):
    """Its own error is no reason to refuse a question; and the sweep says what it costs."""
    mixed = load_benchmark("mini-worlds", tasks=["object_colour"], per_task=3).only(questions)
    expected = sweep(tiny, mixed, parts=["mlp"])

    def broken(model, plain):
        raise ValueError("no such thing as a grid")

    monkeypatch.setattr(packing, "_positions", broken)
    with pytest.warns(UserWarning, match="computes anew for each question .*: no such thing as a"):
        found = sweep(tiny, mixed, parts=["mlp"])
    for one, two in zip(found.scores, expected.scores, strict=True):
        assert np.allclose(one, two, atol=1e-4)


def test_whole_texts_are_refused_where_a_picture_stands_beside_the_tokens(
    tiny, questions, monkeypatch
):
    """As in GIT: the places of its hidden states are not those of its tokens."""
    whole = [q for q in questions if q.id.endswith("direct/more")]
    monkeypatch.setattr(type(tiny), "image_token", None)
    apart(tiny, whole, "bare")  # its places are its tokens
    forward = tiny.model.forward

    def longer(*args, **more):
        found = forward(*args, **more)
        found.logits = torch.cat([found.logits[:, :1], found.logits], 1)
        return found

    monkeypatch.setattr(tiny.model, "forward", longer)
    with pytest.raises(BadInput, match="reads its picture beside the tokens"):
        apart(tiny, whole, "bare")


def test_rows_twice_as_long_are_compared_with_hooks_again(tiny, questions, monkeypatch):
    plain = load_benchmark("mini-worlds", tasks=["object_colour"], per_task=3)
    long = [
        dataclasses.replace(q, id=f"{q.id}/long", text=" ".join([q.text] * 5)) for q in questions
    ]
    mixed = plain.only([*questions, *long])
    lengths = []
    one_pass = importlib.import_module("talo_mini.engine.logits").one_pass

    def watched(model, anatomy, inputs, groups, check, *more):
        lengths.append((inputs["input_ids"].shape[1], check))
        return one_pass(model, anatomy, inputs, groups, check, *more)

    monkeypatch.setattr("talo_mini.engine.logits.one_pass", watched)
    sweep(tiny, mixed, parts=["mlp"], batch=4)
    checked = [length for length, check in lengths if check]
    assert len(checked) == 2 and checked[1] >= 2 * checked[0]


def test_each_picture_is_prepared_once(tiny, questions, monkeypatch):
    prepared, own = [], type(tiny.processor.image_processor).preprocess

    def counted(self, images, *args, **options):
        prepared.extend(images)
        return own(self, images, *args, **options)

    monkeypatch.setattr(type(tiny.processor.image_processor), "preprocess", counted)
    assert len(packed(tiny, questions, "bare")["input_ids"]) == 3
    assert len(prepared) == 3


def lengthened(questions):
    """A question, and another about the same picture whose text begins with its text."""
    first = dataclasses.replace(questions[0], form="direct")
    return [first, dataclasses.replace(first, id="longer", text=f"{first.text} is it red?")]


def test_what_a_processor_adds_to_the_text_is_told(tiny, questions, monkeypatch):
    """Where a template writes nothing behind the text, one prompt begins the other."""
    own, end = type(tiny).inputs, tiny.processor.tokenizer.eos_token_id

    def ended(self, *given):
        inputs = own(self, *given)
        mark = torch.full_like(inputs["input_ids"][:, :1], end)
        inputs["input_ids"] = torch.cat([inputs["input_ids"], mark], 1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        return inputs

    bare = "{{ '<image>' }}{{ messages[0]['content'][-1]['text'] }}"
    monkeypatch.setattr(tiny.processor, "chat_template", bare)
    both = lengthened(questions)
    assert packed(tiny, both, "bare").alone
    monkeypatch.setattr(type(tiny), "inputs", ended)
    with pytest.raises(CannotPack, match="writes more than its tokenizer"):
        packed(tiny, both, "bare")


def test_every_prompt_of_a_row_fits_the_model(tiny, questions, monkeypatch):
    both = lengthened(questions)
    short = tiny.inputs(both[:1])["input_ids"].shape[1]
    monkeypatch.setattr(tiny.model.config.text_config, "max_position_embeddings", short)
    with pytest.raises(BadInput, match=f"knows {short} positions"):
        packed(tiny, both, "bare")
    assert packed(tiny, both[:1], "bare")


def test_a_window_shorter_than_a_row_is_told(tiny, questions, monkeypatch):
    monkeypatch.setattr(tiny.model.config.text_config, "sliding_window", 20, raising=False)
    with pytest.raises(CannotPack, match="looks back 20 tokens only"):
        packed(tiny, questions, "bare")


def test_a_row_that_leaks_is_found_and_given_up(tiny, questions, monkeypatch):
    """Where tokens of one question see those of another, the check finds it."""
    monkeypatch.setattr(
        packing._Row, "seen", lambda self, length: np.tri(length, dtype=bool), raising=True
    )
    benchmark = load_benchmark("mini-worlds", tasks=["object_colour"], per_task=3)
    asked = []

    def noted(vlm, inputs, *more):
        asked.append(inputs.alone is not None)
        return replayed_logits(vlm, inputs, *more)

    monkeypatch.setattr(module, "replayed_logits", noted)
    found = sweep(tiny, benchmark, layers=[1])
    assert asked[0] and not asked[-1]
    row = found.iloc[0]
    question = next(q for q in benchmark.questions if q.id == row.question)
    alone = tiny.last_logits(tiny.inputs([question]))
    assert np.allclose(row.scores, scores(tiny, [question], alone)[0], atol=1e-4)


def test_options_of_the_same_tokens_are_told(tiny, questions):
    bad = dataclasses.replace(
        questions[1], form="direct", options=("red circle", "red circle "), answer=0
    )
    with pytest.raises(BadInput, match="are the same tokens to tiny-0"):
        tiny.check(bad)


def test_shipped_minis_are_the_ones_tried():
    assert set(NATIVE) == {path.name for path in MINIS.iterdir() if (path / "config.json").exists()}
