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
from .trainer import STEPS

PARTS = ("self-attention", "head 0", "head 1", "head 2", "head 3")
ALONG = ("step-300", "step-750", "step-1500", "trained")  # 10, 25, 50 and 100% of the training
CHECKPOINTS = {
    "llava-mini-seed-1": ALONG,
    "llava-mini-seed-2": ALONG,
    "llava-mini-seed-3": ("trained",),
    "llava-mini-seed-4": ("trained",),
}


def compact(outcomes: pd.DataFrame, run: str, step: int) -> pd.DataFrame:
    """A table of outcomes with its run and step, and without scores; all else stays."""
    empty = [[] for _ in range(len(outcomes))]
    named = outcomes.assign(model=run, run=run, step=step, scores=empty)
    return named.reset_index(drop=True)


def load_tables(folder: Path | str) -> dict[tuple[str, int], pd.DataFrame]:
    """The tables in a folder by (run, step). Raises BadInput where there is none."""
    paths = sorted(Path(folder).glob("*.parquet"))
    if not paths:
        raise BadInput(
            f"{folder} holds no table of another run; python -m talo_mini.minis.tables writes them"
        )
    tables = [pd.read_parquet(path) for path in paths]
    return {(table.run.iloc[0], int(table.step.iloc[0])): table for table in tables}


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
    step = STEPS if folder.name == "trained" else int(folder.name.removeprefix("step-"))
    compact(outcomes, folder.parent.name, step).to_parquet(path, index=False, compression="zstd")
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
