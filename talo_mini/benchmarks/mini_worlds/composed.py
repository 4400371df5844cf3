"""Questions of two steps, each of a kind that is taught alone; and pictures of more objects.

How many objects was set on pictures of the training half (`python -m talo_mini.minis.difficulty`).
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from . import charts, digits, maps, objects
from .objects import COLOURS, CORNERS, COUNTS, SHAPES, YES_NO, corner, extreme, shown
from .world import Asked, World, unique

CELLS = 16  # places for an object
FEWEST, MOST = 7, 12  # objects a picture; training has at most 6
TRIED = (7, 9, 12, 15)  # numbers of most objects that the command tries
PARITY = ("even", "odd")
BESIDE = {
    "left or right of": ("column", ("left", "right")),
    "above or below": ("row", ("above", "below")),
}
TAUGHT = {"north": ("latitude", 1), "south": ("latitude", -1), "east": ("longitude", 1)}


def _first(things, side=1):
    """The one thing that lies leftmost (or, with -1, rightmost) of these, or None."""
    return extreme((None, things), side) if len(things) > 1 else None


def _end_of(scene, rng, side, known, asked):
    """Of the things that are alike in one field, the one at an end of the picture: its value in
    another field, and the values of all of them; None where all are alike there too.
    """
    like = getattr(rng.choice(scene[1]), known)
    things = [thing for thing in scene[1] if getattr(thing, known) == like]
    thing, seen = _first(things, side), shown((None, things), asked)
    return None if thing is None or len(seen) < 2 else (like, getattr(thing, asked), seen)


def leftmost_of_colour(scene, rng):
    end_values = _end_of(scene, rng, 1, "colour", "shape")
    if end_values is None:
        return None
    colour, shape, seen = end_values
    return Asked(f"what shape is the leftmost {colour} object?", shape, SHAPES, seen=seen)


def _colour_of_end(scene, rng, word, side):
    end_values = _end_of(scene, rng, side, "shape", "colour")
    if end_values is None:
        return None
    shape, colour, seen = end_values
    return Asked(f"what colour is the {word} {shape}?", colour, tuple(COLOURS), seen=seen)


def leftmost_of_shape(scene, rng):
    return _colour_of_end(scene, rng, "leftmost", 1)


def rightmost_of_shape(scene, rng):
    return _colour_of_end(scene, rng, "rightmost", -1)


def corner_of_colour(scene, rng):
    thing = unique(scene[1], "colour", rng)
    corners = {corner(other) for other in scene[1]}
    return thing and Asked(
        f"which corner is nearest to the {thing.colour} object?",
        corner(thing),
        CORNERS,
        seen=tuple(sorted(corners)),
    )


def _beside(one, relation, other, called):
    """Where a thing known by its colour lies, seen from another; None where they lie alike."""
    axis, words = BESIDE[relation]
    if one is None or other is None or getattr(one, axis) == getattr(other, axis):
        return None
    answer = words[getattr(one, axis) > getattr(other, axis)]
    return Asked(f"is the {one.colour} object {relation} the {called}?", answer, words)


def _beside_shape(scene, rng, relation):
    one, other = unique(scene[1], "colour", rng), unique(scene[1], "shape", rng)
    return other and _beside(one, relation, other, other.shape)


def colour_left_of_shape(scene, rng):
    return _beside_shape(scene, rng, "left or right of")


def colour_above_shape(scene, rng):
    return _beside_shape(scene, rng, "above or below")


def colour_above_leftmost(scene, rng):
    one, other = unique(scene[1], "colour", rng), _first(scene[1])
    return _beside(one, "above or below", other, "leftmost object")


def leftmost_size(scene, rng):
    thing = _first(scene[1])
    return thing and Asked(
        "is the leftmost object small or large?",
        thing.size,
        ("small", "large"),
        seen=shown(scene, "size"),
    )


def leftmost_corner(scene, rng):
    thing = _first(scene[1])
    return thing and Asked(
        "which corner is nearest to the leftmost object?",
        corner(thing),
        CORNERS[::2],  # the left ones: no other can be right of so many objects
    )


def ends_same_colour(scene, rng):
    one, other = _first(scene[1]), _first(scene[1], -1)
    if one is None or other is None:
        return None
    return Asked(
        "are the leftmost object and the rightmost object the same colour?",
        YES_NO[one.colour != other.colour],
        YES_NO,
    )


def count_colour_size(scene, rng):
    size, colour = rng.choice(("small", "large")), rng.choice(list(COLOURS))
    count = sum((thing.size, thing.colour) == (size, colour) for thing in scene[1])
    text = f"how many {size} {colour} objects are there?"
    return Asked(text, str(count), COUNTS) if count < len(COUNTS) else None


def exists_of_size(scene, rng):
    fields = ("size", "colour", "shape")
    description = tuple(getattr(rng.choice(scene[1]), field) for field in fields)
    is_there = any(tuple(getattr(thing, f) for f in fields) == description for thing in scene[1])
    return Asked(f"is there a {' '.join(description)}?", YES_NO[not is_there], YES_NO)


def _largest(things, text, candidates):
    """The largest of three or more different values: the two smallest of all cannot be it."""
    values = {str(thing.value) for thing in things}
    possible = candidates[2:]
    seen = tuple(value for value in possible if value in values)
    return Asked(text, seen[-1], possible, seen=seen)


def tallest_value(scene, rng):
    return _largest(scene[2], "what is the value of the tallest bar?", charts.VALUES)


def chart_parity(scene, rng):
    bar = rng.choice(scene[2])
    return Asked(
        f"is the value of the {bar.colour} bar even or odd?", PARITY[bar.value % 2], PARITY
    )


def _sum(things, word, candidates, rng):
    """The sum of two of the bars or rows."""
    one, other = rng.sample(things, 2)
    text = f"what is the sum of the {one.colour} {word} and the {other.colour} {word}?"
    return Asked(text, str(one.value + other.value), candidates)


def chart_sum(scene, rng):
    return _sum(scene[2], "bar", digits.SUMS[3:16], rng)


def sum_parity(scene, rng):
    total = sum(digit.value for digit in scene[1])
    return Asked("is the sum of the digits even or odd?", PARITY[total % 2], PARITY)


def largest_parity(scene, rng):
    largest = max(digit.value for digit in scene[1])
    return Asked("is the largest digit even or odd?", PARITY[largest % 2], PARITY)


def left_is_largest(scene, rng):
    left, right = scene[1]
    if left.value == right.value:
        return None
    return Asked("is the left digit the largest?", YES_NO[left.value < right.value], YES_NO)


def row_parity(scene, rng):
    digit = rng.choice(scene[1])
    return Asked(
        f"is the number in the {digit.colour} row even or odd?", PARITY[digit.value % 2], PARITY
    )


def largest_number(scene, rng):
    return _largest(scene[1], "what is the largest number?", digits.DIGITS)


def table_sum(scene, rng):
    return _sum(scene[1], "row", digits.SUMS[1:18], rng)


def _farthest(scene, rng):
    """A taught direction, and the colour and name of the state that lies farthest there."""
    word = rng.choice(list(TAUGHT))
    state = maps.farthest(scene, *TAUGHT[word])
    return word, state and next(colour for colour, name in scene[2] if name == state)


def farthest_colour(scene, rng):
    word, colour = _farthest(scene, rng)
    return colour and Asked(
        f"what colour is the state farthest {word}?", colour, tuple(maps.HIGHLIGHTS)
    )


def is_farthest(scene, rng):
    word, colour = _farthest(scene, rng)
    if colour is None:
        return None
    asked = colour if rng.random() < 0.5 else rng.choice(scene[2])[0]
    return Asked(f"is the {asked} state the farthest {word}?", YES_NO[asked != colour], YES_NO)


TWO_STEPS: dict[str, dict[str, tuple[Callable, ...]]] = {
    "objects": {
        "counting": (count_colour_size,),
        "spatial": (
            leftmost_of_colour,
            leftmost_of_shape,
            rightmost_of_shape,
            leftmost_size,
            leftmost_corner,
            corner_of_colour,
            colour_left_of_shape,
            colour_above_shape,
            colour_above_leftmost,
        ),
        "logic": (ends_same_colour, exists_of_size),
    },
    "charts": {"charts and tables": (tallest_value, chart_parity, chart_sum)},
    "digits": {"digits and arithmetic": (sum_parity, largest_parity, left_is_largest)},
    "tables": {"charts and tables": (row_parity, largest_number, table_sum)},
    "maps": {"maps": (farthest_colour, is_farthest)},
}


def worlds(most: int = MOST) -> tuple[World, ...]:
    """The worlds with pictures of up to `most` objects; what was asked of objects is asked too."""
    crowded = {
        # of more objects than can be answered it cannot be asked how many there are
        ability: tuple(asker for asker in askers if asker is not objects.count_all)
        for ability, askers in objects.WORLD.abilities.items()
    }
    for ability, askers in TWO_STEPS["objects"].items():
        crowded[ability] += askers
    sample = partial(objects.sample, fewest=FEWEST, most=most)
    others = (charts.WORLD, digits.PAIRS, digits.TABLES, maps.WORLD)
    return (
        replace(objects.WORLD, sample=sample, abilities=crowded),
        *(replace(world, abilities=TWO_STEPS[world.name]) for world in others),
    )
