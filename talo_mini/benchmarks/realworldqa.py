"""RealWorldQA (xAI 2024): questions about street scenes, without categories; options stand in the
question's text.
"""

import re

from .hub import HubPlace, hub_rows
from .questions import LETTERS, Question
from .rows import Malformed, Unusable, answer_index, collect, picture, required

PLACE = HubPlace(
    ("lmms-lab-encoder/RealWorldQA", "lmms-lab/RealWorldQA", "xai-org/RealworldQA"),
    "test",
    ("image", "question", "answer"),
)
YES_NO = ("Yes", "No")


def benchmark(
    tasks=None, per_task=None, source=None, revision=None, prompt="vlmevalkit", skip_malformed=False
):
    """One task: questions with lettered options, and yes-no questions (direct). Others are counted
    in `left_out`.
    """
    where, rows = hub_rows(PLACE, source, revision)
    numbered = ({**row, "number": i} for i, row in enumerate(rows))
    return collect("realworldqa", where, numbered, read, prompt, tasks, per_task, skip_malformed)


def read(row):
    """(question, ability) of a row."""
    name, image = f"realworldqa/{row['number']}", picture(row["image"], "image")
    asked = re.sub(
        r"\n*Please answer [^\n]*$", "", required(row, "question")
    ).strip()  # the template says it
    stem, *options = re.split(r"\n+[A-Z][.)]\s+", asked)
    letters = "".join(re.findall(r"\n+([A-Z])[.)]\s+", asked))
    if not LETTERS.startswith(letters):
        raise Malformed("question", f"its options are lettered {', '.join(letters)}")
    answer, written = (
        required(row, "answer"),
        required(row, "question"),
    )  # lmms-eval shows it as it is
    if options:
        options = [option.strip() for option in options]
        return Question(
            name,
            "realworldqa",
            image,
            stem,
            tuple(options),
            answer_index(answer, options),
            written=written,
        ), "real world"
    if answer.strip(".").capitalize() in YES_NO:
        return Question(
            name,
            "realworldqa",
            image,
            stem,
            YES_NO,
            YES_NO.index(answer.strip(".").capitalize()),
            "direct",
            written=written,
        ), "real world"
    raise Unusable("an open question")
