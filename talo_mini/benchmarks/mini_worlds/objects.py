"""Coloured objects on a 4 x 4 grid: perception, counting, space, comparison and logic."""

from dataclasses import dataclass

from PIL import Image, ImageDraw

from .world import Asked, World, unique

COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 160, 60),
    "blue": (50, 90, 230),
    "yellow": (245, 215, 50),
    "purple": (150, 60, 190),
    "orange": (245, 140, 30),
}
SHAPES = ("circle", "square", "triangle", "diamond", "cross")
BACKGROUNDS = ((255, 255, 255), (225, 225, 225), (20, 20, 20))
CORNERS = ("top-left", "top-right", "bottom-left", "bottom-right")
YES_NO = ("yes", "no")
COUNTS = tuple(str(n) for n in range(5))
CELL = 16  # pixels
RADII = {"small": 4, "large": 7}  # pixels


@dataclass(frozen=True)
class Thing:
    shape: str
    colour: str
    size: str
    row: int
    column: int
    nudge: tuple[int, int]


def sample(rng, split, fewest=2, most=6):
    """A background and so many things in different cells, from few or many colours and shapes."""
    colours = rng.sample(list(COLOURS), rng.randint(2, 6))
    shapes = rng.sample(SHAPES, rng.randint(2, 5))
    cells = rng.sample(range(16), rng.randint(fewest, most))
    things = [
        Thing(
            rng.choice(shapes),
            rng.choice(colours),
            rng.choice(("small", "large")),
            *divmod(cell, 4),
            (rng.randint(-1, 1), rng.randint(-1, 1)),
        )
        for cell in cells
    ]
    return rng.choice(BACKGROUNDS), tuple(things)


def draw(scene):
    """A 64 x 64 picture of the scene."""
    background, things = scene
    image = Image.new("RGB", (64, 64), background)
    pen = ImageDraw.Draw(image)
    for thing in things:
        draw_thing(pen, thing)
    return image


