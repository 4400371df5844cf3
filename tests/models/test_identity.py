"""Models and processors are told apart by their own files, alike under every library's version."""

import json
import linecache
import os
import shutil
import subprocess
import sys
from copy import copy
from functools import partial
from importlib.util import find_spec, module_from_spec, spec_from_file_location

import pytest
from conftest import tiny_llava
from torch import nn
from torch.ao.quantization import quantize_dynamic

from talo_mini import load_vlm
from talo_mini.models.identity import files_of, reading
from talo_mini.models.loading import MINIS
from talo_mini.models.state import made_of
from talo_mini.studies.planting import load_plants, planted

# the same on the lowest versions that are declared (`make test-lowest`) and on the newest; with
# torchvision pictures are resized by other code, so that it is another reading
READINGS = {
    "llava-mini": ("fab7be5d", "efb60681"),
    "qwen2vl-mini": ("af422b6c", "ced628b8"),
    "internvl-mini": ("371af30b", "5078b4f5"),
    "mllama-mini": ("5e301b2f", "e4c783c2"),
}
TORCHVISION = find_spec("torchvision") is not None


@pytest.mark.parametrize("name", READINGS)
def test_the_reading_is_that_of_the_files(name):
    assert load_vlm(name).reading == READINGS[name][TORCHVISION]


def test_the_reading_follows_every_change_and_its_undoing():
    vlm = load_vlm("llava-mini")
    seen = [vlm.reading]
    tokenizer, pictures = vlm.processor.tokenizer, vlm.processor.image_processor
    template, mean = vlm.processor.chat_template, pictures.image_mean
    vlm.processor.chat_template = template + " "
    seen.append(vlm.reading)
    vlm.processor.chat_template = template
    pictures.image_mean = [0.1, 0.1, 0.1]
    seen.append(vlm.reading)
    pictures.image_mean = mean
    assert vlm.reading == seen[0]
    tokenizer.add_tokens(["unheard"])
    seen.append(vlm.reading)
    assert len(set(seen)) == 4


@pytest.mark.parametrize("files", ["its files", None])
def test_a_setting_of_the_processor_itself_is_part_of_the_reading(files):
    """Janus's `use_default_system_prompt` writes 32 tokens before the question, say."""
    vlm = load_vlm("llava-mini")
    files = vlm.files if files else None
    before = reading(vlm.processor, files)
    vlm.processor.vision_feature_select_strategy = "full"
    assert reading(vlm.processor, files) != before
    vlm.processor.vision_feature_select_strategy = "default"
    assert reading(vlm.processor, files) == before


def test_code_that_no_library_wrote_is_part_of_the_reading(monkeypatch):
    """A processor's replaced methods, and its own classes: other words may come out of them."""
    vlm = load_vlm("llava-mini")
    kind, pictures = type(vlm.processor), vlm.processor.image_processor
    seen = [vlm.reading]
    own = kind.__call__
    with monkeypatch.context() as changed:
        changed.setattr(kind, "__call__", lambda self, *args, **given: own(self, *args, **given))
        seen.append(vlm.reading)
    for tool, name, method in (
        (pictures, "preprocess", lambda *args, **given: None),
        (vlm.processor, "apply_chat_template", lambda *args, **given: "which"),
        (vlm.processor, "apply_chat_template", lambda *args, **given: "tallest"),
    ):
        setattr(tool, name, method)
        seen.append(vlm.reading)
        delattr(tool, name)
    for word in ("a", "b"):  # what a function holds is part of what it does
        for method in (
            lambda *args, word=word: word,
            partial(vlm.chat, system=word),
            _saying(word),
        ):
            vlm.processor.apply_chat_template = method
            seen.append(vlm.reading)
            del vlm.processor.apply_chat_template
    assert vlm.reading == seen[0] and len(set(seen)) == 5 + 6


def _saying(word):
    def chat(*args, **given):
        return word if word in {"a", "b", "c"} else ""

    return chat


