"""MMBench (Liu et al. 2023), English, dev: a task is a category, an ability its L2-category."""

from .hub import HubBenchmark, HubPlace
from .options import lettered
from .questions import Question
from .rows import Notes, named_letter, optional, picture, required, text

PLACE = HubPlace(
    ("lmms-lab-encoder/MMBench", "lmms-lab/MMBench"),
    "dev",
    ("index", "question", "hint", "answer", "A", "B", "C", "D", "image", "category", "L2-category"),
    "en",
    ("cn", "cc"),
)


def read(row: dict, notes: Notes) -> tuple[Question, str]:
    """The question of a row and its ability."""
    index = required(row, "index")
    options = lettered(row, {letter: letter for letter in "ABCD"}, notes)
    question = Question(
        f"mmbench/{index}",
        required(row, "category"),
        picture(row["image"], "image"),
        required(row, "question"),
        tuple(options.values()),
        named_letter(row, options),
        hint=optional(row, "hint"),
    )
    return question, required(row, "L2-category")


def group(row: dict) -> tuple:
    """What the rotations of a question share: index + a multiple of a million, and what is asked.

    The text, the set of options and the picture: a stranger may have such an index too.
    """
    index = text(row, "index")
    number = int(index) % 1_000_000 if index.isascii() and index.isdecimal() else index
    options = frozenset(text(row, letter) for letter in "ABCD")
    image = row["image"].get("bytes") if isinstance(row["image"], dict) else None
    return number, text(row, "question"), options, hash(image)


BENCHMARK = HubBenchmark("mmbench", PLACE, read, group)
