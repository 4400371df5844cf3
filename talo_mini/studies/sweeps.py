"""Several models asked several benchmarks."""

from collections.abc import Mapping, Sequence

import pandas as pd

from ..benchmarks.questions import Benchmark
from ..engine.sweep import sweep
from ..models.vlm import VLM


def sweep_each(
    vlms: Mapping[str, VLM], benchmarks: Mapping[str, Benchmark], parts: Sequence[str], cache=None
) -> dict[tuple[str, str], pd.DataFrame]:
    """Outcomes of every model on every benchmark, by (model, benchmark), benchmark by benchmark."""
    return {
        (model, name): sweep(vlm, benchmark, parts=list(parts), cache=cache)
        for name, benchmark in benchmarks.items()
        for model, vlm in vlms.items()
    }