def draw_thing(pen, thing, nudge=None, r=None, fill=None):
    """A thing in its cell, moved by so many pixels, of the radius `r`; its own where not given."""
    across, down = thing.nudge if nudge is None else nudge
    r = RADII[thing.size] if r is None else r
    fill = COLOURS[thing.colour] if fill is None else fill
    x = thing.column * CELL + CELL // 2 + across
    y = thing.row * CELL + CELL // 2 + down
    if thing.shape == "circle":
        pen.ellipse((x - r, y - r, x + r - 1, y + r - 1), fill)
    elif thing.shape == "square":
        pen.rectangle((x - r, y - r, x + r - 1, y + r - 1), fill)
    elif thing.shape == "triangle":
        pen.polygon((x, y - r, x - r, y + r - 1, x + r, y + r - 1), fill)
    elif thing.shape == "diamond":
        pen.polygon((x, y - r, x + r, y, x, y + r, x - r, y), fill)
    else:
        arm = max(1, r // 3)
        pen.rectangle((x - arm, y - r, x + arm - 1, y + r - 1), fill)
        pen.rectangle((x - r, y - arm, x + r - 1, y + arm - 1), fill)


def describe(scene):
    """The things in reading order: "small red circle large blue square"."""
    things = sorted(scene[1], key=lambda thing: (thing.row, thing.column))
    return " ".join(f"{thing.size} {thing.colour} {thing.shape}" for thing in things)


def shown(scene, field):
    """What the things of a scene are, each once: a guess among these has seen the picture."""
    return tuple(sorted({getattr(thing, field) for thing in scene[1]}))


def corner(thing):
    """The corner of the picture in whose quarter a thing lies."""
    return CORNERS[2 * (thing.row > 1) + (thing.column > 1)]


def object_colour(scene, rng):
    thing = unique(scene[1], "shape", rng)
    return thing and Asked(
        f"what colour is the {thing.shape}?",
        thing.colour,
        tuple(COLOURS),
        seen=shown(scene, "colour"),
    )


def object_shape(scene, rng):
    thing = unique(scene[1], "colour", rng)
    return thing and Asked(
        f"what shape is the {thing.colour} object?",
        thing.shape,
        SHAPES,
        seen=shown(scene, "shape"),
    )


def object_size(scene, rng):
    thing = unique(scene[1], "colour", rng)
    return thing and Asked(
        f"is the {thing.colour} object small or large?",
        thing.size,
        ("small", "large"),
        seen=shown(scene, "size"),
    )


def count_all(scene, rng):
    return Asked("how many objects are there?", str(len(scene[1])), tuple("23456"))


def _count(scene, rng, field, words):
    wanted = rng.choice(words)
    count = sum(getattr(thing, field) == wanted for thing in scene[1])
    return wanted, str(count) if count < len(COUNTS) else None


def _up_to_all(scene):
    """The counts that a picture with so many things leaves."""
    return COUNTS[: len(scene[1]) + 1]


def count_colour(scene, rng):
    colour, count = _count(scene, rng, "colour", list(COLOURS))
    return count and Asked(
        f"how many {colour} objects are there?", count, COUNTS, seen=_up_to_all(scene)
    )


def count_shape(scene, rng):
    shape, count = _count(scene, rng, "shape", SHAPES)
    return count and Asked(
        f"how many {shape} objects are there?", count, COUNTS, seen=_up_to_all(scene)
    )


def count_size(scene, rng):
    size, count = _count(scene, rng, "size", ("small", "large"))
    return count and Asked(
        f"how many {size} objects are there?", count, COUNTS, seen=_up_to_all(scene)
    )


def _two(scene, rng, field):
    pair = [unique(scene[1], field, rng), unique(scene[1], field, rng)]
    return pair if all(pair) and pair[0] != pair[1] else (None, None)


def left_or_right(scene, rng):
    one, other = _two(scene, rng, "colour")
    if one is None or one.column == other.column:
        return None
    return Asked(
        f"is the {one.colour} object left or right of the {other.colour} object?",
        "left" if one.column < other.column else "right",
        ("left", "right"),
    )


def above_or_below(scene, rng):
    one, other = _two(scene, rng, "colour")
    if one is None or one.row == other.row:
        return None
    return Asked(
        f"is the {one.colour} object above or below the {other.colour} object?",
        "above" if one.row < other.row else "below",
        ("above", "below"),
    )


def nearest_corner(scene, rng):
    thing = unique(scene[1], "shape", rng)
    return thing and Asked(
        f"which corner is nearest to the {thing.shape}?",
        corner(thing),
        CORNERS,
        seen=tuple(sorted({corner(other) for other in scene[1]})),
    )


def extreme(scene, side):
    """The one thing whose column is smallest (side 1) or largest (side -1)."""
    things = sorted(scene[1], key=lambda thing: side * thing.column)
    return things[0] if things[0].column != things[1].column else None


def leftmost_colour(scene, rng):
    thing = extreme(scene, 1)
    return thing and Asked(
        "what colour is the leftmost object?",
        thing.colour,
        tuple(COLOURS),
        seen=shown(scene, "colour"),
    )


def rightmost_colour(scene, rng):
    thing = extreme(scene, -1)
    return thing and Asked(
        "what colour is the rightmost object?",
        thing.colour,
        tuple(COLOURS),
        seen=shown(scene, "colour"),
    )


def leftmost_shape(scene, rng):
    thing = extreme(scene, 1)
    return thing and Asked(
        "what shape is the leftmost object?", thing.shape, SHAPES, seen=shown(scene, "shape")
    )


def rightmost_shape(scene, rng):
    thing = extreme(scene, -1)
    return thing and Asked(
        "what shape is the rightmost object?", thing.shape, SHAPES, seen=shown(scene, "shape")
    )


def same_colour(scene, rng):
    one, other = _two(scene, rng, "shape")
    return one and Asked(
        f"are the {one.shape} and the {other.shape} the same colour?",
        YES_NO[one.colour != other.colour],
        YES_NO,
    )


def same_shape(scene, rng):
    one, other = _two(scene, rng, "colour")
    return one and Asked(
        f"are the {one.colour} object and the {other.colour} object the same shape?",
        YES_NO[one.shape != other.shape],
        YES_NO,
    )


def more(scene, rng):
    one, other = rng.sample(list(COLOURS), 2)
    counts = [sum(thing.colour == colour for thing in scene[1]) for colour in (one, other)]
    if counts[0] == counts[1]:
        return None
    return Asked(
        f"are there more {one} or {other} objects?",
        one if counts[0] > counts[1] else other,
        (one, other),
    )


def exists(scene, rng):
    colour, shape = rng.choice(scene[1]).colour, rng.choice(scene[1]).shape
    is_there = any((thing.colour, thing.shape) == (colour, shape) for thing in scene[1])
    return Asked(f"is there a {colour} {shape}?", YES_NO[not is_there], YES_NO)


WORLD = World(
    "objects",
    sample,
    draw,
    describe,
    {
        "perception": (object_colour, object_shape, object_size),
        "counting": (count_all, count_colour, count_shape, count_size),
        "spatial": (
            left_or_right,
            above_or_below,
            nearest_corner,
            leftmost_colour,
            rightmost_colour,
            leftmost_shape,
            rightmost_shape,
        ),
        "logic": (same_colour, same_shape, more, exists),
    },
    held_out=(count_size, rightmost_shape),
)
