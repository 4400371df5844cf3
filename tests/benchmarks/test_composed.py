"""Questions of two steps are right by the scene they ask about, in words the minis know."""

import random
from collections import Counter

import pytest

from talo_mini import BadInput, load_benchmark
from talo_mini.benchmarks.mini_worlds import ASKERS, composed, composed_benchmark, objects
from talo_mini.benchmarks.mini_worlds.objects import Thing
from talo_mini.minis.architectures import vocabulary

WORLDS = composed.worlds()
ASKED = {
    asker.__name__: (world, asker)
    for world in WORLDS
    for askers in world.abilities.values()
    for asker in askers
}
NEW = sorted(set(ASKED) - set(ASKERS))


def asked(name, number):
    """Questions of a task about scenes of its world."""
    world, asker = ASKED[name]
    rng = random.Random(name)
    found = []
    while len(found) < number:
        scene = world.sample(rng, "train")
        question = asker(scene, rng)
        if question:
            found.append((scene, question))
    return found


@pytest.mark.parametrize("name", NEW)
def test_every_answer_is_a_candidate_and_every_word_is_known(name):
    words = set(vocabulary())
    for _, question in asked(name, 40):
        assert question.answer in question.candidates
        assert not question.seen or question.answer in question.seen
        assert set(question.text.rstrip("?").split()) <= words, question.text
    answers = {question.answer for _, question in asked(name, 40)}
    assert len(answers) > 1


SCENE = (
    (255, 255, 255),
    (
        Thing("circle", "red", "small", 0, 3, (0, 0)),
        Thing("square", "red", "large", 1, 1, (0, 0)),
        Thing("circle", "blue", "small", 3, 0, (0, 0)),
    ),
)


def answer(name, scene, wanted, seed=0):
    """The answer to the first question of a task that begins or ends as wanted."""
    rng = random.Random(seed)
    for _ in range(200):
        question = ASKED[name][1](scene, rng)
        if question and wanted in question.text:
            return question.answer
    raise AssertionError(f"{name} never asks {wanted!r}")


def test_answers_about_a_known_scene():
    assert answer("leftmost_of_colour", SCENE, "leftmost red") == "square"
    assert answer("rightmost_of_shape", SCENE, "rightmost circle") == "red"
    assert answer("leftmost_of_shape", SCENE, "leftmost circle") == "blue"
    assert answer("corner_of_colour", SCENE, "nearest to the blue") == "bottom-left"
    assert (
        answer("colour_left_of_shape", SCENE, "blue object left or right of the square") == "left"
    )
    assert answer("colour_above_shape", SCENE, "blue object above or below the square") == "below"
    assert answer("leftmost_size", SCENE, "leftmost") == "small"
    assert answer("leftmost_corner", SCENE, "leftmost") == "bottom-left"
    assert answer("ends_same_colour", SCENE, "same colour") == "no"
    assert answer("count_colour_size", SCENE, "small red") == "1"
    assert answer("exists_of_size", SCENE, "large red square") == "yes"
    more = (SCENE[0], (*SCENE[1], Thing("cross", "green", "large", 2, 2, (0, 0))))
    asked_of = "green object above or below the leftmost"
    assert answer("colour_above_leftmost", more, asked_of) == "above"


def test_what_is_seen_from_itself_is_never_asked():
    """A thing known by its colour and by its shape at once has no side to itself."""
    alone = (SCENE[0], SCENE[1][1:2])
    for name in ("colour_left_of_shape", "colour_above_shape"):
        assert ASKED[name][1](alone, random.Random(0)) is None


def test_answers_about_charts_digits_and_tables():
    for scene, question in asked("tallest_value", 5):
        assert question.answer == str(max(bar.value for bar in scene[2]))
    for scene, question in asked("chart_sum", 5):
        values = {bar.colour: bar.value for bar in scene[2] if f"{bar.colour} bar" in question.text}
        assert question.answer == str(sum(values.values())) and len(values) == 2
    for scene, question in asked("sum_parity", 5):
        total = sum(digit.value for digit in scene[1])
        assert question.answer == ("odd" if total % 2 else "even")
    for scene, question in asked("farthest_colour", 5):
        assert question.answer in [colour for colour, _ in scene[2]]


@pytest.mark.parametrize("name", ["count_size", "ends_same_colour", "tallest_value"])
def test_every_answer_is_as_often_right_as_any_other(name):
    made = composed_benchmark([name], 60)
    right = [question.options[question.answer] for question in made.questions]
    counts = Counter(right[1::2])  # the direct form's
    assert max(counts.values()) - min(counts.values()) <= 2
    assert sum(counts.values()) == 60 and set(counts) == set(made.questions[1].options)


def test_pictures_hold_more_objects_than_any_of_training():
    rng = random.Random(0)
    counts = {len(WORLDS[0].sample(rng, "train")[1]) for _ in range(200)}
    assert counts == set(range(composed.FEWEST, composed.MOST + 1))
    assert max(len(objects.sample(rng, "train")[1]) for _ in range(200)) == 6


def test_the_benchmark_has_both_forms_and_another_half_for_levels():
    made = load_benchmark("mini-worlds-composed", ["chart_sum", "object_colour"], per_task=4)
    assert made.name == "mini-worlds-composed" and len(made.questions) == 2 * 2 * 4
    assert not any(task.trained for task in made.tasks)
    other = composed_benchmark(["chart_sum"], 4, "train", 12)
    pictures = {question.image_bytes for question in made.questions}
    assert not pictures & {question.image_bytes for question in other.questions}
    assert other.name == "mini-worlds-composed-train"
    for most in (6, 17):
        with pytest.raises(BadInput, match=f"7 to 16, not {most}"):
            composed_benchmark(["chart_sum"], 1, most=most)
    with pytest.raises(BadInput, match="has no task 'count_all'"):
        load_benchmark("mini-worlds-composed", ["count_all"], per_task=1)
