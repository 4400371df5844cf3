"""Whatever changes a model's answers between two sweeps is noticed, or nothing is kept."""

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from conftest import decoder
from torch import nn

from talo_mini import BadInput, Written, load_benchmark, load_vlm, sweep
from talo_mini.models.state import made_of
from talo_mini.models.strangers import strange_code
from talo_mini.models.vlm import VLM


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", tasks=["object_colour"], per_task=3, form="direct")


def with_attribute(vlm):
    decoder(vlm)[1].self_attn.scaling *= 3


def with_frequencies(vlm):
    vlm.model.get_decoder().rotary_emb.inv_freq.mul_(3)


class Steered(nn.Module):
    """As repeng does it: a layer with a vector that is a plain attribute."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.strength = layer, 0.0

    def forward(self, hidden_states, *args, **options):
        return self.layer(hidden_states, *args, **options) + self.strength


def with_a_steering_layer(vlm):
    decoder(vlm)[2] = Steered(decoder(vlm)[2]).eval()
    decoder(vlm)[2].strength = 1.0


def with_a_steering_vector(vlm):
    decoder(vlm)[2] = Steered(decoder(vlm)[2]).eval()
    decoder(vlm)[2].strength = torch.linspace(-1, 1, 32)


@dataclasses.dataclass
class Control:
    """As repeng keeps it: what is added, and how."""

    vector: torch.Tensor
    added: Callable = torch.add


def with_eager_attention(vlm):
    vlm.model.set_attn_implementation("eager")


NOTICED = [with_attribute, with_frequencies, with_a_steering_layer]
NOTICED += [with_a_steering_vector, with_eager_attention]


@pytest.mark.parametrize("change", NOTICED)
def test_a_change_between_two_sweeps_is_noticed(vlm, benchmark, tmp_path, change):
    sweep(vlm, benchmark, layers=[0], cache=tmp_path)
    change(vlm)
    kept = sweep(vlm, benchmark, layers=[0], cache=tmp_path)
    fresh = sweep(vlm, benchmark, layers=[0])
    assert np.allclose(np.stack(kept.scores), np.stack(fresh.scores), atol=1e-5)


HOLDING = {
    "dataclass": Control,
    "dict": lambda vector: {"added": vector},
    "nested": lambda vector: [(vector,)],
    "numpy": lambda vector: {"added": vector.numpy()},
    "partial": lambda vector: partial(torch.add, vector),
    "function": lambda vector: lambda values: values + vector,
}


@pytest.mark.parametrize("hold", HOLDING.values(), ids=HOLDING)
def test_what_a_module_of_no_library_holds_is_told_apart(vlm, hold):
    """Where else than in an attribute itself a steering vector may stand."""
    decoder(vlm)[2] = Steered(decoder(vlm)[2]).eval()
    told = []
    for strength in (0.0, 1.0, 0.0):
        decoder(vlm)[2].held = hold(torch.linspace(-1, 1, 32) * strength)
        told.append(vlm.changed)
    assert told[0] == told[2] != told[1]
    assert strange_code(vlm.model) is None


def test_what_a_module_holds_and_nothing_tells_is_not_kept(vlm, benchmark, tmp_path):
    decoder(vlm)[2] = Steered(decoder(vlm)[2]).eval()
    decoder(vlm)[2].vectors = {"next": (torch.ones(32) for _ in range(2))}
    with pytest.raises(
        BadInput, match=r"the attribute 'vectors' of '.*2' holds a generator, which"
    ):
        sweep(vlm, benchmark, layers=[0], cache=tmp_path)
    sweep(vlm, benchmark, layers=[0])


CELL = """
class InACell(torch.nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, hidden_states, *args, **options):
        return added(self.layer(hidden_states, *args, **options)) * {by}

def added(values):
    return values + {plus} + SHIFT
