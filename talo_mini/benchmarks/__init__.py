"""Where questions come from: one file a source, each giving a `Benchmark`."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

from ..errors import BadInput, whole_number
from . import data, easy_vqa, files, mini_worlds
from .mini_worlds.difficulty import DIFFICULTIES
from .prompts import find_prompt
from .questions import FORMS, Benchmark, task_names

SHIPPED: dict[str, Callable[..., Benchmark]] = {
    "mini-worlds": mini_worlds.benchmark,
    "mini-worlds-train": mini_worlds.train_benchmark,
    **{f"mini-worlds-{name}": partial(mini_worlds.harder_benchmark, name) for name in DIFFICULTIES},
    "mini-worlds-shifted": mini_worlds.shifted_benchmark,
    "mini-worlds-composed": mini_worlds.composed_benchmark,
    "easy-vqa": easy_vqa.benchmark,
}
ON_THE_HUB = {
    name: import_module(f".{name}", __name__).BENCHMARK
    for name in ("scienceqa", "mmstar", "mmbench", "mmmu", "seed", "realworldqa")
}


def load_benchmark(
    name,
    tasks=None,
    per_task: int | None = None,
    form: str | None = None,
    source: str | None = None,
    revision: str | None = None,
    prompt: str | None = None,
    skip_malformed: bool = False,
) -> Benchmark:
    """A benchmark by name, if wanted only some tasks, questions a task and form, or one form.

    `name` is a shipped benchmark, one on the Hugging Face Hub, a table (.tsv, .csv, .jsonl,
    .parquet) or a folder with one table and its pictures; or the questions themselves: a list of
    `Question`, a data frame or a `datasets.Dataset`. `source` is a folder of parquet files to
    read in place of the Hub, `revision` a commit on the Hub. `prompt` is a template of
    `prompts.PROMPTS`.
    `skip_malformed` leaves out rows that are wrong; the benchmark's `malformed` tells them,
    `left_out` those that are no question of one picture with options, `repaired` what was mended.
    `form` "open" reads a table without options, whose answers a model writes (`engine.written`).
    Raises BadInput for an unknown name, task, form or prompt, and for a row that cannot be used.
    """
    name = str(name) if isinstance(name, str | Path) else name
    if per_task is not None:
        per_task = whole_number("per_task", per_task)
    tasks = None if tasks is None else task_names(tasks)
    if form is not None and form not in FORMS:
        raise BadInput(f"unknown form {form!r}; use one of {', '.join(FORMS)}")
    known = isinstance(name, str) and name in ON_THE_HUB
    if not known and (source, revision) != (None, None):
        raise BadInput(
            f"source= and revision= are for benchmarks of the Hub ({', '.join(ON_THE_HUB)}), not "
            f"for {name if isinstance(name, str) else type(name).__name__!r}"
        )
    if not isinstance(name, str):
        return _of_data(name, tasks, per_task, prompt, skip_malformed, form).subset(form=form)
    if name in SHIPPED:
        loaded = SHIPPED[name](tasks, per_task).subset(form=form)
        return loaded if prompt is None else loaded.with_prompt(find_prompt(prompt))
    options = dict(tasks=tasks, per_task=per_task, skip_malformed=skip_malformed)
    options["prompt"] = find_prompt("vlmevalkit" if prompt is None else prompt, name)
    if known:
        loaded = ON_THE_HUB[name].load(source=source, revision=revision, **options)
        return loaded.subset(form=form)
    if files.is_file(name):
        return files.benchmark(name, **options, is_open=form == "open").subset(form=form)
    raise BadInput(
        f"unknown benchmark {name!r}; use one of {', '.join([*SHIPPED, *ON_THE_HUB])}, or a path "
        "to a .tsv, .csv, .jsonl or .parquet"
    )


def load_available_tasks(name, tasks, per_task: int) -> Benchmark:
    """`load_benchmark` with those of the `tasks` that the benchmark has, all of its own for None.

    For benchmarks beside the one whose tasks were named, of which they share only some.
    """
    benchmark = load_benchmark(name, per_task=per_task)
    if tasks is None:
        return benchmark
    wanted = task_names(tasks)
    return benchmark.only([q for q in benchmark.questions if q.task in wanted])


def _of_data(given, tasks, per_task, prompt, skip_malformed, form) -> Benchmark:
    """The benchmark of questions that the caller holds."""
    template = find_prompt("vlmevalkit" if prompt is None else prompt)
    if isinstance(given, Benchmark):
        loaded = given if prompt is None else given.with_prompt(template)
        return loaded.subset(tasks, per_task)
    if isinstance(given, list | tuple):
        return data.of_questions(given, template).subset(tasks, per_task)
    return files.benchmark(given, tasks, per_task, template, skip_malformed, form == "open")
