"""The comparison of one pass and hooks counts what differs."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))
import exact  # noqa: E402
from talo_mini import load_benchmark  # noqa: E402


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", tasks=["object_colour"], per_task=5)


def test_nothing_differs(tiny, benchmark):
    found = exact.compare(tiny, benchmark, batch=4)
    assert found["answers"] == len(benchmark.questions) * 13 and found["different"] == 0 and found["largest"] < 1e-4


def test_what_differs_is_counted(tiny, benchmark, monkeypatch):
    monkeypatch.setattr(exact, "hooked_logits", lambda vlm, inputs, cells: [-values for values in exact.replayed_logits(vlm, inputs, cells)])
    found = exact.compare(tiny, benchmark)
    assert found["different"] > 0.5 * found["answers"] and found["largest"] > 0.1
