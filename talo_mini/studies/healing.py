"""Does more training remove interference? Planted models are fine-tuned on the task that a plant
spoils.
"""

import pandas as pd

from ..analysis.vectors import interaction_vectors
from ..benchmarks import load_benchmark
from ..benchmarks.questions import Benchmark
from ..engine.sweep import sweep
from ..models.vlm import VLM
from .finetuning import fine_tune
from .planting import Plant, planted

BATCH = 16  # questions a step
FEWEST_STEPS = 10
FEW = 50  # questions of a task: up to so many each is read ten times, more three times
READ_TEN_TIMES = 640  # questions in all, up to which each is read ten times


def healed(
    vlm: VLM,
    plants: list[Plant],
    doses,
    per_task: int,
    strength: float = 1.0,
    method: str = "full",
    train: str = "mini-worlds-train",
    test: str = "mini-worlds",
    form: str = "direct",
    cache=None,
) -> pd.DataFrame:
    """Each planted model before and after fine-tuning on so many questions of the spoiled task.

    Columns: plant, questions (the dose, 0 first), base (accuracy of the model), delta (gain from
    bypassing the planted layer), in fractions, on `per_task` questions of `test`.
    """
    rows = []
    for plant in plants:
        spoiled = planted(vlm, plant, strength)
        test_questions = load_benchmark(test, tasks=[plant.task], per_task=per_task, form=form)
        for dose in (0, *doses):
            model = spoiled
            if dose:
                lesson = load_benchmark(train, tasks=[plant.task], per_task=dose, form=form)
                model = fine_tune(spoiled, lesson, method, steps=_steps(dose))
            outcomes = sweep(model, test_questions, layers=[plant.layer], cache=cache)
            vector = interaction_vectors(outcomes).iloc[0]
            row = dict(plant=plant.name, questions=dose)
            rows.append(row | dict(base=vector.base, delta=vector.delta))
    return pd.DataFrame(rows)


def tuned_by_dose(
    vlm: VLM, train: str, tasks: list[str], doses, form: str, method: str = "full"
) -> dict[int, VLM]:
    """The VLM fine-tuned on so many questions of each task of `train`, by the number of questions;
    under 0 the VLM itself.
    """
    models = {0: vlm}
    for dose in doses:
        lesson = load_benchmark(train, tasks=tasks, per_task=dose, form=form)
        models[dose] = fine_tune(vlm, lesson, method, steps=steps_for(dose, len(tasks)))
    return models


def untaught(train: str, tasks: list[str], form: str, taught: int, per_task: int) -> Benchmark:
    """The next `per_task` questions of each task of `train`, after the first `taught`, which a
    lesson of so many holds.
    """
    pool, lesson = (
        load_benchmark(train, tasks=tasks, per_task=number, form=form)
        for number in (taught + per_task, taught)
    )
    read = {question.id for question in lesson.questions}
    return pool.only([question for question in pool.questions if question.id not in read])


def steps_for(per_task: int, tasks: int) -> int:
    """How many steps fine-tuning on so many questions of each of several tasks takes."""
    times = 10 if per_task <= FEW else 3
    return max(FEWEST_STEPS, times * per_task * tasks // BATCH)


def _steps(questions):
    read = max(questions, min(10 * questions, READ_TEN_TIMES))
    return max(FEWEST_STEPS, -(-read // BATCH))
