"""Handwritten digits from scikit-learn's `load_digits`: alone, in pairs, and in tables."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw

from .objects import COLOURS
from .world import Asked, World

DIGITS = tuple("0123456789")
SUMS = tuple(str(n) for n in range(19))


@cache
def handwriting(split: str):
    """The 8 x 8 scans of one split as (pixels [n, 8, 8] uint8, labels [n]); every fourth scan is a
    test scan.

    Source: scikit-learn's `load_digits`, the test part of the UCI optical digits.
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    test = np.arange(len(data.target)) % 4 == 3
    chosen = test if split == "test" else ~test
    return (data.images[chosen] * (255 / 16)).astype(np.uint8), data.target[chosen]


@dataclass(frozen=True)
class Digit:
    value: int
    scan: int
    row: int
    column: int
    colour: str = "black"


def write(image, digit, split):
    """Put the scan of a digit as black ink into its 16-pixel cell."""
    ink = Image.fromarray(255 - handwriting(split)[0][digit.scan]).resize(
        (16, 16), Image.Resampling.NEAREST
    )
    image.paste(ink, (16 * digit.column, 16 * digit.row))


def _pick(rng, split, value=None):
    labels = handwriting(split)[1]
    while True:
        scan = rng.randrange(len(labels))
        if value is None or labels[scan] == value:
            return int(labels[scan]), scan


def sample_pair(rng, split):
    """Two digits, one in each half of the picture."""
    left = Digit(*_pick(rng, split), rng.randrange(4), rng.randrange(2))
    right = Digit(*_pick(rng, split), rng.randrange(4), 2 + rng.randrange(2))
    return split, (left, right)


def draw_pair(scene, write=write):
    """A white 64 x 64 picture with the digits in their cells, each written by `write`."""
    split, digits = scene
    image = Image.new("RGB", (64, 64), (255, 255, 255))
    for digit in digits:
        write(image, digit, split)
    return image


def describe_pair(scene):
    """The digits from left to right: "7 2"."""
    return " ".join(str(digit.value) for digit in scene[1])


def shown(scene):
    """The digits of a picture: a guess among these has seen it."""
    return tuple(sorted({str(digit.value) for digit in scene[1]}))


def digit_left(scene, rng):
    left, _ = scene[1]
    return Asked("what is the left digit?", str(left.value), DIGITS, seen=shown(scene))


def digit_right(scene, rng):
    _, right = scene[1]
    return Asked("what is the right digit?", str(right.value), DIGITS, seen=shown(scene))


def digit_sum(scene, rng):
    return Asked("what is the sum of the digits?", str(sum(d.value for d in scene[1])), SUMS)


def digit_largest(scene, rng):
    largest = max(d.value for d in scene[1])
    return Asked("what is the largest digit?", str(largest), DIGITS, seen=shown(scene))


def digit_smallest(scene, rng):
    smallest = min(d.value for d in scene[1])
    return Asked("what is the smallest digit?", str(smallest), DIGITS, seen=shown(scene))


def _parity(digit, side):
    return Asked(
        f"is the {side} digit even or odd?", ("even", "odd")[digit.value % 2], ("even", "odd")
    )


def left_parity(scene, rng):
    return _parity(scene[1][0], "left")


def right_parity(scene, rng):
    return _parity(scene[1][1], "right")


PAIRS = World(
    "digits",
    sample_pair,
    draw_pair,
    describe_pair,
    {
        "digits and arithmetic": (
            digit_left,
            digit_right,
            digit_sum,
            digit_largest,
            digit_smallest,
            left_parity,
            right_parity,
        ),
    },
    held_out=(right_parity,),
)


def sample_table(rng, split):
    """3 or 4 rows, each a colour and a different number."""
    count = rng.randint(3, 4)
    values = rng.sample(range(10), count)
    column = rng.randint(1, 3)
    rows = zip(values, rng.sample(list(COLOURS), count), rng.sample(range(4), count), strict=False)
    return split, tuple(
        Digit(*_pick(rng, split, value), row, column, colour) for value, colour, row in rows
    )


def draw_table(scene, write=write, colours=COLOURS):
    """A 64 x 64 picture: colour swatches down the left, numbers in rows, lines between."""
    split, digits = scene
    image = Image.new("RGB", (64, 64), (255, 255, 255))
    pen = ImageDraw.Draw(image)
    for digit in digits:
        write(image, digit, split)
        pen.rectangle((2, 16 * digit.row + 3, 12, 16 * digit.row + 13), colours[digit.colour])
    for line in (16, 32, 48):
        pen.line((0, line - 1, 63, line - 1), (190, 190, 190))
    return image


def describe_table(scene):
    """The rows from top to bottom: "red 5 blue 3"."""
    return " ".join(
        f"{digit.colour} {digit.value}" for digit in sorted(scene[1], key=lambda digit: digit.row)
    )


def table_read(scene, rng):
    digit = rng.choice(scene[1])
    return Asked(
        f"what number is in the {digit.colour} row?", str(digit.value), DIGITS, seen=shown(scene)
    )


def table_row(scene, rng):
    digit = rng.choice(scene[1])
    return Asked(
        f"which row has the number {digit.value}?", digit.colour, tuple(d.colour for d in scene[1])
    )


def _which(scene, word, side):
    return Asked(
        f"which row has the {word} number?",
        max(scene[1], key=lambda d: side * d.value).colour,
        tuple(d.colour for d in scene[1]),
    )


def table_largest(scene, rng):
    return _which(scene, "largest", 1)


def table_smallest(scene, rng):
    return _which(scene, "smallest", -1)


TABLES = World(
    "tables",
    sample_table,
    draw_table,
    describe_table,
    {
        "charts and tables": (table_read, table_row, table_largest, table_smallest),
    },
    held_out=(table_smallest,),
)
