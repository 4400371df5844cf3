"""Shifted pictures show the same scenes as training never drew them."""

import random
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from talo_mini import BadInput, load_benchmark
from talo_mini.benchmarks.mini_worlds import (
    WORLDS,
    charts,
    digits,
    maps,
    objects,
    shifted,
    shifted_benchmark,
)

BY_NAME = {world.name: world for world in WORLDS}


def pixels(image):
    return np.asarray(image).astype(int)


def test_questions_are_the_same_and_pictures_are_not():
    tasks = [task.name for task in load_benchmark("mini-worlds", per_task=1).tasks if task.trained]
    plain = load_benchmark("mini-worlds", tasks, per_task=3)
    made = load_benchmark("mini-worlds-shifted", tasks, per_task=3)
    assert made.name == "mini-worlds-shifted" and made.tasks == plain.tasks
    other = [
        a.image_bytes != b.image_bytes for a, b in zip(plain.questions, made.questions, strict=True)
    ]
    assert 0.7 < np.mean(other) < 1  # half of the things: now and then none of a picture
    for one, two in zip(plain.questions, made.questions, strict=True):
        same = ("id", "task", "text", "options", "answer", "form", "seen")
        assert all(getattr(one, field) == getattr(two, field) for field in same)
        assert one.image.size == two.image.size
    for one, two in pairwise(made.questions):  # both forms see the same
        if one.id.rpartition("/")[0] == two.id.rpartition("/")[0]:
            assert one.image_bytes == two.image_bytes


@pytest.mark.parametrize("name", shifted.BRUSHES)
def test_nothing_is_drawn_otherwise_at_level_0_and_all_at_1(name):
    rng, world, brush = random.Random(name), BY_NAME[name], shifted.BRUSHES[name]
    for _ in range(20):
        scene = world.sample(rng, "train")
        plain = pixels(world.draw(scene))
        assert (pixels(brush(scene, 0, rng)) == plain).all()
        assert (pixels(brush(scene, 1, rng)) != plain).any()
        drawn = [pixels(brush(scene, 1, random.Random(3))) for _ in range(2)]
        assert (drawn[0] == drawn[1]).all()


@pytest.mark.parametrize("shape", objects.SHAPES)
@pytest.mark.parametrize("size", ["small", "large"])
def test_an_object_keeps_cell_and_kind_and_has_another_size_and_shade(shape, size):
    thing = objects.Thing(shape, "blue", size, 1, 2, (0, 0))
    scene = (255, 255, 255), (thing,)
    was = (pixels(objects.draw(scene)) != 255).any(-1).sum()
    for seed in range(10):
        found = pixels(shifted.things(scene, 1, random.Random(seed)))
        seen = (found != found[0, 0]).any(-1)
        rows, columns = np.nonzero(seen)
        assert (rows.mean() // 16, columns.mean() // 16) == (1, 2)
        blue = (found[..., 2] - found[..., 0] > 60) & seen
        assert blue.any() and not (found[blue] == objects.COLOURS["blue"]).all(-1).any()
        outlined = (found == shifted.OUTLINE).all(-1).any()
        assert outlined or (seen.sum() > was if size == "large" else seen.sum() < was)


def test_sizes_shades_and_places_are_none_of_training():
    assert not set(shifted.RADII.values()) & set(objects.RADII.values())
    assert not set(shifted.PAPERS) & set(objects.BACKGROUNDS)
    rng = random.Random(0)
    shades = {shifted.shade(colour, rng) for colour in objects.COLOURS.values() for _ in range(50)}
    assert not shades & set(objects.COLOURS.values())


def test_bars_keep_their_heights():
    rng = random.Random(1)
    for _ in range(20):
        scene = charts.sample(rng, "train")
        found = pixels(shifted.bars(scene, 1, random.Random(rng.random())))
        for i, bar in enumerate(scene[2]):
            cell = found[: charts.BASE + 1, 16 * i : 16 * (i + 1)]
            outlined = (cell == shifted.OUTLINE).all(-1).any(1)
            assert charts.BASE - np.nonzero(outlined)[0].min() == bar.value * charts.UNIT


def test_every_printed_digit_is_another_and_lies_in_its_cell():
    drawn = []
    for value in range(10):
        image = Image.new("RGB", (64, 64), "white")
        shifted.printed(image, digits.Digit(value, 0, 2, 1), (0, 0, 0), (2, 1))
        ink = pixels(image)[..., 0] < 255
        rows, columns = np.nonzero(ink)
        assert set(rows // 16) == {2} and set(columns // 16) == {1}
        drawn.append(ink.tobytes())
    assert len(set(drawn)) == 10


def test_states_keep_their_places_on_the_map():
    highlighted = (("red", "Texas"), ("blue", "Ohio"), ("green", "Utah"), ("yellow", "Maine"))
    scene = 4, 200, highlighted
    found = pixels(shifted.states(scene, 1, random.Random(5)))
    assert (found[:9] == 255).all()  # the land lies lower than any of training
    centres = {}
    for name, (red, green, blue) in maps.HIGHLIGHTS.items():
        shown = (found == found).all(-1) & (np.ptp(found, -1) > 40)
        share = found / found.max(-1, keepdims=True)
        hue = np.array((red, green, blue)) / max(red, green, blue)
        close = shown & (abs(share - hue).max(-1) < 0.35)
        centres[name] = np.argwhere(close).mean(0) if close.any() else None
    assert centres["blue"][1] > centres["red"][1] > centres["green"][1]


def test_a_level_that_does_not_exist_is_told():
    for level in (0, -0.1, 1.5):
        with pytest.raises(BadInput, match=f"above 0 to 1, not {level}"):
            shifted_benchmark(["more"], 1, level=level)


def test_levels_are_chosen_on_other_pictures():
    test, train = (shifted_benchmark(["more"], 5, split, 1) for split in ("test", "train"))
    assert train.name == "mini-worlds-shifted-train"
    pictures = {question.image_bytes for question in test.questions}
    assert not pictures & {question.image_bytes for question in train.questions}
