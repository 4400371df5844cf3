"""Checkpoints as the Hub's, loaded from disk by the code that loads a Hub id: pictures, padding,
knockouts, a sweep.
"""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints import CHECKPOINTS, save_checkpoint
from tokenizers.processors import TemplateProcessing

from talo_mini import BadInput, Knockout, knockout, load_benchmark, load_vlm, sweep
from talo_mini.interventions import zeroed_weights
from talo_mini.models import loading, processors
from talo_mini.outcomes.table import BASE


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}

    def folder(name):
        if name not in made:
            made[name] = save_checkpoint(CHECKPOINTS[name], tmp_path_factory.mktemp(name))
        return made[name]

    return folder


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark(
        "mini-worlds", tasks=["digit_left", "map_name"], per_task=3, form="choice"
    ).with_prompt("vlmevalkit")


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_checkpoint(name, folders, benchmark):
    """Left padding changes no answer; the picture matters; hooks equal zeroed weights; a sweep has
    every layer.
    """
    vlm = load_vlm(folders(name), device="cpu")
    short, long = benchmark.questions[0], benchmark.questions[-1]
    together = vlm.last_logits(vlm.inputs([short, long]))
    alone = torch.cat([vlm.last_logits(vlm.inputs([q])) for q in (short, long)])
    assert (together - alone).abs().max() < 1e-4
    one, other = vlm.inputs([short]), vlm.inputs([benchmark.questions[1]])
    swapped = {**one, "pixel_values": other["pixel_values"]}
    assert (vlm.last_logits(one) - vlm.last_logits(swapped)).abs().max() > 1e-4
    inputs = vlm.inputs([short, long])
    with knockout(vlm.anatomy, Knockout("mlp", 1)):
        hooked = vlm.last_logits(inputs)
    with zeroed_weights(vlm.anatomy, Knockout("mlp", 1)):
        assert torch.equal(hooked, vlm.last_logits(inputs))
    outcomes = sweep(vlm, benchmark, parts=("layer",))
    layers = {BASE, *range(len(vlm.anatomy.stacks["decoder"]))}
    assert set(outcomes.layer) == layers and len(outcomes) == len(layers) * len(benchmark.questions)
    assert vlm.generate([short, long], benchmark.prompt, max_new_tokens=2) == [
        vlm.generate([q], benchmark.prompt, max_new_tokens=2)[0] for q in (short, long)
    ]


def test_the_reading_follows_template_and_limits(folders):
    usual, capped = (
        load_vlm(folders("qwen2_vl"), device="cpu", max_pixels=limit) for limit in (None, 1024)
    )
    assert capped.picture_limits["size"]["longest_edge"] == 1024
    assert usual.digest == capped.digest and usual.reading != capped.reading
    with pytest.raises(BadInput, match=r"has no limit of pixels; its limits are .*shortest_edge"):
        load_vlm(folders("llava"), device="cpu", max_pixels=1024)


def test_a_template_that_writes_the_first_token_gets_no_second(folders, benchmark):
    """As transformers' own apply_chat_template(tokenize=True) does it."""
    vlm = load_vlm(folders("llava_next"), device="cpu")
    words = vlm.processor.tokenizer
    words.add_special_tokens({"bos_token": "<s>"})
    words.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", words.bos_token_id)]
    )
    counted = []
    for template in (vlm.processor.chat_template, "<s>" + vlm.processor.chat_template):
        vlm.processor.chat_template = template
        ids = vlm.inputs(list(benchmark.questions[:2]))["input_ids"]
        counted.append((ids == words.bos_token_id).sum(1).tolist())
    assert counted == [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    "capability,dtype",
    [((7, 5), torch.float16), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)],
)
def test_the_best_type_a_gpu_computes(capability, dtype, monkeypatch):
    """A T4, which computes no bfloat16, gets float16."""
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda: capability)
    assert loading._dtype("cuda:0") == dtype and loading._dtype("cpu") == torch.float32


def test_attention_is_sdpa_where_a_model_can(folders):
    assert load_vlm(folders("llava"), device="cpu").model.config._attn_implementation == "sdpa"


