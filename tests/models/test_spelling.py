"""What is scored for a word is what the model writes, behind whatever its prompt ends with."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers as T
from conftest import tiny_llava
from drawings import png
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from talo_mini import VLM, BadInput, Question, load_benchmark, sweep
from talo_mini.engine.key import answers_key
from talo_mini.engine.packing import apart, packed
from talo_mini.engine.sweep import kept_outcomes
from talo_mini.models.spelling import Spelling
from talo_mini.outcomes.store import OutcomeStore

PICTURE = "<image>"
TEMPLATE = (
    "{% for part in messages[0].content %}{{ '<image>' if part.type == 'image' else part.text }}"
    "{% endfor %}{% if add_generation_prompt %}"
)
COLON, BREAK = TEMPLATE + " Assistant:{% endif %}", TEMPLATE + " assistant\n{% endif %}"
NUMBERS, MIXED, WORDS = ("3", "5", "7"), ("3", "none"), ("all", "none")


def finished(model, **more):
    return PreTrainedTokenizerFast(
        tokenizer_object=model,
        pad_token="<pad>",
        eos_token="</s>",
        additional_special_tokens=[PICTURE],
        extra_special_tokens={"image_token": PICTURE},
        padding_side="left",
        **more,
    )


def byte_level():
    """SmolLM2's kind: a space belongs to the word behind it, and stands alone before a digit."""
    merges = [("n", "o"), ("Ġ", "no"), ("Ġ", "A"), ("Ġ", "B"), ("Ġ", "C"), ("Ġ", "a")]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    entries = ["<pad>", "</s>", PICTURE, *letters, *map("".join, merges)]
    vocabulary = {entry: number for number, entry in enumerate(entries)}
    model = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    digits = pre_tokenizers.Digits(individual_digits=True)
    words = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.pre_tokenizer = pre_tokenizers.Sequence([digits, words])
    model.decoder = decoders.ByteLevel()
    return finished(model)


