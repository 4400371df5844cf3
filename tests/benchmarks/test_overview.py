import random

import pytest
from drawings import png

from talo_mini import Benchmark, Question, Task
from talo_mini.benchmarks.overview import question_of_each, task_overview

TASKS = (Task("more", "counting"), Task("colour", "perception", trained=False))


@pytest.fixture
def benchmark():
    """Five questions of each task, in turn."""
    questions = [
        Question(f"{task.name}/{i}", task.name, png(), f"{task.name} {i}?", ("a", "b"), 0, "direct")
        for i in range(5)
        for task in TASKS
    ]
    return Benchmark("b", TASKS, tuple(questions))


def test_every_task_is_shown_with_its_first_question(benchmark):
    table = task_overview(benchmark)
    assert table.to_dict("records") == [
        dict(ability="counting", task="more", training="", example="more 0?"),
        dict(ability="perception", task="colour", training="held out", example="colour 0?"),
    ]


def test_one_question_of_each_of_some_tasks(benchmark):
    (question,) = question_of_each(benchmark, 1, seed=3)
    rng = random.Random(3)
    (task,) = rng.sample(TASKS, 1)
    own = [question for question in benchmark.questions if question.task == task.name]
    assert question is rng.choice(own)


def test_of_more_tasks_than_there_are_each_comes_once(benchmark):
    drawn = [question_of_each(benchmark, 9, seed) for seed in range(20)]
    assert all({question.task for question in own} == {"more", "colour"} for own in drawn)
    assert all(len(own) == 2 for own in drawn)
    assert len({question.id for own in drawn for question in own}) > 4  # not always the same
