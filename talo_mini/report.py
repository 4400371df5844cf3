"""The headline numbers of a notebook, written with what a reader needs to check them."""

import json
import math
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .benchmarks.questions import Benchmark
    from .models.vlm import VLM


def save_headline(
    folder: str, notebook: str, vlm: "VLM", benchmark: "Benchmark", seed: int, numbers: dict
) -> Path:
    """Write `numbers` to FOLDER/NOTEBOOK.json with model and benchmark digests, counts, chance,
    seed and versions.
    """
    path = Path(folder) / f"{notebook}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    chance = sum(q.chance for q in benchmark.questions) / len(benchmark.questions)
    about = dict(
        model=vlm.name,
        model_digest=vlm.digest,
        benchmark=benchmark.name,
        benchmark_digest=benchmark.digest,
        prompt=benchmark.prompt,
        source=benchmark.source,
        left_out=len(benchmark.left_out),
        malformed=len(benchmark.malformed),
        picture_limits=vlm.picture_limits,
        questions=len(benchmark.questions),
        tasks=len(benchmark.tasks),
        chance=round(chance, 4),
        seed=seed,
        versions=dict(
            python=platform.python_version(),
            **{name: version(name) for name in ("talo-mini", "torch", "transformers")},
        ),
    )
    path.write_text(
        json.dumps(
            _strict(json.loads(json.dumps({**about, **numbers}, default=float))),
            indent=1,
            allow_nan=False,
        )
        + "\n"
    )
    return path


def _strict(value):
    """The same with null for what is no number, since not every JSON reader takes NaN."""
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
