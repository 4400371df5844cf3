"""Outcomes of other seeds and of checkpoints along their training, as tables that ship.

`python -m talo_mini.minis.tables` sweeps what lies in runs/ and writes book/data/seeds/, a table a
checkpoint; weights do not ship: `python -m talo_mini.minis.train llava-mini --seed 1` trains one,
minutes on a GPU. Those of smollm-mini were made with `--only smollm --per-task 20`, most of them on
a GPU in bfloat16; those of harder pictures with `--only llava-mini-seed-5 --benchmark
mini-worlds-noisy`, a folder each.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..benchmarks import load_benchmark
from ..engine.sweep import sweep
from ..errors import BadInput
from ..models.assembled import put_together
from ..models.loading import load_vlm
from .trainer import STEPS

WORLDS = "mini-worlds"
PARTS = ("self-attention", "head 0", "head 1", "head 2", "head 3")
ALONG = ("step-300", "step-750", "step-1500", "trained")  # 10, 25, 50 and 100% of the training
PRETRAINED = ALONG[1:]  # at step 300 nothing is known yet
CHECKPOINTS = {
    "llava-mini-seed-1": ALONG,
    "llava-mini-seed-2": ALONG,
    "llava-mini-seed-3": ("trained",),
    "llava-mini-seed-4": ("trained",),
    "llava-mini-seed-5": ALONG,  # these two were also asked about harder pictures
    "llava-mini-seed-6": ALONG,
    "smollm-mini": PRETRAINED,
    "smollm-mini-seed-1": PRETRAINED,
    "smollm-mini-seed-2": PRETRAINED,
}


def parts_of(run: str) -> tuple[str, ...]:
    """What is knocked out: attentions and heads; of the larger smollm-mini attentions only."""
    return PARTS[:1] if run.startswith("smollm") else PARTS


def compact(outcomes: pd.DataFrame, run: str, step: int) -> pd.DataFrame:
    """A table of outcomes with its run and step, and without scores; all else stays.

    Rows of a question stand together, which halves the file; questions keep their order.
    """
    empty = [[] for _ in range(len(outcomes))]
    named = outcomes.assign(model=run, run=run, step=step, scores=empty)
    order = named.groupby("question", sort=False).ngroup()
    return named.iloc[order.argsort(kind="stable")].reset_index(drop=True)


def load_tables(
    folder: Path | str, mini: str = "", tasks: Sequence[str] | None = None
) -> dict[tuple[str, int], pd.DataFrame]:
    """The tables in a folder of the runs of a mini, or of all, by (run, step); of all tasks, or
    only of these.

    Raises BadInput where there is none.
    """
    paths = sorted(Path(folder).glob(f"{mini}*.parquet"))
    if not paths:
        raise BadInput(
            f"{folder} holds no table of another run{f' of {mini}' if mini else ''}; python -m "
            "talo_mini.minis.tables writes them"
        )
    wanted = None if tasks is None else [("task", "in", list(tasks))]
    tables = [pd.read_parquet(path, filters=wanted) for path in paths]
    return {(own.run.iloc[0], int(own.step.iloc[0])): own for own in tables if len(own)}


def load_harder_tables(
    folder: Path | str, benchmarks: Sequence[str], mini: str, tasks: Sequence[str] | None = None
) -> dict[tuple[str, str, int], pd.DataFrame]:
    """`load_tables` of harder pictures, each benchmark in a folder of its name, by (benchmark, run,
    step). Raises BadInput where no benchmark is named.
    """
    if not benchmarks:
        raise BadInput("no harder pictures are named; name one benchmark at least")
    return {
        (name, *key): table
        for name in benchmarks
        for key, table in load_tables(Path(folder) / name, mini, tasks).items()
    }


def write(folder: Path, target: Path, per_task: int, cache: str, worlds: str = WORLDS) -> Path:
    """Sweep the checkpoint in a folder over a benchmark and write its table; those of harder
    pictures stand in a folder of their own.

    Raises BadInput where the folder holds no checkpoint.
    """
    run, step = folder.parent.name, folder.name
    whole = folder
    if (folder / "learned.safetensors").exists():
        whole = put_together(folder, f"{run}-{step}")
    if not (whole / "config.json").exists():
        name, _, seed = run.partition("-seed-")
        raise BadInput(
            f"{folder} holds no checkpoint; train it first: python -m talo_mini.minis.train {name}"
            + (f" --seed {seed}" if seed else "")
        )
    benchmark = load_benchmark(worlds, per_task=per_task)
    outcomes = sweep(load_vlm(whole), benchmark, parts=parts_of(run), cache=cache)
    target = target if worlds == WORLDS else target / worlds
    target.mkdir(parents=True, exist_ok=True)
    path = target / f"{run}-{step}.parquet"
    number = STEPS if step == "trained" else int(step.removeprefix("step-"))
    compact(outcomes, run, number).to_parquet(path, index=False, compression="zstd")
    return path


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the trainings lie")
    parser.add_argument("--out", type=Path, default=Path("book/data/seeds"))
    parser.add_argument("--per-task", type=int, default=40, help="questions a task and form")
    parser.add_argument("--cache", default="runs/sweeps", help="folder of kept answers")
    parser.add_argument("--only", default="", help="runs whose name begins so")
    parser.add_argument("--benchmark", default=WORLDS, help="whose questions are asked")
    arguments = parser.parse_args()
    chosen = {run: steps for run, steps in CHECKPOINTS.items() if run.startswith(arguments.only)}
    for name, steps in chosen.items():
        for step in steps:
            folder = arguments.runs / name / step
            options = arguments.per_task, arguments.cache, arguments.benchmark
            print(write(folder, arguments.out, *options), flush=True)


if __name__ == "__main__":
    main()
