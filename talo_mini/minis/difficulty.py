"""How hard the harder mini worlds are: `python -m talo_mini.minis.difficulty`.

For each difficulty, level and mini it counts the tasks and forms with room to gain, on pictures of
the training half, so that the test questions are not used to choose. `--test` counts them of the
published test questions, at the level that was set.
"""

import argparse
from collections.abc import Callable, Iterator

import pandas as pd

from ..analysis.vectors import has_room, task_accuracy
from ..benchmarks import load_benchmark
from ..benchmarks.mini_worlds import (
    composed,
    composed_benchmark,
    shifted,
    shifted_benchmark,
    train_benchmark,
)
from ..benchmarks.mini_worlds.difficulty import DIFFICULTIES, harder
from ..benchmarks.questions import Benchmark
from ..engine.sweep import sweep
from ..models.loading import load_vlm
from ..models.vlm import VLM

MINIS = ("llava-mini", "qwen2vl-mini", "internvl-mini", "mllama-mini")
# whose pictures are drawn at a level, not changed after they were drawn
DRAWN_ANEW: dict[str, tuple[Callable[..., Benchmark], tuple[float, ...]]] = {
    "shifted": (shifted_benchmark, shifted.TRIED),
    "composed": (composed_benchmark, composed.TRIED),
}


def with_room(vlm: VLM, benchmark: Benchmark) -> dict:
    """cells: tasks and forms that the model answers above a guess that has looked and below 90%;
    accuracy: its mean over all.
    """
    accuracy = task_accuracy(sweep(vlm, benchmark, parts=()))
    return dict(cells=int(has_room(accuracy).sum()), accuracy=accuracy.accuracy.mean())


def of_training_half(name: str, per_task: int, level: float | None = None) -> Benchmark:
    """Questions of a difficulty about pictures of the training half, at the level that was set
    unless another is tried.
    """
    if name not in DRAWN_ANEW:
        return harder(train_benchmark(per_task=per_task), name, level)
    drawn, _ = DRAWN_ANEW[name]
    return drawn(None, per_task, "train", *([] if level is None else [level]))


def tried(name: str, per_task: int) -> Iterator[tuple[float, Benchmark]]:
    """Each level that is tried of a difficulty, and its questions of the training half."""
    levels = DRAWN_ANEW[name][1] if name in DRAWN_ANEW else DIFFICULTIES[name].levels
    for level in levels:
        yield level, of_training_half(name, per_task, level)


def published(name: str, per_task: int) -> Iterator[tuple[str, Benchmark]]:
    """The test questions of a difficulty, which have one level."""
    yield "as set", load_benchmark(f"mini-worlds-{name}", per_task=per_task)


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-task", type=int, default=60, help="questions a task and form")
    every = [*DIFFICULTIES, *DRAWN_ANEW]
    parser.add_argument("names", nargs="*", metavar="DIFFICULTY", help=", ".join(every))
    test = "the published test questions, at the level that was set"
    parser.add_argument("--test", action="store_true", help=test)
    own = "a mini to ask in place of the four that were trained from nothing; may be repeated"
    parser.add_argument("--mini", action="append", help=own)
    parser.add_argument("--level", type=float, help="only this level")
    arguments = parser.parse_args()
    vlms = {name: load_vlm(name) for name in arguments.mini or MINIS}
    for name in arguments.names or every:
        levels = published if arguments.test else tried
        for level, benchmark in levels(name, arguments.per_task):
            if arguments.level not in (None, level):
                continue
            rows = [
                dict(difficulty=name, level=level, mini=mini) | with_room(vlm, benchmark)
                for mini, vlm in vlms.items()
            ]
            print(pd.DataFrame(rows).round(2).to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
