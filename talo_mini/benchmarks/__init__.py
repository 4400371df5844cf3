"""Where questions come from: one file a source, each giving a `Benchmark`."""

from ..questions import BadInput, Benchmark
from . import easy_vqa, mini_worlds

BENCHMARKS = {"mini-worlds": mini_worlds.benchmark, "easy-vqa": easy_vqa.benchmark}


def load_benchmark(name: str, tasks=None, per_task: int | None = None, form: str | None = None) -> Benchmark:
    """A benchmark by name, if wanted only some tasks, questions a task and form, or one form ("choice", "direct").

    Raises BadInput for an unknown name, task or form.
    """
    if name not in BENCHMARKS:
        raise BadInput(f"unknown benchmark {name!r}; use one of {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name](tasks, per_task).subset(form=form)
