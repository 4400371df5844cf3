"""MMStar (Chen et al. 2024): 1,500 questions that need the picture; a task is an l2_category, an
ability its category.
"""

import re

from .hub import HubBenchmark, HubPlace
from .options import check_split, without_fillers
from .questions import LETTERS, Question
from .rows import Malformed, Notes, named, picture, required

PLACE = HubPlace(
    ("Lin-Chen/MMStar",), "val", ("index", "question", "image", "answer", "category", "l2_category")
)


def split_options(asked: str) -> tuple[str, list[str]]:
    """The question and its options, of "... Options: A: this, B: that" or of "(A) this (B) that"
    after "Choices:".
    """
    stem, marker, listed = (
        re.split(
            r"(Options:|Choices:)(?!.*(?:Options:|Choices:))", asked, maxsplit=1, flags=re.DOTALL
        )
        if re.search(r"Options:|Choices:", asked)
        else (asked, "", "")
    )
    starts, position = [], 0
    for letter in LETTERS:
        found = re.compile(rf"(?:^|[\s,.;])(?:\({letter}\)|{letter}[:.)])\s").search(
            listed + " ", position
        )
        if not found:
            break
        starts.append(found.span())
        position = found.end()
    if not marker or len(starts) < 2:
        raise Malformed("question", f"its options cannot be told from the text {asked[-60:]!r}")
    ends = [start for start, _ in starts[1:]] + [len(listed)]
    options = [
        listed[after:end].strip().rstrip(",").strip()
        for (_, after), end in zip(starts, ends, strict=True)
    ]
    check_split("question", options)
    return stem.strip(), options


def read(row: dict, notes: Notes) -> tuple[Question, str]:
    """The question of a row and its ability."""
    stem, written = split_options(required(row, "question"))
    options = without_fillers(written, notes)
    question = Question(
        f"mmstar/{row['index']}",
        required(row, "l2_category"),
        picture(row["image"], "image"),
        stem,
        tuple(options),
        named(row, options),
    )
    return question, required(row, "category")


BENCHMARK = HubBenchmark("mmstar", PLACE, read)
