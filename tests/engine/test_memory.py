import numpy as np
import pytest
import torch

from talo_mini import load_benchmark, sweep
from talo_mini.engine.memory import free_memory, out_of_memory


def test_what_counts_as_out_of_memory():
    assert out_of_memory(torch.OutOfMemoryError("cuda")) and out_of_memory(MemoryError())
    for words in (
        "[enforce fail] can't allocate memory: 9 bytes",
        "CUDA error: out of memory",
        "MPS backend out of memory (...)",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate",
    ):
        assert out_of_memory(RuntimeError(words))
    assert not out_of_memory(RuntimeError("an illegal memory access was encountered"))


def test_there_is_some():
    assert free_memory(torch.device("cpu")) > 2**20


def test_with_little_memory_a_sweep_is_the_same(tiny, monkeypatch):
    """Room for the hidden states of two variants of a question: batches are halved, and few
    variants are held at once.
    """
    benchmark = load_benchmark("mini-worlds", tasks=["more"], per_task=4, form="choice")
    parts = ["self-attention", "mlp", "layer"]
    expected = sweep(tiny, benchmark, parts=parts)
    tokens = max(tiny.inputs([question])["input_ids"].numel() for question in benchmark.questions)
    for module in ("recording", "replay"):
        monkeypatch.setattr(
            f"talo_mini.engine.{module}.free_memory", lambda device: 10 * tokens * 32 * 4
        )
    with pytest.warns(UserWarning, match="memory ran out; going on with 2 questions at once"):
        found = sweep(tiny, benchmark, parts=parts, batch=4)
    columns = ["question", "part", "layer", "answer"]
    assert found[columns].equals(expected[columns])
    assert all(
        np.allclose(a, b, atol=1e-4) for a, b in zip(found.scores, expected.scores, strict=True)
    )
