"""Write what llava-mini answers under every knockout as one table: `python notebooks/outcomes.py`.

A row a question, a column a knockout. Answers are taken from the cache of sweeps where they lie
there; without it the command takes an hour on one core.
"""

from pathlib import Path

import pandas as pd

from talo_mini import load_benchmark, load_vlm, sweep
from talo_mini.benchmarks.questions import Benchmark
from talo_mini.models.vlm import VLM

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "book" / "data" / "outcomes" / "llava-mini.parquet"
MINI, PER_TASK = "llava-mini", 200
PARTS = ("self-attention", "mlp", "head 0", "head 1", "head 2", "head 3")


def wide(vlm: VLM, benchmark: Benchmark, cache=None) -> pd.DataFrame:
    """Whether each question is answered right: by the base model, and without each part.

    Columns: question, task, ability, trained, form, blind, informed, base, then a column for each
    part and layer ("head 3, 0").
    """
    trained = {task.name: task.trained for task in benchmark.tasks}
    tables = []
    for form in benchmark.forms:
        own = benchmark.subset(form=form)
        about = pd.DataFrame(
            dict(
                question=[question.id for question in own.questions],
                task=[question.task for question in own.questions],
                ability=[own.task(question.task).ability for question in own.questions],
                trained=[trained[question.task] for question in own.questions],
                form=form,
                blind=[question.chance for question in own.questions],
                informed=[question.informed for question in own.questions],
            )
        )
        columns = {}
        for part in PARTS:
            table = sweep(vlm, own, [part], cache=cache)
            for (name, layer), rows in table.groupby(["part", "layer"], sort=False):
                known = "base" if name == "base" else f"{name}, {layer}"
                columns[known] = rows.set_index("question").correct
        right = pd.DataFrame(columns).loc[about.question].reset_index(drop=True)
        tables.append(pd.concat([about, right.astype(bool)], axis=1))
    return pd.concat(tables, ignore_index=True)


def bits(right: pd.Series) -> str:
    """A 1 for each right answer, a 0 for each wrong one: how the book's pages hold them."""
    return "".join("01"[one] for one in right)


def main():
    """Run the command."""
    benchmark = load_benchmark("mini-worlds", per_task=PER_TASK)
    table = wide(load_vlm(MINI), benchmark, ROOT / "runs" / "sweeps")
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(TABLE, compression="zstd", index=False)
    print(f"{len(table)} questions and {table.shape[1]} columns in {TABLE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
