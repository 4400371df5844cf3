"""Every way to use the same few labelled questions, measured alike: TaLo, fine-tuning, merging;
accuracy and seconds.
"""

import time

import numpy as np
import pandas as pd

from ..analysis.talo import NONE
from ..benchmarks.questions import Benchmark
from ..engine.sweep import sweep
from ..errors import BadInput
from ..models.vlm import VLM
from ..outcomes.table import BASE, all_scored
from .finetuning import AMOUNTS, fine_tune, merged
from .selection import select_layer

METHODS = ("talo", "lora", "oft", "merging")
PASSES = 10  # times over every question in fine-tuning
MOST_STEPS = 100  # batches of fine-tuning, if every question is in one
BATCH = 16  # questions


def few_shot(
    vlm: VLM,
    method: str,
    few: Benchmark,
    test: Benchmark,
    part: str = "self-attention",
    seed: int = 0,
    cache=None,
) -> dict:
    """Use the questions of `few` by a method, then answer those of `test`.

    "talo" bypasses the layer that helps the few most, or none; "lora" and "oft" fine-tune on them
    (peft); "merging" fine-tunes on half of them and adds that share of the change which answers
    most of the other half (task arithmetic; of equal shares the smallest). Gives right [test
    questions], whether each is answered right, and seconds, the time to choose or to train, which
    never counts answers to the test. `cache` serves the test only. Raises BadInput for an unknown
    method.
    """
    if method not in METHODS:
        raise BadInput(f"unknown method {method!r}; use one of {', '.join(METHODS)}")
    start = time.perf_counter()
    if method == "talo":
        choice, _ = select_layer(vlm, few, part)
        seconds = time.perf_counter() - start
        outcomes = sweep(
            vlm, test, parts=[part], layers=[] if choice == NONE else [choice], cache=cache
        )
        method_outcomes = outcomes[outcomes.layer == (BASE if choice == NONE else choice)]
    else:
        tuned = _merging(vlm, few, seed) if method == "merging" else _tuned(vlm, few, method, seed)
        seconds = time.perf_counter() - start
        method_outcomes = sweep(tuned, test, layers=[], cache=cache)
    return dict(
        right=all_scored(method_outcomes)
        .set_index("question")
        .correct.reindex([q.id for q in test.questions])
        .to_numpy(bool),
        seconds=seconds,
    )


def few_shot_runs(
    vlm: VLM,
    pool: Benchmark,
    test: Benchmark,
    shots,
    methods=METHODS,
    part: str = "self-attention",
    draws: int = 1,
    seed: int = 0,
    cache=None,
) -> pd.DataFrame:
    """Every method on the same labelled questions of every task, several times drawn.

    `pool` holds the questions that shots are drawn from, at least as many of each task as the
    largest of `shots`. Columns: task, draw, shots, method, base, accuracy, delta (on the questions
    of `test`, in fractions), seconds (to choose or to train).
    """
    before = sweep(vlm, test, layers=[], cache=cache).set_index("question").correct
    rows = []
    for task in test.tasks:
        task_test, lessons = (benchmark.subset(tasks=[task.name]) for benchmark in (test, pool))
        base = before.reindex([q.id for q in task_test.questions]).mean()
        for draw in range(draws):
            order = np.random.default_rng([seed, draw]).permutation(len(lessons.questions))
            for number in shots:
                few = lessons.only([lessons.questions[i] for i in order[:number]])
                for method in methods:
                    run = few_shot(vlm, method, few, task_test, part, draw, cache)
                    accuracy = run["right"].mean()
                    row = dict(task=task.name, draw=draw, shots=number, method=method, base=base)
                    row |= dict(accuracy=accuracy, delta=accuracy - base)
                    rows.append(row | dict(seconds=run["seconds"]))
    return pd.DataFrame(rows)


def _tuned(vlm, few, method, seed):
    return fine_tune(
        vlm, few, method, batch=BATCH, seed=seed, steps=training_steps(len(few.questions))
    )


def training_steps(questions: int) -> int:
    """How many batches fine-tuning takes: PASSES times over the questions, at most MOST_STEPS, but
    every question once.
    """
    size = min(BATCH, questions)
    return max(-(-questions // size), min(MOST_STEPS, -(-PASSES * questions // size)))


def _merging(vlm, few, seed):
    if len(few.questions) < 2:
        raise BadInput(
            "merging learns on one half of the questions and chooses its share on the other; give "
            "it at least two"
        )
    halves = [few.only(few.questions[i::2]) for i in range(2)]
    tuned = _tuned(vlm, halves[0], "lora", seed)
    models = [merged(vlm, tuned, amount) for amount in AMOUNTS]
    return models[
        int(
            np.argmax(
                [all_scored(sweep(model, halves[1], layers=[])).correct.mean() for model in models]
            )
        )
    ]
