import itertools
import random
from collections import Counter

import pytest
from PIL import Image, ImageOps

from talo_mini import BadInput, load_benchmark
from talo_mini.benchmarks import easy_vqa, load_available_tasks, mini_worlds
from talo_mini.benchmarks.mini_worlds import (
    ASKERS,
    TASKS,
    _wanted,
    charts,
    digits,
    lessons,
    maps,
    objects,
)
from talo_mini.benchmarks.mini_worlds.objects import Thing
from talo_mini.benchmarks.mini_worlds.world import is_test_picture
from talo_mini.benchmarks.questions import Question


@pytest.fixture(scope="module")
def worlds():
    return load_benchmark("mini-worlds", per_task=24)


def test_size():
    assert len(TASKS) >= 30 and len({t.ability for t in TASKS}) >= 6
    assert sum(not t.trained for t in TASKS) >= 5
    assert mini_worlds.TEST_QUESTIONS >= 400


def test_both_forms_share_picture_and_answer(worlds):
    pairs = {}
    for q in worlds.questions:
        pairs.setdefault(q.id.rsplit("/", 1)[0], {})[q.form] = q
    for pair in pairs.values():
        assert set(pair) == {"choice", "direct"}
        assert pair["choice"].image_bytes == pair["direct"].image_bytes
        assert (
            pair["choice"].options[pair["choice"].answer]
            == pair["direct"].options[pair["direct"].answer]
        )


def test_answer_positions_are_balanced(worlds):
    for task in TASKS:
        choice = [
            q
            for q in worlds.questions
            if q.task == task.name and q.form == "choice" and len(q.options) == 4
        ]
        if len(choice) == 24:
            assert set(Counter(q.answer for q in choice).values()) == {6}, task


def test_questions_do_not_depend_on_how_many_are_drawn(worlds):
    few = load_benchmark("mini-worlds", per_task=3)
    assert {q.digest for q in few.questions} <= {q.digest for q in worlds.questions}


def test_no_test_picture_occurs_in_training(worlds):
    """The split looks at pixels only, so it suffices that each side keeps to its own half."""
    assert all(is_test_picture(q.image) for q in worlds.questions)
    for seed in range(3):
        assert not any(
            is_test_picture(image) for image, _ in itertools.islice(lessons(seed, "look"), 200)
        )


def test_training_questions_are_about_training_pictures(worlds):
    train = load_benchmark("mini-worlds-train", tasks=["digit_sum", "map_name"], per_task=8)
    assert not any(is_test_picture(q.image) for q in train.questions)
    assert not {q.id for q in train.questions} & {q.id for q in worlds.questions}
    assert Counter(q.form for q in train.questions) == {"choice": 16, "direct": 16}


def test_digit_scans_are_split():
    train, test = (digits.handwriting(split)[0] for split in ("train", "test"))
    assert len(train) > 2 * len(test) > 800
    assert not {scan.tobytes() for scan in train} & {scan.tobytes() for scan in test}


def test_held_out_questions_are_never_asked_in_training(worlds):
    patterns = [
        "small objects",
        "large objects",
        "shape is the rightmost",
        "which bar is shortest",
        "right digit even",
        "smallest number",
        "farthest west",
    ]
    held_out = [q.text for q in worlds.questions if not worlds.task(q.task).trained]
    assert all(any(p in text for p in patterns) for text in held_out)
    asked = [
        text
        for image, questions in itertools.islice(lessons(5, "answer"), 400)
        for text, _, _ in itertools.islice(questions, 10)
    ]
    assert not any(p in text for p in patterns for text in asked)
    known = {word for text in asked for word in text.rstrip("?").split()}
    assert {word for text in held_out for word in text.rstrip("?").split()} <= known


def test_answers_are_right_on_a_known_scene():
    scene = (
        objects.BACKGROUNDS[0],
        (
            Thing("circle", "red", "small", 0, 0, (0, 0)),
            Thing("square", "blue", "large", 3, 2, (0, 0)),
            Thing("cross", "blue", "small", 1, 3, (0, 0)),
        ),
    )
    rng = type(
        "FirstChoice",
        (),
        {
            "choice": lambda self, options: next(iter(options)),
            "sample": lambda self, options, k: list(options)[:k],
        },
    )()
    assert objects.object_colour(scene, rng).answer == "red"
    assert objects.count_all(scene, rng).answer == "3"
    assert objects.count_colour(scene, rng)[:2] == ("how many red objects are there?", "1")
    assert objects.leftmost_colour(scene, rng).answer == "red"
    assert objects.rightmost_shape(scene, rng).answer == "cross"
    assert objects.nearest_corner(scene, rng).answer == "top-left"
    bars = (240, 3, (charts.Bar("red", 2), charts.Bar("green", 7), charts.Bar("blue", 5)))
    assert charts.chart_tallest(bars, rng).answer == "green"
    assert charts.chart_shortest(bars, rng).answer == "red"
    assert charts.chart_compare(bars, rng)[:2] == (
        "is the red bar taller than the green bar?",
        "no",
    )
    pair = ("train", (digits.Digit(7, 0, 0, 0), digits.Digit(4, 1, 0, 2)))
    assert (
        digits.digit_sum(pair, rng).answer == "11"
        and digits.digit_smallest(pair, rng).answer == "4"
    )
    assert (
        digits.left_parity(pair, rng).answer == "odd"
        and digits.right_parity(pair, rng).answer == "even"
    )
    states = (
        2,
        200,
        (("red", "Maine"), ("green", "Texas"), ("blue", "Oregon"), ("yellow", "Florida")),
    )
    assert maps.map_name(states, rng)[:2] == ("which state is red?", "Maine")
    assert (
        maps.map_south(states, rng).answer == "Florida"
        and maps.map_west(states, rng).answer == "Oregon"
    )
    assert (
        maps.map_east(states, rng).answer == "Maine"
        and maps.map_east_or_west(states, rng).answer == "east"
    )


