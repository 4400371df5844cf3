"""Does more training remove interference? Planted models are fine-tuned on the task that a plant
spoils.
"""

import pandas as pd

from ..analysis.vectors import interaction_vectors
from ..benchmarks import load_benchmark
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


def steps_for(per_task: int, tasks: int) -> int:
    """How many steps fine-tuning on so many questions of each of several tasks takes."""
    times = 10 if per_task <= FEW else 3
    return max(FEWEST_STEPS, times * per_task * tasks // BATCH)


def _steps(questions):
    read = max(questions, min(10 * questions, READ_TEN_TIMES))
    return max(FEWEST_STEPS, -(-read // BATCH))
