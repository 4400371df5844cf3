"""Where questions come from: one file a source, each giving a `Benchmark`."""

from ..errors import BadInput
from . import easy_vqa, files, mini_worlds, mmbench, mmmu, mmstar, realworldqa, scienceqa, seed
from .prompts import find_prompt
from .questions import Benchmark

SHIPPED = {
    "mini-worlds": mini_worlds.benchmark,
    "mini-worlds-train": mini_worlds.train_benchmark,
    "easy-vqa": easy_vqa.benchmark,
}
ON_THE_HUB = {
    "scienceqa": scienceqa,
    "mmstar": mmstar,
    "mmbench": mmbench,
    "mmmu": mmmu,
    "seed": seed,
    "realworldqa": realworldqa,
}


def load_benchmark(
    name: str,
    tasks=None,
    per_task: int | None = None,
    form: str | None = None,
    source: str | None = None,
    revision: str | None = None,
    prompt: str | None = None,
    skip_malformed: bool = False,
) -> Benchmark:
    """A benchmark by name, if wanted only some tasks, questions a task and form, or one form
    ("choice", "direct").

    `name` is a shipped benchmark, one on the Hugging Face Hub, a table (.tsv, .csv, .jsonl) or a
    folder with one table and its pictures. `source` is a folder of parquet files to read in place
    of the Hub, `revision` a commit on the Hub. `prompt` is a template of `prompts.PROMPTS`.
    `skip_malformed` leaves out rows that are wrong; the benchmark's `malformed` tells them,
    `left_out` those that are no question of one picture with options. Raises BadInput for an
    unknown name, task, form or prompt, and for a row that cannot be used.
    """
    if name in SHIPPED:
        loaded = SHIPPED[name](tasks, per_task)
        return (
            loaded.subset(form=form)
            if prompt is None
            else loaded.subset(form=form).with_prompt(find_prompt(prompt))
        )
    options = dict(
        tasks=tasks,
        per_task=per_task,
        skip_malformed=skip_malformed,
        prompt=find_prompt(prompt or "vlmevalkit", name),
    )
    if name in ON_THE_HUB:
        return (
            ON_THE_HUB[name]
            .benchmark(source=source, revision=revision, **options)
            .subset(form=form)
        )
    if files.is_file(name):
        return files.benchmark(name, **options).subset(form=form)
    raise BadInput(
        f"unknown benchmark {name!r}; use one of {', '.join([*SHIPPED, *ON_THE_HUB])}, or a path "
        "to a .tsv, .csv or "
        ".jsonl"
    )