def test_states_lie_where_they_should():
    """Latitude and longitude of state centres, known to about a degree."""
    for name, (longitude, latitude) in {
        "Colorado": (-105.5, 39.0),
        "Maine": (-69.2, 45.3),
        "Florida": (-82, 28.5),
        "California": (-119.5, 37.2),
    }.items():
        state = maps.states()[name]
        assert abs(state.longitude - longitude) < 1 and abs(state.latitude - latitude) < 1
    assert len(maps.states()) == 49 and len(maps.names()) == 40


def test_easy_vqa_has_its_own_split():
    test = load_benchmark("easy-vqa")
    assert len(test.questions) == 9673
    assert len({o for q in test.questions for o in q.options}) == 13
    train = set()
    for path in (easy_vqa.folder("train") / "images").glob("*.png"):
        image = Image.open(path).convert("RGB")
        for turned in (image, ImageOps.mirror(image)):  # training mirrors pictures
            train |= {turned.tobytes(), ImageOps.flip(turned).tobytes()}
    pictures = {q.image_bytes: q.image for q in test.questions}
    assert len(pictures) == 1000 and not {image.tobytes() for image in pictures.values()} & train


def test_unknown_benchmark():
    with pytest.raises(BadInput, match="unknown benchmark 'imagenet'; use one of") as told:
        load_benchmark("imagenet")
    for name in ("mini-worlds", "mini-worlds-noisy", "mini-worlds-shifted", "easy-vqa", "mmstar"):
        assert f" {name}," in str(told.value)


def test_unknown_task():
    with pytest.raises(BadInput, match="has no task 'flying'"):
        load_benchmark("mini-worlds", tasks=["flying"], per_task=1)


def words_shown(options, caption):
    """The options that the caption of the whole scene names; "West Virginia" is no "Virginia"."""
    found, left = set(), f" {caption} "
    for option in sorted(options, key=len, reverse=True):
        if f" {option} " in left:
            found.add(option)
            left = left.replace(f" {option} ", "  ")
    return found


LOOKED_UP = (  # the answer is something that stands in the picture
    "object_colour",
    "object_shape",
    "object_size",
    "leftmost_colour",
    "rightmost_shape",
    "chart_value",
    "digit_left",
    "digit_largest",
    "table_read",
    "map_name",
    "map_west",
)


@pytest.mark.parametrize("task", LOOKED_UP)
def test_informed_chance_is_that_of_a_guess_among_what_the_picture_shows(task):
    """Derived anew from the scene's caption, and simulated."""
    rng, (world, asker) = random.Random(task), ASKERS[task]
    guesses, expected = [], []
    for i in range(60):
        scene, asked = _wanted(world, asker, random.Random(f"{task}/{i}"), i, "test")
        shown = words_shown(asked.candidates, world.describe(scene))
        seen = asked.seen or asked.shown
        assert shown == set(seen) & set(asked.candidates)
        right = asked.candidates.index(asked.answer)
        question = Question(
            "q", task, b"", asked.text, asked.candidates, right, "direct", seen=seen
        )
        expected.append(question.informed)
        guesses += [rng.choice(sorted(shown)) == asked.answer for _ in range(200)]
    assert sum(guesses) / len(guesses) == pytest.approx(sum(expected) / len(expected), abs=0.02)


def test_informed_chance_is_never_below_a_blind_guess(worlds):
    assert all(question.chance <= question.informed <= 1 for question in worlds.questions)
    means = {}
    for question in worlds.questions:
        if question.form == "direct":
            means.setdefault(question.task, []).append(question.informed)
    assert sum(means["map_west"]) / len(means["map_west"]) == 0.25  # four states are shown
    yes_no = [question for question in worlds.questions if question.options == ("yes", "no")]
    assert {question.informed for question in yes_no} == {0.5}


def test_where_the_answer_is_not_among_what_is_seen_only_the_blind_guess_counts(worlds):
    """A question that somebody gave other options."""
    other = Question("q", "t", b"", "?", ("a", "b", "c"), 0, "direct", seen=("b",))
    assert other.informed == other.chance == 1 / 3


def test_of_a_benchmark_beside_the_own_only_shared_tasks_are_asked():
    """mini-worlds-composed has tasks of its own; what it lacks is no error here."""
    composed = load_benchmark("mini-worlds-composed", per_task=2)
    some = composed.tasks[1].name
    found = load_available_tasks("mini-worlds-composed", [some, "map_west_of_nowhere"], 2)
    assert [task.name for task in found.tasks] == [some]
    assert [q.id for q in found.questions] == [q.id for q in composed.subset([some]).questions]
    every = load_available_tasks("mini-worlds-composed", None, 2)
    assert every.digest == composed.digest
