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


MARKER = re.compile(r"(Options:|Choices:)(?!.*(?:Options:|Choices:))", re.DOTALL)
STYLES = r"\({}\)", r"{}[:]", r"{}[.]", r"{}[)]"  # of a letter before its option


def split_options(asked: str) -> tuple[str, list[str]]:
    """The question and its options, of "... Options: A: this, B: that" or of "(A) this (B) that"
    after "Choices:".

    Letters are written in one way and follow each other. Raises Malformed where something else
    stands between them.
    """
    stem, *marker_and_list = MARKER.split(asked, maxsplit=1)
    listed = marker_and_list[1].strip() if marker_and_list else ""
    for style in STYLES:
        options = _split(listed, style)
        if options:
            check_split("question", options)
            return stem.strip(), options
    raise Malformed("question", f"its options cannot be told from the text {asked[-60:]!r}")


def _split(listed, style):
    """The options of a text that begins with the first letter; none where it is not so."""
    marks = list(re.finditer(rf"(?:^|(?<=[\s,.;])){style.format('([A-Z])')}(?=\s|$)", listed))
    letters = "".join(mark[1] for mark in marks)
    if len(marks) < 2 or marks[0].start() or not LETTERS.startswith(letters):
        return []
    ends = [mark.start() for mark in marks[1:]] + [len(listed)]
    options = [
        listed[mark.end() : end].strip().rstrip(",").strip()
        for mark, end in zip(marks, ends, strict=True)
    ]
    if not all(options) or re.search(r"\bAnswer\s*:", options[-1]):
        return []
    return options


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
