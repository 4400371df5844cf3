"""Outcomes of other seeds and of checkpoints along their training, as tables that ship.

`python -m talo_mini.minis.tables` sweeps what lies in runs/ and writes book/data/seeds/; weights do
not ship: `python -m talo_mini.minis.train llava-mini --seed 1` trains one, minutes on a GPU.
"""

import argparse
from pathlib import Path

import pandas as pd

from ..benchmarks import load_benchmark
from ..engine.sweep import sweep
from ..errors import BadInput
from ..models.loading import load_vlm

PARTS = ("self-attention", "head 0", "head 1", "head 2", "head 3")
TRAINED = {f"llava-mini-seed-{seed}": ("trained",) for seed in (1, 2, 3, 4)}
STEPS = ("step-300", "step-750", "step-1500")  # 10, 25 and 50% of the training
CHECKPOINTS = {
    name: (*own, *(STEPS if name.endswith(("1", "2")) else ())) for name, own in TRAINED.items()
}


def compact(outcomes: pd.DataFrame, model: str) -> pd.DataFrame:
    """A table of outcomes under another model's name and without scores; all else stays."""
    empty = [[] for _ in range(len(outcomes))]
    return outcomes.assign(model=model, scores=empty).reset_index(drop=True)


def write(folder: Path, target: Path, per_task: int, cache: str) -> Path:
    """Sweep the checkpoint in a folder over the mini worlds and write its table.

    Raises BadInput where the folder holds no checkpoint.
    """
    if not (folder / "config.json").exists():
        name, seed = folder.parent.name.rsplit("-seed-", 1)
        raise BadInput(
            f"{folder} holds no checkpoint; train it first: python -m talo_mini.minis.train {name} "
            f"--seed {seed}"
        )
    benchmark = load_benchmark("mini-worlds", per_task=per_task)
    outcomes = sweep(load_vlm(folder), benchmark, parts=PARTS, cache=cache)
    target.mkdir(parents=True, exist_ok=True)
    path = target / f"{folder.parent.name}-{folder.name}.parquet"
    table = compact(outcomes, f"{folder.parent.name}, {folder.name}")
    table.to_parquet(path, index=False, compression="zstd")
    return path


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the trainings lie")
    parser.add_argument("--out", type=Path, default=Path("book/data/seeds"))
    parser.add_argument("--per-task", type=int, default=40, help="questions a task and form")
    parser.add_argument("--cache", default="runs/sweeps", help="folder of kept answers")
    arguments = parser.parse_args()
    for name, steps in CHECKPOINTS.items():
        for step in steps:
            folder = arguments.runs / name / step
            print(write(folder, arguments.out, arguments.per_task, arguments.cache), flush=True)


if __name__ == "__main__":
    main()
