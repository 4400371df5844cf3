"""A benchmark at a glance: its tasks with an example of each, and a few of its questions."""

import random

import pandas as pd

from .questions import Benchmark, Question


def task_overview(benchmark: Benchmark) -> pd.DataFrame:
    """One row a task: ability, task, training ("held out" where it is held out of it), example (the
    text of its first question).
    """
    examples: dict[str, str] = {}
    for question in benchmark.questions:
        examples.setdefault(question.task, question.text)
    rows = [
        dict(
            ability=task.ability,
            task=task.name,
            training="" if task.trained else "held out",
            example=examples[task.name],
        )
        for task in benchmark.tasks
    ]
    return pd.DataFrame(rows)


def question_of_each(benchmark: Benchmark, tasks: int, seed: int = 0) -> list[Question]:
    """A random question of each of so many random tasks, or of all where there are fewer."""
    rng = random.Random(seed)
    drawn = rng.sample(benchmark.tasks, min(tasks, len(benchmark.tasks)))
    return [rng.choice(benchmark.subset([task.name]).questions) for task in drawn]
