"""What is saved under a knockout answers as the model does under it."""

import json
import tempfile
from functools import cache

import pytest
import torch
from conftest import tiny_llava
from families import FAMILIES, built, logits

from talo_mini import BadInput, Knockout, knockout, load_benchmark, load_vlm
from talo_mini.interventions import zeroed_weights
from talo_mini.interventions.export import export, folded
from talo_mini.models.loading import MINIS


def wanted(anatomy):
    """A knockout of each kind that weights can hold, in the last decoder layer that has it."""
    for part in ("self-attention", "cross-attention", "mlp"):
        stack = enumerate(anatomy.stacks["decoder"])
        layers = [i for i, one in stack if part in one.parts and not one.dead]
        for layer in layers[-1:]:
            yield Knockout(part, layer)
            yield Knockout(part, layer, "scale", amount=0.5)
            if part != "mlp":
                yield Knockout(part, layer, head=1)
            else:
                yield Knockout(part, layer, neuron=3)
                yield Knockout(part, layer, "scale", neuron=3, amount=-1)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_saved_model_is_as_the_knockout(name, tmp_path):
    """In every family; what a family cannot have is refused in a sentence, and no file is left."""
    model, _, anatomy = built(name)
    whole, told = logits(name), []
    for number, k in enumerate(wanted(anatomy)):
        try:
            with knockout(anatomy, k):
                under = logits(name)
            with folded(anatomy, k):
                within = logits(name)
                if number == 0:
                    model.save_pretrained(tmp_path / name)
        except BadInput as error:
            told.append(f"{k.part}, {k.effect}, {k.unit}: {error}")
            continue
        assert (within - under).abs().max() <= 1e-4 * under.abs().max(), k
        assert torch.equal(logits(name), whole)
        if number == 0:
            found, _ = loaded_logits(name, tmp_path / name)
            assert (found - under).abs().max() <= 1e-4 * under.abs().max()
    assert told == REFUSED.get(name, []), told


def loaded_logits(name, folder):
    """The logits of a saved model, and the model.

    Skips where the library does not even save the whole model so that it is loaded as it was
    (5.9 empties Kosmos-2's padding row).
    """
    model, inputs, _ = built(name)
    with tempfile.TemporaryDirectory() as whole, torch.inference_mode():
        model.save_pretrained(whole)
        same = type(model).from_pretrained(whole).eval()
        if not torch.equal(same(**inputs, use_cache=False).logits, logits(name)):
            pytest.skip(f"this version of transformers does not save {name} as it is")
        again = type(model).from_pretrained(folder).eval()
        return again(**inputs, use_cache=False).logits, again


REFUSED = {  # a norm stands between the heads and the projection that reads them
    "kosmos2": [
        "self-attention, zero, head: the heads of text_model.model.layers.3.self_attn cannot be "
        "told apart: no output projection of its own reads them side by side"
    ]
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_layer_left_out(name, tmp_path):
    model, _, anatomy = built(name)
    whole, count = logits(name), len(anatomy.stacks["decoder"])
    layer = count - 1
    with knockout(anatomy, Knockout("layer", layer)):
        under = logits(name)
    with folded(anatomy, Knockout("layer", layer)):
        model.save_pretrained(tmp_path)
    assert torch.equal(logits(name), whole)
    found, again = loaded_logits(name, tmp_path)
    assert (found - under).abs().max() <= 1e-4 * under.abs().max()
    fewer = sum(p.numel() for p in again.parameters())
    assert fewer < sum(p.numel() for p in model.parameters())


@cache
def mini():
    return load_vlm("llava-mini", device="cpu")


@pytest.mark.parametrize(
    "knockouts",
    [
        (Knockout("self-attention", 3),),
        (Knockout("layer", 2), Knockout("layer", 7), Knockout("self-attention", 4, head=1)),
    ],
)
def test_it_is_loaded_again_by_anyone(knockouts, tmp_path):
    vlm, before = mini(), mini().digest
    folder = export(vlm, tmp_path / "left-out", *knockouts)
    assert vlm.digest == before
    saved = load_vlm(folder, device="cpu")
    benchmark = load_benchmark("mini-worlds", ["more", "map_west"], per_task=6)
    with knockout(vlm, *knockouts):
        under = vlm.last_logits(vlm.inputs(benchmark))
    assert torch.allclose(saved.last_logits(saved.inputs(benchmark)), under, atol=1e-4)
    note = json.loads((folder / "talo.json").read_text())
    assert note["digest"] == before and note["folded"] == [repr(k) for k in knockouts]
    fewer = sum(k.part == "layer" for k in knockouts)
    assert len(saved.anatomy.stacks["decoder"]) == 12 - fewer


def test_a_scale_behind_gemmas_norm_is_exact():
    """Its norms multiply by one more than their weight, and others by their weight."""
    kinds = set()
    for name in FAMILIES:
        anatomy = built(name)[2]
        layer = anatomy.stacks["decoder"][-1]
        kinds.update(type(n).__name__ for p in layer.parts.values() for n in p.norms.values())
    assert any("Gemma" in kind for kind in kinds), kinds


def test_an_adapter_is_to_be_merged_first(tmp_path):
    from peft import LoraConfig, inject_adapter_in_model

    vlm = tiny_llava(4)
    config = LoraConfig(r=2, target_modules=["o_proj"], init_lora_weights=False)
    inject_adapter_in_model(config, vlm.model)
    with pytest.raises(BadInput, match="merge it before"):
        export(vlm, tmp_path / "new", Knockout("self-attention", 0, head=1))
    with pytest.raises(BadInput, match="cannot be saved so"):
        export(vlm, tmp_path / "new", Knockout("mlp", 0))
    assert not list(tmp_path.iterdir())


def test_weights_that_two_layers_share_are_told(tmp_path):
    vlm, whole = tiny_llava(5), Knockout("self-attention", 1)
    layers = vlm.model.get_decoder().layers
    layers[2].self_attn.o_proj.weight = layers[1].self_attn.o_proj.weight
    for k in (whole, Knockout("self-attention", 2, head=1)):
        with pytest.raises(BadInput, match=r"also those of .*o_proj, so that both would be"):
            export(vlm, tmp_path / "new", k)
    with pytest.raises(BadInput, match="also those of"), zeroed_weights(vlm.anatomy, whole):
        pass
    with pytest.raises(BadInput, match=r"tiny-5 cannot be saved, .* contained shared tensors"):
        export(vlm, tmp_path / "new", Knockout("mlp", 0))
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_saved_is_refused(tmp_path):
    vlm = mini()
    for k, told in (
        (Knockout("mlp", 0, "noise"), "cannot be folded"),
        (Knockout("self-attention", 0, "uniform"), "cannot be folded"),
        (Knockout("layer", 0, stack="vision"), "only the decoder's"),
        (Knockout("mlp", 99), "no layer 99"),
    ):
        with pytest.raises(BadInput, match=told):
            export(vlm, tmp_path / "new", k)
    with pytest.raises(BadInput, match="keep one"):
        export(vlm, tmp_path / "new", *(Knockout("layer", i) for i in range(12)))
    with pytest.raises(BadInput, match="no knockout was given"):
        export(vlm, tmp_path / "new")
    with pytest.raises(BadInput, match="holds something already"):
        export(vlm, MINIS / "llava-mini", Knockout("mlp", 0))
    with pytest.raises(BadInput, match="in force"), knockout(vlm, Knockout("mlp", 0)):
        export(vlm, tmp_path / "new", Knockout("mlp", 0))
    assert not list(tmp_path.iterdir())
