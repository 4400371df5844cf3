"""The picture of the architecture, made from the code: rooms, and which imports which."""

import ast
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt

PACKAGE = Path(__file__).resolve().parent.parent / "talo_mini"
# Where a room stands in the picture: (column, row), the way of a question from left to right.
PLACES = {
    "benchmarks": (0, 1),
    "models": (1.5, 1.6),
    "interventions": (3.1, 1.6),
    "engine": (4.7, 1.6),
    "outcomes": (3.1, 0.4),
    "analysis": (4.7, 0.4),
    "studies": (6.2, 1.6),
    "minis": (6.2, 2.5),
    "command": (6.2, 0.7),
    "figures": (6.2, 0.0),
    "report": (7.4, 0.0),
    "prose": (8.6, 0.9),
    "estimates": (8.6, 0.0),
}
LEFT = ("models", "interventions", "engine", "studies", "minis", "command")  # need torch
COLOURS = {True: "#FBE3C8", False: "#CFE3F1"}


def room_of(module: str) -> str:
    """The room of a dotted module below the package."""
    return module.split(".")[0]


def imports() -> Counter:
    """How many modules of one room import from another: (importing, imported)."""
    counts = Counter()
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        here = list(parts[:-1])
        for node in _run_time(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not node.level:
                continue
            above = here[: len(here) - node.level + 1]
            target = [*above, *(node.module or "").split(".")]
            importing, imported = room_of(".".join(parts)), room_of(".".join(target))
            if importing != imported and {importing, imported} <= set(PLACES):
                counts[importing, imported] += 1
    return counts


def _run_time(tree):
    """The nodes of a module without what only a type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _run_time(node)


def direct(edges) -> list[tuple[str, str]]:
    """The imports that no way through other rooms implies."""

    def reaches(room, other, first):
        below = [b for a, b in edges if a == room and not (first and b == other)]
        return other in below or any(reaches(one, other, False) for one in below)

    return [(a, b) for a, b in edges if not reaches(a, b, True)]


def draw(path: Path):
    """Write the picture as SVG: an arrow leads from a room to those that import it."""
    figure, axis = plt.subplots(figsize=(9, 3.2))
    edges = imports()
    for room, (x, y) in PLACES.items():
        box = dict(boxstyle="round,pad=0.5", fc=COLOURS[room in LEFT], ec="#444444")
        axis.text(x, y, room, ha="center", va="center", bbox=box, fontsize=10, zorder=3)
    for importing, imported in direct(edges):
        (x0, y0), (x1, y1) = PLACES[imported], PLACES[importing]
        width = 0.8 + 0.2 * min(edges[importing, imported], 8)
        axis.plot([x0, x1], [y0, y1], color="#777777", lw=width, zorder=1)
        middle = [(x0 + share * (x1 - x0), y0 + share * (y1 - y0)) for share in (0.5, 0.62)]
        head = dict(arrowstyle="-|>", color="#777777", lw=width, mutation_scale=14)
        axis.annotate("", middle[1], middle[0], arrowprops=head, zorder=2)
    axis.set(xlim=(-0.7, 9.2), ylim=(-0.4, 2.9))
    axis.axis("off")
    figure.savefig(
        path, bbox_inches="tight", metadata={"Date": None} if path.suffix == ".svg" else None
    )
    plt.close(figure)
