"""The mini worlds drawn as training never drew them: the same scenes, questions and chances.

Other sizes, shades, outlines and places, other paper, and digits in a font instead of handwriting.
Each thing in a picture is drawn so with the probability `level`, each picture's paper too. How
often was set on pictures of the training half (`python -m talo_mini.minis.difficulty`).
"""

import random
from collections.abc import Callable

from PIL import Image, ImageDraw

from . import charts, digits, maps, objects
from .objects import COLOURS

LEVEL = 0.5
TRIED = (0.25, 0.5, 0.75, 1.0)  # levels that the command tries
DARK, LIGHT = (0, 0, 0), (255, 255, 255)
OUTLINE = (110, 110, 110)
PAPERS = ((175, 190, 205), (205, 190, 175), (70, 60, 60))
RADII = {"small": 3, "large": 8}  # pixels; 4 and 7 in training
# Which strokes a digit has: top, both upper sides, middle, both lower sides, bottom
STROKES = {
    0: "1110111",
    1: "0010010",
    2: "1011101",
    3: "1011011",
    4: "0111010",
    5: "1101011",
    6: "1101111",
    7: "1010010",
    8: "1111111",
    9: "1111011",
}
WIDE, HIGH = 6, 10  # pixels from one stroke of a digit to the opposite one


def mixed(colour, other, share: float):
    """A colour with a share of another one."""
    return tuple(
        round((1 - share) * one + share * two) for one, two in zip(colour, other, strict=True)
    )


def shade(colour, rng: random.Random):
    """The colour lighter or darker by 15% to 30%."""
    return mixed(colour, rng.choice((DARK, LIGHT)), rng.uniform(0.15, 0.3))


def things(scene, level: float, rng: random.Random) -> Image.Image:
    """Objects smaller or larger than any, farther from the middle of their cells, some outlined."""
    background, shown = scene
    paper = rng.choice(PAPERS) if rng.random() < level else background
    image = Image.new("RGB", (64, 64), paper)
    pen = ImageDraw.Draw(image)
    for thing in shown:
        if rng.random() >= level:
            objects.draw_thing(pen, thing)
            continue
        moved = tuple(rng.choice((-3, -2, 2, 3)) for _ in range(2))
        radius, fill = RADII[thing.size], shade(COLOURS[thing.colour], rng)
        if rng.random() < 0.5:
            objects.draw_thing(pen, thing, moved, radius + 1, OUTLINE)
        objects.draw_thing(pen, thing, moved, radius, fill)
    return image


def bars(scene, level: float, rng: random.Random) -> Image.Image:
    """Bars that are narrower or wider than any, elsewhere between their neighbours, outlined."""
    tint, margin, shown = scene
    paper = rng.randint(185, 210) if rng.random() < level else tint
    image = charts.paper(paper)
    pen = ImageDraw.Draw(image)
    for i, bar in enumerate(shown):
        left, right = 16 * i + margin, 16 * i + margin + 9
        colour, outline = COLOURS[bar.colour], None
        if rng.random() < level:
            width = rng.choice((4, 5, 12, 13))
            left = 16 * i + rng.randint(1, 14 - width)
            right, colour, outline = left + width, shade(colour, rng), OUTLINE
        top = charts.BASE - bar.value * charts.UNIT
        pen.rectangle((left, top, right, charts.BASE), colour, outline)
    return image


def printed(image: Image.Image, digit: digits.Digit, ink, moved=(0, 0)):
    """A digit of straight strokes, as on a clock, in the middle of its 16-pixel cell or moved."""
    pen = ImageDraw.Draw(image)
    left = 16 * digit.column + (15 - WIDE) // 2 + moved[0]
    top = 16 * digit.row + (15 - HIGH) // 2 + moved[1]
    right, middle, bottom = left + WIDE, top + HIGH // 2, top + HIGH
    lines = (
        (left, top, right, top),
        (left, top, left, middle),
        (right, top, right, middle),
        (left, middle, right, middle),
        (left, middle, left, bottom),
        (right, middle, right, bottom),
        (left, bottom, right, bottom),
    )
    for line, drawn in zip(lines, STROKES[digit.value], strict=True):
        if drawn == "1":
            pen.line(line, ink, width=2)


def _writer(level, rng):
    """Writes a digit by hand, or prints it."""

    def write(image, digit, split):
        if rng.random() >= level:
            digits.write(image, digit, split)
            return
        ink = (rng.randint(0, 90),) * 3
        printed(image, digit, ink, (rng.randint(-2, 2), rng.randint(-1, 1)))

    return write


def pair(scene, level: float, rng: random.Random) -> Image.Image:
    """Digits that are printed instead of handwritten."""
    return digits.draw_pair(scene, _writer(level, rng))


def table(scene, level: float, rng: random.Random) -> Image.Image:
    """Printed digits, and swatches of other shades."""
    colours = {
        name: shade(colour, rng) if rng.random() < level else colour
        for name, colour in COLOURS.items()
    }
    return digits.draw_table(scene, _writer(level, rng), colours)


def states(scene, level: float, rng: random.Random) -> Image.Image:
    """States of other shades and with dark borders; land of another tint, lower and to a side."""
    top, tint, highlighted = scene
    place = (0, top)
    if rng.random() < level:
        place, tint = (rng.randint(-2, 2), rng.randint(9, 10)), rng.randint(120, 145)
    fills = {name: maps.HIGHLIGHTS[colour] for colour, name in highlighted}
    borders = dict(fills)
    for name, fill in fills.items():
        if rng.random() < level:
            fills[name] = shade(fill, rng)
            borders[name] = OUTLINE
    return maps.painted(place, tint, fills, borders)


BRUSHES: dict[str, Callable[..., Image.Image]] = {
    "objects": things,
    "charts": bars,
    "digits": pair,
    "tables": table,
    "maps": states,
}
