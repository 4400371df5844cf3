"""MMMU (Yue et al. 2024), validation: college questions; a task is a subject. Questions of one
picture with options.
"""

import ast
import re

from .hub import HubPlace, hub_rows
from .questions import Question
from .rows import Malformed, Unusable, answer_index, collect, picture, required

PLACE = HubPlace(
    ("lmms-lab-encoder/MMMU", "lmms-lab/MMMU"),
    "validation",
    ("id", "question", "options", "answer", "question_type", "subfield", "image_1", "image_2"),
)
ABILITIES = {
    "art and design": ("Art", "Art_Theory", "Design", "Music"),
    "business": ("Accounting", "Economics", "Finance", "Manage", "Marketing"),
    "science": ("Biology", "Chemistry", "Geography", "Math", "Physics"),
    "health and medicine": (
        "Basic_Medical_Science",
        "Clinical_Medicine",
        "Diagnostics_and_Laboratory_Medicine",
        "Pharmacy",
        "Public_Health",
    ),
    "humanities and social science": ("History", "Literature", "Sociology", "Psychology"),
    "technology and engineering": (
        "Agriculture",
        "Architecture_and_Engineering",
        "Computer_Science",
        "Electronics",
        "Energy_and_Power",
        "Materials",
        "Mechanical_Engineering",
    ),
}


def benchmark(
    tasks=None, per_task=None, source=None, revision=None, prompt="vlmevalkit", skip_malformed=False
):
    """Questions that have options and a single picture; the others are counted in `left_out`.

    The mark <image 1> stays where it stands in a question: without it sentences lack a noun.
    """
    where, rows = hub_rows(PLACE, source, revision)
    return collect("mmmu", where, rows, read, prompt, tasks, per_task, skip_malformed)


def read(row):
    """(question, ability) of a row."""
    if required(row, "question_type") != "multiple-choice":
        raise Unusable("an open question")
    if row["image_2"] is not None:
        raise Unusable("several pictures")
    named = re.fullmatch(r"[a-z]+_(\w+?)_\d+", required(row, "id"))
    subject = named and named[1]
    ability = next(
        (ability for ability, subjects in ABILITIES.items() if subject in subjects), None
    )
    if ability is None:
        raise Malformed("id", f"{row['id']!r} names no subject of MMMU")
    try:
        options = [str(option) for option in ast.literal_eval(required(row, "options"))]
    except (ValueError, SyntaxError) as error:
        raise Malformed("options", f"is not a list ({row['options'][:40]!r})") from error
    if any("<image" in option for option in options):
        raise Unusable("pictures among the options")
    question = Question(
        f"mmmu/{row['id']}",
        subject,
        picture(row["image_1"], "image_1"),
        required(row, "question"),
        tuple(options),
        answer_index(required(row, "answer"), options),
    )
    return question, ability
