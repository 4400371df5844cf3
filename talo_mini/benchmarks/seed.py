"""SEED-Bench (Li et al. 2023), its questions about pictures; a task is a question type."""

from .hub import HubBenchmark, HubPlace
from .options import lettered
from .questions import Question
from .rows import Malformed, Notes, Unusable, named_letter, picture, required

PLACE = HubPlace(
    ("lmms-lab-encoder/SEED-Bench", "lmms-lab/SEED-Bench"),
    "test",
    (
        "question_id",
        "question",
        "choice_a",
        "choice_b",
        "choice_c",
        "choice_d",
        "answer",
        "image",
        "data_type",
        "question_type_id",
    ),
)
# Names as in the benchmark's own question file; ids 10 to 12 are about videos.
TYPES = {
    1: ("Scene Understanding", "scene"),
    2: ("Instance Identity", "instance"),
    3: ("Instance Location", "instance"),
    4: ("Instance Attributes", "instance"),
    5: ("Instances Counting", "instance"),
    6: ("Spatial Relation", "relation"),
    7: ("Instance Interaction", "relation"),
    8: ("Visual Reasoning", "reasoning"),
    9: ("Text Understanding", "text"),
}


def read(row: dict, notes: Notes) -> tuple[Question, str]:
    """The question of a row and its ability."""
    if row["data_type"] != "image":
        raise Unusable("about a video")
    if row["question_type_id"] not in TYPES:
        raise Malformed(
            "question_type_id", f"{row['question_type_id']!r} is not one of {list(TYPES)}"
        )
    task, ability = TYPES[row["question_type_id"]]
    options = lettered(row, {letter: f"choice_{letter.lower()}" for letter in "ABCD"}, notes)
    question = Question(
        f"seed/{row['question_id']}",
        task,
        picture(row["image"], "image"),
        required(row, "question"),
        tuple(options.values()),
        named_letter(row, options),
    )
    return question, ability


BENCHMARK = HubBenchmark("seed", PLACE, read)