def test_the_reading_of_replaced_code_is_alike_in_every_process():
    """A set of words has another order in each."""
    code = (
        "from talo_mini import load_vlm\n"
        "vlm = load_vlm('llava-mini')\n"
        "def chat(*a, **k): return 'x' in {'which', 'tallest', 'what', 'is'}\n"
        "vlm.processor.apply_chat_template = chat\n"
        "print(vlm.reading)"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1 and told != {""}


@pytest.mark.parametrize("first", ["which", "tallest"])
def test_the_source_of_a_processor_that_came_with_a_checkpoint_is_part_of_the_reading(
    tmp_path, monkeypatch, first
):
    """Though the files it was loaded from say the same."""
    readings = []
    for number, word in enumerate((first, "what")):
        source = tmp_path / f"processing_{number}.py"
        source.write_text(
            "from transformers import LlavaProcessor\n\n\n"
            "class Own(LlavaProcessor):\n"
            "    def __call__(self, images=None, text=None, **given):\n"
            f"        return super().__call__(images, [t + {word!r} for t in text], **given)\n"
        )
        spec = spec_from_file_location("processing_own", source)
        module = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "processing_own", module)
        spec.loader.exec_module(module)
        linecache.clearcache()
        vlm = load_vlm("llava-mini")
        processor = copy(vlm.processor)
        processor.__class__ = module.Own
        files = files_of(MINIS / "llava-mini", vlm.model, processor, "main", {})
        readings.append(reading(processor, files))
    assert readings[0] != readings[1]


def test_the_source_of_a_model_that_came_with_a_checkpoint_is_part_of_the_digest(
    tmp_path, monkeypatch
):
    """Though weights and files say the same, in whatever folder they lie."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", f"{tmp_path}/code")
    monkeypatch.setattr(sys, "path", [*sys.path])
    told = []
    for folder, sign in (("first", "-"), ("second", "-"), ("second", "+")):
        shutil.copytree(MINIS / "llava-mini", tmp_path / folder, dirs_exist_ok=True)
        config = tmp_path / folder / "config.json"
        named = {"auto_map": {"AutoModelForImageTextToText": "own.Own"}}
        config.write_text(json.dumps(json.loads(config.read_text()) | named))
        (tmp_path / folder / "own.py").write_text(
            "from transformers import LlavaForConditionalGeneration\n\n\n"
            "class Own(LlavaForConditionalGeneration):\n"
            "    def forward(self, *args, **given):\n"
            "        out = super().forward(*args, **given)\n"
            f"        out.logits = {sign}out.logits\n"
            "        return out\n"
        )
        vlm = load_vlm(tmp_path / folder, trust_remote_code=True)
        assert type(vlm.model).__name__ == "Own" and not vlm.changed
        told.append(vlm.digest)
    assert told[0] == told[1] != told[2]


def test_attention_of_a_tower_that_is_computed_otherwise_is_another_state():
    vlm = tiny_llava()
    before = made_of(vlm.model)
    vlm.model.set_attn_implementation({"text_config": "eager"})
    assert made_of(vlm.model) != before


def test_pictures_read_by_other_code_are_another_reading(monkeypatch):
    vlm = load_vlm("llava-mini")
    kind = type(vlm.processor.image_processor)
    for backend, told in zip(("pil", "torchvision"), READINGS["llava-mini"], strict=True):
        monkeypatch.setattr(kind, "backend", backend, raising=False)
        assert vlm.reading == told


def test_a_copy_with_other_weights_is_read_alike():
    vlm = load_vlm("llava-mini")
    spoiled = planted(vlm, load_plants("llava-mini")[0], 1.0)
    assert spoiled.reading == vlm.reading
    assert spoiled.digest != vlm.digest


def test_a_changed_configuration_is_another_digest():
    vlm = load_vlm("llava-mini")
    before = vlm.digest
    vlm.model.config.text_config.rms_norm_eps *= 2
    assert vlm.digest != before
    vlm.model.config.text_config.rms_norm_eps /= 2
    assert vlm.digest == before


@pytest.mark.filterwarnings("ignore")  # torch says that this way of its own is old
def test_packed_weights_have_a_digest_that_follows_them():
    """torch's own quantisation keeps packed values and number types among the weights."""
    vlm = tiny_llava(6)
    layer = vlm.model.get_decoder().layers[1]
    vlm.model.get_decoder().layers[1] = quantize_dynamic(layer, {nn.Linear})
    before = vlm.digest
    assert before == vlm.digest
    other = tiny_llava(7)
    layer = other.model.get_decoder().layers[1]
    other.model.get_decoder().layers[1] = quantize_dynamic(layer, {nn.Linear})
    assert other.digest != before
    assert set(vlm.anatomy.stacks["decoder"][1].parts) == {"self-attention", "mlp"}


def test_how_a_tokenizer_had_been_loaded_is_no_other_reading(tmp_path):
    """Its file tells it: the same checkpoint put together on and off the network."""
    vlm = load_vlm("llava-mini")
    found = set()
    for told in ({}, dict(local_files_only=True), dict(local_files_only=False, is_local=True)):
        folder = tmp_path / str(len(told))
        shutil.copytree(MINIS / "llava-mini", folder)
        path = folder / "tokenizer_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | told))
        found.add(load_vlm(folder).reading)
    assert found == {vlm.reading}
