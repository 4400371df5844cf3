"""Harder pictures of the same questions: the same for both forms, another for each picture."""

import random

import numpy as np
import pytest
from PIL import Image

from talo_mini import BadInput, load_benchmark
from talo_mini.benchmarks.mini_worlds.difficulty import DIFFICULTIES, harder, noisy

TASKS = ["object_colour", "map_west"]


@pytest.fixture(scope="module")
def plain():
    return load_benchmark("mini-worlds", TASKS, per_task=6)


@pytest.mark.parametrize("name", DIFFICULTIES)
def test_only_the_pictures_change(plain, name):
    made = load_benchmark(f"mini-worlds-{name}", TASKS, per_task=6)
    assert made.name == f"mini-worlds-{name}" and made.tasks == plain.tasks
    for one, other in zip(plain.questions, made.questions, strict=True):
        same = ("id", "task", "text", "options", "answer", "form", "seen")
        assert all(getattr(one, field) == getattr(other, field) for field in same)
        assert one.image_bytes != other.image_bytes and one.image.size == other.image.size


@pytest.mark.parametrize("name", DIFFICULTIES)
def test_both_forms_of_a_question_see_the_same_and_it_can_be_made_again(plain, name):
    first, second = (harder(plain, name) for _ in range(2))
    assert first == second
    pictures = {}
    for question in first.questions:
        pictures.setdefault(question.id.rpartition("/")[0], set()).add(question.image_bytes)
    assert all(len(seen) == 1 for seen in pictures.values())
    assert len(set.union(*pictures.values())) == 12


def test_noise_has_the_deviation_of_its_level():
    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    for level in (5, 20):
        values = np.asarray(noisy(grey, level, random.Random(0)), float)
        assert values.std() == pytest.approx(level, rel=0.05)
        assert values.mean() == pytest.approx(128, abs=1)


def test_a_difficulty_that_does_not_exist_is_told():
    with pytest.raises(BadInput, match=r"unknown benchmark 'mini-worlds-hard'.*mini-worlds-noisy"):
        load_benchmark("mini-worlds-hard")


@pytest.mark.parametrize("name", DIFFICULTIES)
def test_a_task_that_does_not_exist_is_told_of_the_harder_set(name):
    with pytest.raises(BadInput, match=f"'mini-worlds-{name}' has no task 'flying'"):
        load_benchmark(f"mini-worlds-{name}", "flying", per_task=1)
