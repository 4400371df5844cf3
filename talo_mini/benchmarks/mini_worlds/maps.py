"""Maps of the United States with highlighted states, after the "Maps" category of ScienceQA."""

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from .world import Asked, World

HIGHLIGHTS = {
    "red": (220, 40, 40),
    "green": (40, 160, 60),
    "blue": (50, 90, 230),
    "yellow": (245, 215, 50),
}
TOO_SMALL = {
    "Rhode Island",
    "Delaware",
    "Connecticut",
    "New Jersey",
    "Maryland",
    "Massachusetts",
    "New Hampshire",
    "Vermont",
    "District of Columbia",
}  # under about six pixels on a 64-pixel map
FAR = {
    "Alaska",
    "Hawaii",
    "Puerto Rico",
    "Guam",
    "American Samoa",
    "United States Virgin Islands",
    "Commonwealth of the Northern Mariana Islands",
}
STRETCH = (
    1.35  # the map is drawn this much taller than it is, so that small states keep a few pixels
)
MARGIN = 1.0  # degrees by which a state must be farther than the next to be asked about


@dataclass(frozen=True)
class State:
    """A state's outline as rings of (x, y) in pixels of a 64-wide map (stretched), and its centre
    in degrees.
    """

    rings: tuple
    longitude: float
    latitude: float


def _albers(longitude, latitude):
    """Albers equal-area conic projection with the usual parallels for the contiguous states (29.5
    and 45.5 N).
    """
    n = (math.sin(math.radians(29.5)) + math.sin(math.radians(45.5))) / 2
    c = math.cos(math.radians(29.5)) ** 2 + 2 * n * math.sin(math.radians(29.5))
    rho = math.sqrt(c - 2 * n * math.sin(math.radians(latitude))) / n
    theta = n * math.radians(longitude + 96)
    return rho * math.sin(theta), rho * math.cos(theta)


@cache
def states() -> dict[str, State]:
    """The contiguous states by name, from `states-10m.json` (TopoJSON of us-atlas 3.0.1, US Census
    Bureau 2017).
    """
    topology = json.loads((Path(__file__).parent / "states-10m.json").read_text(encoding="utf-8"))
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append((x * sx + tx, y * sy + ty))
        arcs.append(points)
    outlines = {}
    for geometry in topology["objects"]["states"]["geometries"]:
        name = geometry["properties"]["name"]
        if name in FAR:
            continue
        polygons = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
        outlines[name] = [
            [p for a in polygon[0] for p in (arcs[a] if a >= 0 else arcs[~a][::-1])]
            for polygon in polygons
        ]
    flat = {}
    for name, rings in outlines.items():
        flat[name] = [[_albers(*point) for point in ring] for ring in rings]
    xs, ys = zip(*(p for rings in flat.values() for ring in rings for p in ring), strict=True)
    scale = 63 / (max(xs) - min(xs))
    left, top = min(xs), min(ys)

    def placed(ring):
        """A ring in pixels of the picture."""
        return _simplified([((x - left) * scale, (y - top) * scale * STRETCH) for x, y in ring])

    pixels = {name: tuple(placed(ring) for ring in rings) for name, rings in flat.items()}
    return {
        name: State(tuple(ring for ring in pixels[name] if ring), *_centre(max(rings, key=len)))
        for name, rings in outlines.items()
    }


def _simplified(ring):
    """The ring in quarter pixels without repeated points; empty where fewer than three are left."""
    points = list(dict.fromkeys((round(4 * x) / 4, round(4 * y) / 4) for x, y in ring))
    return tuple(points) if len(points) > 2 else ()


def _centre(ring):
    """The centroid of a ring by the shoelace formula, in the ring's units."""
    area = x = y = 0.0
    for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1], strict=False):
        cross = x0 * y1 - x1 * y0
        area, x, y = area + cross, x + (x0 + x1) * cross, y + (y0 + y1) * cross
    return x / (3 * area), y / (3 * area)


@cache
def names() -> tuple[str, ...]:
    """The 40 states that are large enough to be asked about."""
    return tuple(sorted(set(states()) - TOO_SMALL))


