"""Bar charts: reading values and comparing them."""

from dataclasses import dataclass

from PIL import Image, ImageDraw

from .objects import COLOURS, YES_NO
from .world import Asked, World

VALUES = tuple(str(n) for n in range(1, 9))
UNIT = 7  # pixels a value
BASE = 61  # the row of pixels on which bars stand


@dataclass(frozen=True)
class Bar:
    colour: str
    value: int


def sample(rng, split):
    """A paper tint, a left margin, and 3 or 4 bars of different colours and values."""
    count = rng.randint(3, 4)
    bars = tuple(map(Bar, rng.sample(list(COLOURS), count), rng.sample(range(1, 9), count)))
    return rng.randint(225, 255), rng.randint(2, 5), bars


def draw(scene):
    """A 64 x 64 picture: bars on a base line, with a faint line at every second unit."""
    tint, margin, bars = scene
    image = paper(tint)
    pen = ImageDraw.Draw(image)
    for i, bar in enumerate(bars):
        left = 16 * i + margin
        pen.rectangle((left, BASE - bar.value * UNIT, left + 9, BASE), COLOURS[bar.colour])
    return image


def paper(tint):
    """The lines that bars stand on and are measured by."""
    image = Image.new("RGB", (64, 64), (tint, tint, tint))
    pen = ImageDraw.Draw(image)
    for level in range(2, 9, 2):
        pen.line((0, BASE - level * UNIT, 63, BASE - level * UNIT), (tint - 40,) * 3)
    pen.line((0, BASE + 1, 63, BASE + 1), (0, 0, 0))
    return image


def describe(scene):
    """The bars from left to right: "red 5 blue 3"."""
    return " ".join(f"{bar.colour} {bar.value}" for bar in scene[2])


def chart_value(scene, rng):
    bar = rng.choice(scene[2])
    shown = tuple(str(other.value) for other in scene[2])
    return Asked(f"what is the value of the {bar.colour} bar?", str(bar.value), VALUES, seen=shown)


def _which(scene, word, side):
    bars = scene[2]
    return Asked(
        f"which bar is {word}?",
        max(bars, key=lambda bar: side * bar.value).colour,
        tuple(bar.colour for bar in bars),
    )


def chart_tallest(scene, rng):
    return _which(scene, "tallest", 1)


def chart_shortest(scene, rng):
    return _which(scene, "shortest", -1)


def _is(scene, rng, word, side):
    bars = sorted(scene[2], key=lambda bar: -side * bar.value)
    bar = bars[0] if rng.random() < 0.5 else rng.choice(bars[1:])
    return Asked(f"is the {bar.colour} bar the {word}?", YES_NO[bar != bars[0]], YES_NO)


def chart_is_tallest(scene, rng):
    return _is(scene, rng, "tallest", 1)


def chart_is_shortest(scene, rng):
    return _is(scene, rng, "shortest", -1)


def chart_compare(scene, rng):
    one, other = rng.sample(scene[2], 2)
    return Asked(
        f"is the {one.colour} bar taller than the {other.colour} bar?",
        YES_NO[one.value < other.value],
        YES_NO,
    )


WORLD = World(
    "charts",
    sample,
    draw,
    describe,
    {
        "charts and tables": (
            chart_value,
            chart_tallest,
            chart_shortest,
            chart_is_tallest,
            chart_is_shortest,
            chart_compare,
        ),
    },
    held_out=(chart_shortest,),
)
