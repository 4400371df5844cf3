"""RealWorldQA (xAI 2024): questions about street scenes, without categories; options stand in the
question's text.
"""

import re

from .answers import by_letter, by_words
from .hub import HubBenchmark, HubPlace
from .options import check_split, without_fillers
from .questions import LETTERS, Question
from .rows import Malformed, Notes, Unusable, named, picture, required

PLACE = HubPlace(
    ("lmms-lab-encoder/RealWorldQA", "lmms-lab/RealWorldQA", "xai-org/RealworldQA"),
    "test",
    ("image", "question", "answer"),
)
TASK = "realworldqa"
YES_NO = ("Yes", "No")
MARK = re.compile(
    r"\n+[ \t]*\(?([A-Z])[.):]+(?:[ \t]+|(?=\n|$))"
)  # of an option, on a line of its own
LATER = re.compile(r"(?:^|[ \t])\(?[A-Z][.)][ \t]")  # of another option on the same line
LINE = re.compile(r"\n[ \t]*\(?[A-Z][.):]\S")  # one without a space behind it


def read(row: dict, notes: Notes) -> tuple[Question, str]:
    """The question of a row and its ability."""
    name, image = f"realworldqa/{row['number']}", picture(row["image"], "image")
    written = required(row, "question")  # lmms-eval shows it as it is
    text = re.sub(r"\n*Please answer [^\n]*$", "", written).strip()  # the template says it
    stem, *options = MARK.split(text)
    letters, options = "".join(options[::2]), options[1::2]
    if not LETTERS.startswith(letters):
        raise Malformed("question", f"its options are lettered {', '.join(letters)}")
    if not options and LINE.search(text):
        raise Malformed("question", f"its options cannot be told from the text {text[-60:]!r}")
    if options:
        if any(not option.strip() or LATER.search(option) for option in options):
            raise Malformed("question", f"its options cannot be told apart ({text[-60:]!r})")
        options = without_fillers([option.strip() for option in options], notes)
        check_split("question", options)
        letter = by_letter(row["answer"], options) is not None  # the set's own way, and then words
        answer = named(row, options, (by_letter if letter else by_words,))
        question = Question(name, TASK, image, stem, tuple(options), answer, written=written)
        return question, "real world"
    words = required(row, "answer").strip(".").capitalize()
    if words not in YES_NO:
        raise Unusable("an open question")
    place = YES_NO.index(words)
    return Question(name, TASK, image, stem, YES_NO, place, "direct", written=written), "real world"


BENCHMARK = HubBenchmark("realworldqa", PLACE, read)
