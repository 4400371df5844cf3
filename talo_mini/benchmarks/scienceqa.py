"""ScienceQA (Lu et al. 2022): school questions; a task is a category ("Maps"), an ability its
subject.
"""

from .answers import by_number
from .hub import HubBenchmark, HubPlace
from .options import options_list, without_fillers
from .questions import Question
from .rows import Notes, Unusable, named, picture, required, text

PLACE = HubPlace(
    ("derek-thomas/ScienceQA",),
    "test",
    ("image", "question", "choices", "answer", "hint", "subject", "category"),
)


def read(row: dict, notes: Notes) -> tuple[Question, str]:
    """The question of a row and its ability."""
    image, options = (
        picture(row["image"], "image"),
        without_fillers(options_list(row["choices"], "choices"), notes),
    )
    if len(options) < 2:
        raise Unusable("a single option")
    question = Question(
        f"scienceqa/{row['number']}",
        required(row, "category"),
        image,
        required(row, "question"),
        tuple(options),
        named(row, options, (by_number,)),
        hint=text(row, "hint"),
    )
    return question, required(row, "subject")


BENCHMARK = HubBenchmark("scienceqa", PLACE, read)
