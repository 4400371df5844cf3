"""MMBench (Liu et al. 2023), English, dev: a task is a category, an ability its L2-category."""

from .hub import HubBenchmark, HubPlace
from .options import FILLERS, lettered
from .questions import Question
from .rows import Notes, named_letter, picture, required, text

PLACE = HubPlace(
    ("lmms-lab-encoder/MMBench", "lmms-lab/MMBench"),
    "dev",
    ("index", "question", "hint", "answer", "A", "B", "C", "D", "image", "category", "L2-category"),
    "en",
)


def read(row: dict, notes: Notes) -> tuple[Question, str]:
    """The question of a row and its ability."""
    index, hint = required(row, "index"), text(row, "hint")
    options = lettered(row, {letter: letter for letter in "ABCD"}, notes)
    question = Question(
        f"mmbench/{index}",
        required(row, "category"),
        picture(row["image"], "image"),
        required(row, "question"),
        tuple(options.values()),
        named_letter(row, options),
        hint="" if hint in FILLERS else hint,
    )
    return question, required(row, "L2-category")


def group(row: dict) -> tuple[int | str, str]:
    """What the rotations of a question share: index + a multiple of a million, and the text."""
    index = text(row, "index")
    number = int(index) % 1_000_000 if index.isascii() and index.isdecimal() else index
    return number, text(row, "question")


BENCHMARK = HubBenchmark("mmbench", PLACE, read, group)