def sample(rng, split):
    """How far down the map lies, the tint of its land, and a state for each highlight colour."""
    colours = rng.sample(list(HIGHLIGHTS), 4)
    return (
        rng.randint(0, 8),
        rng.randint(160, 220),
        tuple(zip(colours, rng.sample(names(), 4), strict=True)),
    )


@cache
def _atlas():
    """What each pixel of the map shows, [rows, 64]: 0 is sea, 1 + i the i-th state, 101 + i its
    border.
    """
    rows = (
        math.ceil(max(y for state in states().values() for ring in state.rings for _, y in ring))
        + 1
    )
    image = Image.new("L", (64, rows), 0)
    pen = ImageDraw.Draw(image)
    for i, state in enumerate(states().values()):
        for ring in state.rings:
            pen.polygon(ring, 1 + i, 101 + i)
    return np.asarray(image)


def draw(scene):
    """A 64 x 64 map, four states highlighted in four colours."""
    top, tint, highlighted = scene
    fills = {name: HIGHLIGHTS[colour] for colour, name in highlighted}
    return painted((0, top), tint, fills, fills)


def painted(place, tint, fills, borders):
    """A 64 x 64 map whose land begins at `place`, with the colours of some states by name."""
    palette = np.full((256, 3), 255, dtype=np.uint8)
    for i, name in enumerate(states()):
        palette[1 + i] = fills.get(name, (tint,) * 3)
        palette[101 + i] = borders.get(name, (tint + 30,) * 3)
    image = Image.new("RGB", (64, 64), (255, 255, 255))
    image.paste(Image.fromarray(palette[_atlas()]), place)
    return image


def highlighted(image: Image.Image) -> np.ndarray:
    """Which pixels of a map are of a highlighted state, [rows, columns] of bool."""
    pixels = np.asarray(image.convert("RGB"))
    return np.any([(pixels == colour).all(-1) for colour in HIGHLIGHTS.values()], axis=0)


def describe(scene):
    """The highlighted states in a fixed order of colours: "red Ohio green Texas"."""
    return " ".join(
        f"{colour} {name}"
        for colour, name in sorted(scene[2], key=lambda pair: list(HIGHLIGHTS).index(pair[0]))
    )


def map_name(scene, rng):
    colour, name = rng.choice(scene[2])
    highlighted = tuple(name for _, name in scene[2])
    return Asked(f"which state is {colour}?", name, names(), seen=highlighted)


def farthest(scene, axis, side):
    """The highlighted state that lies farthest along an axis, or None where two are as far."""
    ranked = sorted(
        (name for _, name in scene[2]), key=lambda name: -side * getattr(states()[name], axis)
    )
    gap = abs(getattr(states()[ranked[0]], axis) - getattr(states()[ranked[1]], axis))
    return ranked[0] if gap >= MARGIN else None


def _farthest(scene, word, axis, side):
    state = farthest(scene, axis, side)
    return state and Asked(
        f"which of these states is farthest {word}?",
        state,
        names(),
        tuple(name for _, name in scene[2]),
    )


def map_north(scene, rng):
    return _farthest(scene, "north", "latitude", 1)


def map_south(scene, rng):
    return _farthest(scene, "south", "latitude", -1)


def map_east(scene, rng):
    return _farthest(scene, "east", "longitude", 1)


def map_west(scene, rng):
    return _farthest(scene, "west", "longitude", -1)


def _beside(scene, rng, words, axis):
    (one, first), (other, second) = rng.sample(scene[2], 2)
    gap = getattr(states()[first], axis) - getattr(states()[second], axis)
    if abs(gap) < MARGIN:
        return None
    return Asked(
        f"is the {one} state {words[0]} or {words[1]} of the {other} state?", words[gap < 0], words
    )


def map_east_or_west(scene, rng):
    return _beside(scene, rng, ("east", "west"), "longitude")


def map_north_or_south(scene, rng):
    return _beside(scene, rng, ("north", "south"), "latitude")


WORLD = World(
    "maps",
    sample,
    draw,
    describe,
    {
        "maps": (
            map_name,
            map_north,
            map_south,
            map_east,
            map_west,
            map_east_or_west,
            map_north_or_south,
        ),
    },
    held_out=(map_west,),
)
