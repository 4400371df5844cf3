"""MMBench (Liu et al. 2023), English, dev: a task is a category, an ability its L2-category."""

from .hub import HubPlace, hub_rows
from .questions import Question
from .rows import Unusable, answer_index, collect, is_rotation, lettered, picture, required, text

PLACE = HubPlace(
    ("lmms-lab-encoder/MMBench", "lmms-lab/MMBench"),
    "dev",
    ("index", "question", "hint", "answer", "A", "B", "C", "D", "image", "category", "L2-category"),
    "en",
)


def benchmark(
    tasks=None, per_task=None, source=None, revision=None, prompt="vlmevalkit", skip_malformed=False
):
    """One question of each circular group (the set repeats each with its options rotated)."""
    where, rows = hub_rows(PLACE, source, revision)
    seen = set()

    def read(row):
        """(question, ability) of a row."""
        index = required(row, "index")
        if is_rotation(index, seen):
            raise Unusable("a rotation of a question above")
        seen.add(index)
        options = lettered(
            {letter: "" if text(row, letter) == "nan" else row[letter] for letter in "ABCD"}, "ABCD"
        )
        hint = text(row, "hint")
        question = Question(
            f"mmbench/{index}",
            required(row, "category"),
            picture(row["image"], "image"),
            required(row, "question"),
            tuple(options),
            answer_index(required(row, "answer"), options),
            hint="" if hint == "nan" else hint,
        )
        return question, required(row, "L2-category")

    return collect("mmbench", where, rows, read, prompt, tasks, per_task, skip_malformed)
