"""Kinds of decoders that one pass has to follow, each by a family of that kind."""

import pytest
from mapping import NAMES
from one_pass import EXACT, difference, page, tiny, way

from talo_mini.engine.replay import Replay

KINDS = {
    "blip": "its output embeddings are not told, and its layers return tuples",
    "git": "layers return tuples",
    "glm5_next": "several streams stand behind each token",
    "qwen4_exp": "streams side by side, mixed behind the last layer",
    "granite_docling": "logits are scaled",
    "llama4": "a router that counts the tokens",
    "muse_spark": "output embeddings are those of the input",
    "pix2struct": "the first layer's position bias is handed on",
}
KNOWN = [name for name in KINDS if name in NAMES]  # an older version has fewer


@pytest.mark.parametrize("name", KNOWN)
def test_one_pass_follows_it(name):
    assert difference(*tiny(name)) < EXACT


@pytest.mark.skipif("mistral_large4" not in NAMES, reason="an older version does not know it")
def test_what_later_layers_are_given_beside_hidden_states_is_told():
    kind, why = way("mistral_large4")
    assert kind == "hooks" and "more than their hidden states to later ones" in why


@pytest.mark.skipif("inkling2" not in NAMES, reason="an older version does not know it")
def test_what_is_made_of_earlier_hidden_states_between_layers_is_told():
    """It concatenates them, so that no tensor is handed on as it is."""
    kind, why = way("inkling2")
    assert kind == "hooks" and "do not follow from its last layer" in why


@pytest.mark.skipif("inkling_mm_model" not in NAMES, reason="an older version does not know it")
def test_in_few_digits_a_last_layer_that_mixes_positions_is_not_shortened(monkeypatch):
    """Its convolution behind the MLP reads positions that are not scored. The last bits of bfloat16
    depend on the processor; what is shortened wrongly is off by more.
    """
    model, inputs = tiny("inkling_mm_model")
    model = model.bfloat16()
    assert difference(model, inputs) < EXACT
    monkeypatch.setattr(Replay, "_shortens", lambda self, last: True)
    assert difference(model, inputs) > EXACT


def test_the_table_has_every_family_in_one_row():
    found = {"a": ("one pass", ""), "b": ("hooks", "odd"), "c": ("one pass", "")}
    text = page(found)
    assert "| one pass | `a`, `c` |  |" in text and "| hooks | `b` | odd |" in text
    assert "Of the 3 families" in text and "2 are swept in one pass, 1 with hooks" in text
