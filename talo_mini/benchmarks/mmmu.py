"""MMMU (Yue et al. 2024), validation: college questions with options about one picture or several;
a task is a subject.
"""

import re

from .hub import HubBenchmark, HubPlace
from .options import options_list, without_fillers
from .questions import Question
from .rows import Malformed, Notes, Unusable, named, picture, required, without_placeholder

IMAGES = tuple(f"image_{number}" for number in range(1, 8))
PLACE = HubPlace(
    ("lmms-lab-encoder/MMMU", "lmms-lab/MMMU"),
    "validation",
    ("id", "question", "options", "answer", "question_type", "subfield", *IMAGES),
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


def read(row: dict, notes: Notes) -> tuple[Question, str]:
    """The question of a row and its ability."""
    if required(row, "question_type") != "multiple-choice":
        raise Unusable("an open question")
    subject_of = re.fullmatch(r"[a-z]+_(\w+?)_\d+", required(row, "id"))
    subject = subject_of[1] if subject_of else ""
    ability = next(
        (ability for ability, subjects in ABILITIES.items() if subject in subjects), None
    )
    if ability is None:
        raise Malformed("id", f"{row['id']!r} names no subject of MMMU")
    options = without_fillers(options_list(row["options"], "options"), notes)
    if any("<image" in option for option in options):
        raise Unusable("pictures among the options")
    first, *more = IMAGES
    others = tuple(picture(row[name], name) for name in more if row[name] is not None)
    question = Question(
        f"mmmu/{row['id']}",
        subject,
        picture(row[first], first),
        without_placeholder(required(row, "question"), notes, 1 + len(others)),
        tuple(options),
        named(row, options),
        more=others,
    )
    return question, ability


BENCHMARK = HubBenchmark("mmmu", PLACE, read)
