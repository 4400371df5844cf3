"""The same pictures asked with another word: does the model hear the difference?"""

import re
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from ..analysis.significance import right_interval
from ..benchmarks.prompts import prompt_of
from ..benchmarks.questions import Benchmark
from ..engine.sweep import sweep
from ..errors import BadInput
from ..models.vlm import VLM
from ..outcomes.table import all_scored


def reworded(benchmark: Benchmark, word: str, other: str) -> Benchmark:
    """The same pictures asked with another word; what is right is no longer known.

    Raises BadInput where a question lacks the word, or is asked as its benchmark wrote it.
    """
    if prompt_of(benchmark.prompt).form == "{written}":
        raise BadInput(f"the prompt {benchmark.prompt!r} shows questions as written; use another")
    whole = re.compile(rf"\b{re.escape(word)}\b")
    lacking = next((q for q in benchmark.questions if not whole.search(q.text)), None)
    if lacking is not None:
        raise BadInput(f"question {lacking.id!r} does not hold the word {word!r}: {lacking.text!r}")
    changed = [
        replace(q, id=f"{q.id}/{other}", text=whole.sub(lambda match: other, q.text))
        for q in benchmark.questions
    ]
    return replace(benchmark, questions=tuple(changed))


def same_answers(
    vlm: VLM, benchmark: Benchmark, words: Mapping[str, tuple[str, str]], cache: str | None = None
) -> pd.DataFrame:
    """How often a model answers as if another word stood there, one row a task and form.

    `words` holds by task the word that it is asked with and the one put in its place; tasks that
    the benchmark lacks are passed over. Columns: task, form, word, other, questions, delta (share
    of equal answers), low, high (95% interval over questions). Raises BadInput as `reworded`, and
    where an answer cannot be scored.
    """
    rows = []
    for task in benchmark.tasks:
        if task.name not in words:
            continue
        for form in benchmark.subset([task.name]).forms:
            asked = benchmark.subset([task.name], form=form)
            changed = reworded(asked, *words[task.name])
            first, second = (
                all_scored(sweep(vlm, questions, parts=(), cache=cache))
                for questions in (asked, changed)
            )
            equal = first.answer.to_numpy() == second.answer.to_numpy()
            low, high = right_interval(equal, first.picture)
            word, other = words[task.name]
            row = dict(task=task.name, form=form, word=word, other=other, questions=len(equal))
            rows.append(row | dict(delta=equal.mean(), low=low, high=high))
    columns = ["task", "form", "word", "other", "questions", "delta", "low", "high"]
    return pd.DataFrame(rows, columns=columns)
