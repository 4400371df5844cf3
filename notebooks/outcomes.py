"""Write what a mini answers under every knockout as one table: `python notebooks/outcomes.py`.

A row a question, a column a knockout. Any mini on any of the mini worlds: `python
notebooks/outcomes.py llava-mini mini-worlds-noisy`. Answers are taken from the cache of sweeps
where they lie there; without it llava-mini takes an hour on one core. The models with a pretrained
language model are larger: of them chapter 19's tasks are asked (and every head of smollm-mini-half,
which is work for a GPU), on harder pictures those with room to gain, in words: half an hour each.
"""

import argparse
import ast
from pathlib import Path

import pandas as pd
import papermill

from talo_mini import load_benchmark, load_vlm, sweep
from talo_mini.analysis.vectors import has_room, task_accuracy
from talo_mini.benchmarks import SHIPPED
from talo_mini.benchmarks.questions import Benchmark
from talo_mini.interventions.names import parts_present
from talo_mini.minis.difficulty import of_training_half
from talo_mini.models.anatomy import PARTS
from talo_mini.models.loading import shipped
from talo_mini.models.vlm import VLM
from talo_mini.outcomes.wide import ON

CHAPTER = Path(__file__).with_name("19_a_pretrained_language_model.ipynb")
ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "book" / "data" / "outcomes"
CACHE = ROOT / "runs" / "sweeps"
PER_TASK = 200
ATTENTIONS = {"self-attention": "head", "cross-attention": "cross-attention head"}
MINI = "llava-mini"
TESTBED = "mini-worlds"
TESTBEDS = [name for name in SHIPPED if name.startswith(TESTBED) and not name.endswith("-train")]
TABLE = FOLDER / f"{MINI}.parquet"
PRETRAINED = ("smollm-mini-half", "smollm-mini")
HEADS = tuple(f"head {head}" for head in range(9))
LOOKED_AT = 40  # questions a task by which it has room
ABOUT = ("question", "task", "ability", "form", "chance", "informed")


def parts_of(vlm: VLM) -> tuple[str, ...]:
    """What is knocked out: attentions, MLPs, whole layers and heads, where the model has any."""
    layers, heads = vlm.anatomy.stacks["decoder"], []
    for attention, name in ATTENTIONS.items():
        counts = [layer.parts[attention].heads for layer in layers if attention in layer.parts]
        heads += [f"{name} {head}" for head in range(max(counts, default=0))]
    return (*parts_present(vlm.anatomy, PARTS), *heads)


def widened(outcomes: pd.DataFrame) -> pd.DataFrame:
    """A row a question, a column a knockout, of a table of outcomes (a row for both).

    Columns: question, task, ability, form, blind, informed, base, then one for each part and layer
    ("head 3, 0"), true where the answer is right.
    """
    columns = {}
    for (name, layer), rows in outcomes.groupby(["part", "layer"], sort=False):
        known = "base" if name == "base" else f"{name}, {layer}"
        columns[known] = rows.set_index("question").correct.astype(bool)
    about = outcomes.loc[outcomes.part == "base", list(ABOUT)].reset_index(drop=True)
    right = pd.DataFrame(columns).loc[about.question].reset_index(drop=True)
    return pd.concat([about.rename(columns=dict(chance="blind")), right], axis=1)


def wide(vlm: VLM, benchmark: Benchmark, cache=None, parts=None) -> pd.DataFrame:
    """Whether each question is answered right: by the base model, and without each part.

    The columns of `widened`, and whether the task was `trained`; without `parts`, `parts_of`.
    """
    trained = {task.name: task.trained for task in benchmark.tasks}
    known = parts_of(vlm) if parts is None else parts
    table = pd.concat(
        [
            widened(sweep(vlm, benchmark.subset(form=form), known, cache=cache))
            for form in benchmark.forms
        ],
        ignore_index=True,
    )
    table.insert(3, "trained", table.task.map(trained))
    return table


def chapter_tasks() -> list[str]:
    """The tasks of the chapter about the pretrained model."""
    return ast.literal_eval(papermill.inspect_notebook(str(CHAPTER))["TASKS"]["default"])


def bits(right: pd.Series) -> str:
    """A 1 for each right answer, a 0 for each wrong one: how the book's pages hold them."""
    return "".join("01"[one] for one in right)


def tasks_with_room(vlm: VLM, testbed: str) -> list[str]:
    """The chapter's tasks that have room on a harder testbed, when asked in words about pictures of
    the training half, so that the published questions do not pick themselves.
    """
    training = of_training_half(testbed.removeprefix(f"{TESTBED}-"), LOOKED_AT)
    known = {task.name for task in training.tasks}
    names = [name for name in chapter_tasks() if name in known]
    in_words = training.subset(names, form="direct")
    accuracy = task_accuracy(sweep(vlm, in_words, parts=(), cache=CACHE))
    return list(accuracy.task[has_room(accuracy)])


def asked(
    vlm: VLM, mini: str, testbed: str, per_task: int = PER_TASK
) -> tuple[Benchmark, tuple[str, ...] | None]:
    """The questions that a mini is asked on a testbed, and the parts that are knocked out, if not
    all.
    """
    if mini not in PRETRAINED:
        return load_benchmark(testbed, per_task=per_task), None
    if testbed != TESTBED:
        tasks = tasks_with_room(vlm, testbed)
        return load_benchmark(testbed, tasks, per_task, form="direct"), ("self-attention",)
    heads = HEADS if mini == PRETRAINED[0] else ()
    return load_benchmark(testbed, chapter_tasks(), per_task), ("self-attention", *heads)


def write(mini: str, testbed: str, folder: Path = FOLDER, per_task: int = PER_TASK) -> Path:
    """Write the table of a mini on a testbed; it is named after both, or after the mini alone."""
    vlm = load_vlm(mini)
    benchmark, parts = asked(vlm, mini, testbed, per_task)
    table = wide(vlm, benchmark, CACHE, parts)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{mini if testbed == TESTBED else f'{mini}{ON}{testbed}'}.parquet"
    table.to_parquet(path, compression="zstd", index=False)
    print(f"{len(table)} questions and {table.shape[1]} columns in {path}")
    return path


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mini", nargs="?", default=MINI, choices=shipped())
    parser.add_argument("testbed", nargs="?", default=TESTBED, choices=TESTBEDS)
    chosen = parser.parse_args()
    write(chosen.mini, chosen.testbed)


if __name__ == "__main__":
    main()
