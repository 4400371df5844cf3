"""ScienceQA (Lu et al. 2022): school questions; a task is a category ("Maps"), an ability its
subject.
"""

from .hub import HubPlace, hub_rows
from .questions import Question
from .rows import Malformed, collect, picture, required, text

PLACE = HubPlace(
    ("derek-thomas/ScienceQA",),
    "test",
    ("image", "question", "choices", "answer", "hint", "subject", "category"),
)


def benchmark(
    tasks=None, per_task=None, source=None, revision=None, prompt="vlmevalkit", skip_malformed=False
):
    """The test questions that have a picture."""
    where, rows = hub_rows(PLACE, source, revision)
    numbered = ({**row, "number": i} for i, row in enumerate(rows))
    return collect("scienceqa", where, numbered, read, prompt, tasks, per_task, skip_malformed)


def read(row):
    """(question, ability) of a row."""
    image, options = picture(row["image"], "image"), list(row["choices"])
    if not 0 <= row["answer"] < len(options):
        raise Malformed("answer", f"{row['answer']} names none of the {len(options)} choices")
    question = Question(
        f"scienceqa/{row['number']}",
        required(row, "category"),
        image,
        required(row, "question"),
        tuple(options),
        row["answer"],
        hint=text(row, "hint"),
    )
    return question, required(row, "subject")