"""


def test_a_class_of_a_notebook_that_was_run_again_is_another(vlm):
    """It has no source, and the function and the number it uses stand in other cells."""
    layer, told = decoder(vlm)[2], []
    for by, plus, shift in ((1.0, 0.0, 0.0), (1.7, 0.0, 0.0), (1.0, 0.4, 0.0), (1.0, 0.0, 2.0)):
        cell = {"__name__": "no_file", "torch": torch, "SHIFT": shift}
        exec(CELL.format(by=by, plus=plus), cell)
        decoder(vlm)[2] = cell["InACell"](layer).eval()
        told.append((vlm.digest, vlm.changed))
    digests, changes = zip(*told, strict=True)
    assert len(set(digests)) == len(set(changes)) == 4
    decoder(vlm)[2] = cell["InACell"](layer).eval()
    assert (vlm.digest, vlm.changed) == told[-1]


def test_running_a_model_changes_nothing_that_is_told(benchmark):
    """Else answers would be kept under a key under which nobody looks."""
    vlm = load_vlm("llava-mini")
    assert made_of(vlm.model) == vlm.files.model_made
    sweep(vlm, benchmark, layers=[0])
    vlm.generate(benchmark.questions[:1])
    assert made_of(vlm.model) == vlm.files.model_made


def test_a_compiled_model_is_the_same(benchmark):
    """As a server compiles one; inside a knockout it runs uncompiled anyway."""
    vlm = load_vlm("llava-mini", device="cpu")
    vlm.model.compile(backend="eager")
    vlm.model.get_decoder().layers[1].compile(backend="eager")
    assert not vlm.changed and strange_code(vlm.model) is None


def test_how_a_class_is_printed_decides_nothing(vlm, monkeypatch):
    before = made_of(vlm.model)
    monkeypatch.setattr(nn.Linear, "extra_repr", lambda self: "otherwise")
    assert made_of(vlm.model) == before


def test_a_template_that_writes_the_date_is_another_key_each_day(benchmark, tmp_path):
    from talo_mini.engine.key import answers_key

    vlm = load_vlm("llava-mini")
    plain = answers_key(vlm, benchmark)
    vlm.processor.chat_template += "{{ strftime_now('%Y') if strftime_now is defined else '' }}"
    assert answers_key(vlm, benchmark).count("-") > plain.count("-")


@pytest.mark.parametrize("look", ["generate", "last_logits"])
def test_training_mode_is_refused_everywhere(vlm, benchmark, look):
    vlm.model.get_decoder().train()
    with pytest.raises(BadInput, match="is in training mode"):
        if look == "generate":
            vlm.generate(benchmark.questions)
        else:
            vlm.last_logits(vlm.inputs(benchmark.questions))


def test_an_adapter_that_learns_a_prompt_is_refused(vlm, benchmark):
    from peft import PromptTuningConfig, get_peft_model

    config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)
    prompted = get_peft_model(vlm.model, config).eval()
    with pytest.raises(BadInput, match="has an adapter that learns a prompt"):
        sweep(VLM("prompted", prompted, vlm.processor), benchmark, layers=[0])


def test_what_a_processor_says_is_read_anew_by_each_sweep(benchmark):
    vlm = load_vlm("llava-mini")
    sweep(vlm, benchmark, layers=[])
    vlm.processor.chat_template += "<think>"
    with pytest.raises(BadInput, match="lets it think before"):
        sweep(vlm, benchmark, layers=[])


def test_a_prompt_longer_than_the_positions_is_told(benchmark):
    vlm = load_vlm("llava-mini")
    long = dataclasses.replace(benchmark.questions[0], text="colour " * 400, id="long")
    both = benchmark.only([*benchmark.questions, long])
    with pytest.raises(BadInput, match=r"'long' .*|its prompt is \d+ tokens long"):
        sweep(vlm, both, layers=[])


def test_noise_is_the_same_under_every_default_dtype(vlm, benchmark):
    expected = sweep(vlm, benchmark, effect="noise 1", layers=[1])
    torch.set_default_dtype(torch.float64)
    try:
        found = sweep(vlm, benchmark, effect="noise 1", layers=[1])
    finally:
        torch.set_default_dtype(torch.float32)
    assert np.allclose(np.stack(found.scores), np.stack(expected.scores), atol=1e-5)


def test_a_vlm_is_a_model_and_its_whole_processor(vlm):
    for model, processor, told in (
        (nn.DataParallel(vlm.model), vlm.processor, "type DataParallel, .* its .module"),
        ("llava-mini", vlm.processor, r"the type str, .* load_vlm\(...\) gives one"),
        (vlm.model, None, "the type NoneType, and has no tokenizer"),
        (vlm.model, vlm.processor.tokenizer, "has no tokenizer; AutoProcessor"),
    ):
        with pytest.raises(BadInput, match=told):
            VLM("odd", model, processor)


@pytest.mark.parametrize("look", ["sweep", "generate", "digest"])
@pytest.mark.parametrize("place", ["", "model.language_model.layers.1", "model.vision_tower"])
def test_weights_that_are_nowhere_are_told(vlm, benchmark, look, place):
    vlm.model.get_submodule(place).to("meta")
    with pytest.raises(BadInput, match=rf"has no weights: '{place}.* is on the device 'meta'"):
        {
            "sweep": lambda: sweep(vlm, benchmark, layers=[0]),
            "generate": lambda: vlm.generate(benchmark),
            "digest": lambda: vlm.digest,
        }[look]()


@pytest.mark.parametrize("place", ["model.language_model.layers.2", "model.vision_tower"])
@pytest.mark.parametrize("written", [None, Written("option", 1)])
def test_number_types_that_do_not_go_together_are_told(vlm, benchmark, place, written):
    vlm.model.get_submodule(place).half()
    told = r"of several number types \(torch.float16, torch.float32\), and torch says"
    with pytest.raises(BadInput, match=told):
        sweep(vlm, benchmark, layers=[0], written=written)
    with pytest.raises(BadInput, match=told):
        vlm.last_logits(vlm.inputs(benchmark))
    vlm.model.float()
    sweep(vlm, benchmark, layers=[0], written=written)
