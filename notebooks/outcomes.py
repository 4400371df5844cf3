"""Write what a mini answers under every knockout as one table: `python notebooks/outcomes.py`.

A row a question, a column a knockout. Answers are taken from the cache of sweeps where they lie
there; without it llava-mini takes an hour on one core. smollm-mini-half, of which every head of 14
tasks is swept, is work for a GPU: `python notebooks/outcomes.py smollm-mini-half`.
"""

import argparse
import ast
from pathlib import Path

import pandas as pd
import papermill

from talo_mini import load_benchmark, load_vlm, sweep
from talo_mini.benchmarks.questions import Benchmark
from talo_mini.models.vlm import VLM

CHAPTER = Path(__file__).with_name("19_a_pretrained_language_model.ipynb")
ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "book" / "data" / "outcomes"
PER_TASK = 200
PARTS = ("self-attention", "mlp", "head 0", "head 1", "head 2", "head 3")
MINI = "llava-mini"
TABLE = FOLDER / f"{MINI}.parquet"
PRETRAINED = ("smollm-mini-half", "smollm-mini")
HEADS = ("self-attention", *(f"head {head}" for head in range(9)))


def wide(vlm: VLM, benchmark: Benchmark, cache=None, parts=PARTS) -> pd.DataFrame:
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
        table = sweep(vlm, own, parts, cache=cache)
        columns = {}
        for (name, layer), rows in table.groupby(["part", "layer"], sort=False):
            known = "base" if name == "base" else f"{name}, {layer}"
            columns[known] = rows.set_index("question").correct
        right = pd.DataFrame(columns).loc[about.question].reset_index(drop=True)
        tables.append(pd.concat([about, right.astype(bool)], axis=1))
    return pd.concat(tables, ignore_index=True)


def chapter_tasks() -> list[str]:
    """The tasks of the chapter about the pretrained model."""
    return ast.literal_eval(papermill.inspect_notebook(str(CHAPTER))["TASKS"]["default"])


def bits(right: pd.Series) -> str:
    """A 1 for each right answer, a 0 for each wrong one: how the book's pages hold them."""
    return "".join("01"[one] for one in right)


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mini", nargs="?", default=MINI, choices=(MINI, *PRETRAINED))
    name = parser.parse_args().mini
    tasks, parts = (None, PARTS) if name == MINI else (chapter_tasks(), HEADS)
    benchmark = load_benchmark("mini-worlds", tasks, per_task=PER_TASK)
    table = wide(load_vlm(name), benchmark, ROOT / "runs" / "sweeps", parts)
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.parquet"
    table.to_parquet(path, compression="zstd", index=False)
    print(f"{len(table)} questions and {table.shape[1]} columns in {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
