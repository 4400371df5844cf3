"""easy-VQA (Victor Zhou, PyPI `easy-vqa` 1.0): 64 x 64 pictures of one shape, 13 answers, its own
two splits.
"""

import json
from collections import Counter
from pathlib import Path

from .questions import Benchmark, Question, Task

COLOURS = ("black", "blue", "brown", "gray", "green", "red", "teal", "yellow")
SHAPES = ("circle", "rectangle", "triangle")
YES_NO = ("yes", "no")
TASKS = (
    Task("colour", "perception"),
    Task("shape", "perception"),
    Task("is colour", "logic"),
    Task("is shape", "logic"),
)


def _options(answer):
    return next(options for options in (COLOURS, SHAPES, YES_NO) if answer in options)


def task(text: str, answer: str) -> str:
    """The task a question belongs to."""
    if answer in YES_NO:
        return "is colour" if any(colour in text for colour in COLOURS) else "is shape"
    return "colour" if answer in COLOURS else "shape"


def folder(split: str) -> Path:
    """Where the installed easy-vqa package keeps this split."""
    import easy_vqa

    return Path(easy_vqa.__file__).parent / "data" / split


def rows(split: str) -> list[tuple[str, str, int]]:
    """The (question, answer, picture number) triples of a split."""
    return [
        tuple(row)
        for row in json.loads((folder(split) / "questions.json").read_text(encoding="utf-8"))
    ]


def benchmark(tasks=None, per_task: int | None = None, split: str = "test") -> Benchmark:
    """A split as direct questions over each answer's own kind: 8 colours, 3 shapes, or yes and no.

    A task has several questions about most pictures; first comes one about each picture, then the
    second ones, and so on, so that a few questions are about as many pictures.
    """
    pictures, asked = {}, Counter()
    questions = []
    for i, (text, answer, number) in enumerate(rows(split)):
        if number not in pictures:
            pictures[number] = (folder(split) / "images" / f"{number}.png").read_bytes()
        options, kind = _options(answer), task(text, answer)
        questions.append(
            (
                asked[kind, number],
                Question(
                    f"{split}/{i}",
                    kind,
                    pictures[number],
                    text,
                    options,
                    options.index(answer),
                    "direct",
                ),
            )
        )
        asked[kind, number] += 1
    ordered = (question for _, question in sorted(questions, key=lambda pair: pair[0]))
    return Benchmark(f"easy-vqa-{split}", TASKS, tuple(ordered)).subset(tasks, per_task)