def prefixing():
    """Llama's kind: a space is put before every text, and stands alone before a digit."""
    merges = [("▁", "A"), ("▁", "B"), ("▁", "n"), ("▁", "a")]
    letters = ["▁", "\n", *map(chr, range(33, 127))]
    entries = ["<unk>", "<pad>", "</s>", PICTURE, *letters, *map("".join, merges)]
    vocabulary = {entry: number for number, entry in enumerate(entries)}
    model = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>"))
    before, spaces = normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")
    model.normalizer = normalizers.Sequence([before, spaces])
    spaces = decoders.Replace("▁", " ")
    model.decoder = decoders.Sequence([spaces, decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return finished(model, unk_token="<unk>")


def asking(tokenizer, template) -> VLM:
    """A tiny LLaVA that reads by this tokenizer."""
    vlm = tiny_llava(3)
    vlm.model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    vlm.processor.tokenizer, vlm.processor.chat_template = tokenizer, template
    vlm.processor.image_token_id = tokenizer.convert_tokens_to_ids(PICTURE)
    vlm.model.config.image_token_id = vlm.processor.image_token_id
    vlm.model.generation_config.eos_token_id = tokenizer.eos_token_id
    vlm.model.eval()
    return vlm


def ask(options, form="direct"):
    return Question("q", "more", png(), "How many?", options, 0, form)


def shown(tokenizer, paths):
    return [tokenizer.convert_ids_to_tokens(list(path)) for path in paths]


@pytest.mark.parametrize("tokenizer", [byte_level(), prefixing()], ids=["smollm2", "llama"])
@pytest.mark.parametrize("end", [":", "\n", ""])
def test_a_word_is_spelt_as_it_is_written_behind_a_prompt(tokenizer, end):
    """Its whole text is among the spellings, and its first token is scored, or known to be none."""
    spelling = Spelling(tokenizer, end)
    read = lambda text: tokenizer(text, add_special_tokens=False).input_ids  # noqa: E731
    for word in ("A", "5", "none", "12"):
        written = read(f"{end} {word}" if end == ":" else f"{end}{word}")[len(read(end)) :]
        assert tuple(written) in spelling.whole(word)
        lone = not tokenizer.decode(written[:1]).strip()
        assert spelling.spaced(word) == (lone and end == ":")
        assert lone or written[0] in spelling.first(word)


@pytest.mark.parametrize(
    "template,mixed,numbers",
    [(COLON, "whole text", "whole text"), (BREAK, "first token", "first token")],
)
@pytest.mark.parametrize("tokenizer", [byte_level(), prefixing()], ids=["smollm2", "llama"])
def test_numbers_are_scored_where_the_model_writes_them(tokenizer, template, mixed, numbers):
    vlm = asking(tokenizer, template)
    assert vlm.scoring(ask(MIXED)) == mixed and vlm.scoring(ask(NUMBERS)) == numbers
    assert vlm.scoring(ask(WORDS)) == "first token"
    for options in (MIXED, NUMBERS, WORDS):
        question = ask(options, "choice")
        assert vlm.scoring(question) == "letter" and vlm.option_tokens(question)
    if template == COLON:
        with pytest.raises(BadInput, match="cannot be scored by their first token"):
            vlm.option_tokens(ask(MIXED))


def test_the_space_before_a_number_is_part_of_what_is_scored():
    """Against the definition."""
    vlm = asking(byte_level(), COLON)
    space, three, no, n = vlm.processor.tokenizer.convert_tokens_to_ids(["Ġ", "3", "Ġno", "no"])
    rest = vlm.processor.tokenizer("ne", add_special_tokens=False).input_ids

    def written(tokens):
        inputs, total = vlm.inputs([ask(MIXED)]), 0.0
        for token in tokens:
            total += vlm.last_logits(inputs).log_softmax(-1)[0, token].item()
            inputs["input_ids"] = torch.cat([inputs["input_ids"], torch.tensor([[token]])], 1)
            inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        return total

    expected = [
        np.logaddexp(written([space, three]), written([three])),
        np.logaddexp(written([no, *rest]), written([n, *rest])),
    ]
    for layout in (packed, apart):
        inputs = layout(vlm, [ask(MIXED)], "bare")
        (found,) = inputs.wanted.scores(vlm.last_logits(inputs))
        assert np.allclose(found, expected, atol=1e-4)


def test_answers_kept_of_another_token_are_asked_again_and_no_others(tmp_path):
    """Once each: rows without a word of how they were scored are of the first token."""
    vlm = asking(byte_level(), COLON)
    kinds = ask(MIXED), ask(WORDS), ask(MIXED, "choice")
    questions = [replace(question, id=f"q{i}") for i, question in enumerate(kinds)]
    benchmark = load_benchmark("mini-worlds", tasks=["more"], per_task=1).only(questions)
    table = sweep(vlm, benchmark, cache=tmp_path / "new")
    store, key = OutcomeStore(tmp_path / "old"), answers_key(vlm, benchmark)
    rows = OutcomeStore(tmp_path / "new").read(key)
    store.add(key, rows.drop(columns="scoring"))
    lacking = [kept_outcomes(vlm, benchmark, cache=tmp_path / "old")[1]]
    again = sweep(vlm, benchmark, cache=store.folder)
    lacking.append(kept_outcomes(vlm, benchmark, cache=store.folder)[1])
    assert lacking == [len(table) // 3, 0]
    assert np.allclose(again.scores.tolist(), table.scores.tolist(), atol=1e-4)


def test_answers_scored_without_a_space_too_are_kept_apart():
    benchmark = load_benchmark("easy-vqa", per_task=1)
    keys = {
        (kind.__name__, template): answers_key(asking(kind(), template), benchmark)
        for kind in (byte_level, prefixing)
        for template in (COLON, BREAK)
    }
    bare = [which for which, key in keys.items() if key.endswith("-bare")]
    assert bare == [("prefixing", BREAK)]
    vlm = asking(prefixing(), BREAK)
    first = [(token,) for token in vlm.option_tokens(ask(WORDS, "choice"))[0]]
    assert sorted(shown(vlm.processor.tokenizer, first)) == [["A"], ["▁A"]]


def test_a_line_break_that_a_processor_writes_by_itself_counts():
    """PaliGemma's, which has no chat template."""
    tokenizer = byte_level()
    size = {"height": 64, "width": 64}
    pictures = T.SiglipImageProcessorPil(size=size, image_seq_length=16)
    vlm = VLM("pali", tiny_llava(3).model, T.PaliGemmaProcessor(pictures, tokenizer))
    assert vlm.scoring(ask(MIXED)) == "first token"