def test_four_bit_says_what_is_missing(folders, monkeypatch):
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    with pytest.raises(
        BadInput,
        match="4-bit weights need bitsandbytes, which is not installed: pip install bitsandbytes",
    ):
        load_vlm(folders("llava"), device="cpu", four_bit=True)


def test_four_bit(folders, benchmark):
    pytest.importorskip("bitsandbytes")
    vlm = load_vlm(folders("llava"), device="cpu", four_bit=True)
    inputs = vlm.inputs(list(benchmark.questions[:2]))
    base = vlm.last_logits(inputs)
    with knockout(vlm.anatomy, Knockout("self-attention", 1)):
        assert (vlm.last_logits(inputs) - base).abs().max() > 1e-4
    assert torch.equal(vlm.last_logits(inputs), base)
    with pytest.raises(BadInput, match="cannot be zeroed in place"):
        with zeroed_weights(vlm.anatomy, Knockout("self-attention", 1)):
            pass


def test_a_device_map_with_offloaded_layers(folders, benchmark, tmp_path):
    """Layers kept on disk and fetched for each pass are knocked out like any other; their weights
    cannot be zeroed.
    """
    pytest.importorskip("accelerate")
    plain = load_vlm(folders("llava"), device="cpu")
    parts = {
        "model.vision_tower": "cpu",
        "model.multi_modal_projector": "cpu",
        "lm_head": "cpu",
        "model.language_model.embed_tokens": "cpu",
        "model.language_model.norm": "cpu",
        "model.language_model.rotary_emb": "cpu",
        **{f"model.language_model.layers.{i}": "disk" if i in (1, 2) else "cpu" for i in range(12)},
    }
    model = (
        type(plain.model)
        .from_pretrained(folders("llava"), device_map=parts, offload_folder=str(tmp_path))
        .eval()
    )
    vlm = replace(plain, name="spread", model=model)
    inputs = plain.inputs(list(benchmark.questions[:2]))
    assert next(model.model.language_model.layers[1].parameters()).is_meta
    for part in ("self-attention", "mlp", "layer"):
        found = []
        for each in (plain, vlm):
            with knockout(each.anatomy, Knockout(part, 1)):
                found.append(each.last_logits(inputs))
        assert torch.allclose(*found, atol=1e-4)
        assert (found[1] - plain.last_logits(inputs)).abs().max() > 1e-4
    assert vlm.digest == plain.digest
    few = benchmark.only(benchmark.questions[:2])
    assert np.allclose(
        *(
            np.concatenate(list(sweep(each, few, cache=tmp_path / "kept").scores))
            for each in (plain, vlm)
        ),
        atol=1e-4,
    )
    with pytest.raises(BadInput, match=r"packed .4-bit. or offloaded"):
        with zeroed_weights(vlm.anatomy, Knockout("mlp", 1)):
            pass


def test_a_device_map_by_name(folders, benchmark):
    pytest.importorskip("accelerate")
    vlm = load_vlm(folders("llava"), device="cpu", device_map="auto")
    assert vlm.last_logits(vlm.inputs(list(benchmark.questions[:1]))).isfinite().all()


def test_code_of_a_repository_is_not_run(tmp_path, folders):
    """A checkpoint that brings its own code is refused unless the caller says so."""
    folder = shutil.copytree(folders("llava"), tmp_path / "own")
    config = json.loads((folder / "config.json").read_text())
    config.update(
        model_type="own",
        auto_map={"AutoConfig": "own.Own", "AutoModelForImageTextToText": "own.Own"},
    )
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text("raise SystemExit('ran')\n")
    with pytest.raises(BadInput, match="trust_remote_code"):
        load_vlm(str(folder), device="cpu")


def test_only_safetensors_are_read(tmp_path, folders):
    folder = shutil.copytree(folders("llava"), tmp_path / "pickled")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(BadInput, match="cannot load"):
        load_vlm(str(folder), device="cpu")


def test_a_processor_for_videos_is_saved_for_where_torchvision_is(folders):
    saved = json.loads((Path(folders("qwen2_vl")) / "processor_config.json").read_text())
    assert saved["video_processor"] == {"video_processor_type": "Qwen2VLVideoProcessor"}
    assert "torchvision" in sys.modules or isinstance(
        load_vlm(folders("qwen2_vl"), device="cpu").processor.video_processor,
        processors.NoVideo,
    )
