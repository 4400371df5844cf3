"""Shared pieces: a tiny LLaVA with random weights behind the shipped processor, and made-up
outcomes.
"""

import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import (
    AutoProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
)

from talo_mini.models.loading import MINIS
from talo_mini.models.vlm import VLM
from talo_mini.outcomes.table import BASE, COLUMNS


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items):
    """With several processes (`make test`), a file's tests share one, for its fixtures; every
    notebook is a job of its own, and one process builds the book.
    """
    for item in items:
        name = getattr(item, "callspec", None) and item.callspec.params.get("name")
        alone = item.path.stem in ("test_notebooks", "test_foreign")
        built = item.path.stem in ("test_book", "test_reader", "test_printing")
        group = f"{item.path.stem} {name}" if alone else "book" if built else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """No network, no progress bars, the same random numbers whatever ran before."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("CI", "true")
    torch.manual_seed(0)


def tiny_llava(seed: int = 0) -> VLM:
    """A LLaVA of 4 decoder layers, every parameter random (zero-initialised ones hide errors)."""
    processor = AutoProcessor.from_pretrained(MINIS / "llava-mini")
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=64,
        patch_size=16,
        projection_dim=16,
    )
    text = LlamaConfig(
        vocab_size=len(processor.tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        attention_bias=True,
        mlp_bias=True,
        pad_token_id=processor.tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=processor.tokenizer.eos_token_id,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        vision_feature_layer=-1,
        image_seq_length=16,
        image_token_id=processor.tokenizer.convert_tokens_to_ids("<image>"),
    )
    model = LlavaForConditionalGeneration(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return VLM(f"tiny-{seed}", model, processor)


@pytest.fixture(scope="session")
def tiny():
    return tiny_llava()


@pytest.fixture
def vlm():
    """A model that a test may change."""
    return tiny_llava(3)


def decoder(vlm: VLM):
    """Its decoder's layers."""
    return vlm.model.get_decoder().layers


def made_up_outcomes(
    right: dict[str, np.ndarray], knocked: dict[str, np.ndarray], part="self-attention"
) -> pd.DataFrame:
    """Outcomes from arrays by task: right [questions], knocked [questions, layers]; the ability is
    the task's first word.
    """
    rows = []
    for task in right:
        columns = [("base", BASE, right[task])] + [
            (part, i, knocked[task][:, i]) for i in range(knocked[task].shape[1])
        ]
        for name, layer, values in columns:
            for i, value in enumerate(values):
                rows.append(
                    (
                        "m",
                        "b",
                        task,
                        task.split()[0],
                        "choice",
                        f"{task}/{i}",
                        name,
                        "none" if layer == BASE else "zero",
                        layer,
                        int(value),
                        bool(value),
                        0.25,
                        [0.0],
                        0.25,
                    )
                )
    return pd.DataFrame(rows, columns=list(COLUMNS))


@pytest.fixture(scope="session")
def html():
    """The book, built once for all tests of a process that look at its pages."""
    import run  # of notebooks/
    from filelock import FileLock

    stage = run.ROOT / "_build" / "test_book"
    stage.parent.mkdir(exist_ok=True)
    with FileLock(stage.with_name(".test_book.lock")):  # another run of the tests waits
        shutil.rmtree(stage / run.EXPERIMENTS, ignore_errors=True)  # an earlier run's copies
        run.stage_book(stage)
        yield run.build(stage).parent


@pytest.fixture(autouse=True)
def no_figures_left():
    """A figure that a test leaves open is the next one's warning."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
