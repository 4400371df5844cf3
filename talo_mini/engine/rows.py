"""One row of the table of outcomes, as a sweep makes and keeps it."""

import torch
import transformers

# what computed an answer, kept beside it; answers of all versions of the library are one table
LIBRARY = f"transformers {transformers.__version__}, torch {torch.__version__}"


def outcome_row(vlm, benchmark, question, cell, answer: int, scores: list, **more) -> dict:
    """The row of a question under a cell; `more` are further columns."""
    part, effect, layer = cell
    return dict(
        model=vlm.name,
        benchmark=benchmark.name,
        task=question.task,
        ability=benchmark.task(question.task).ability,
        form=question.form,
        question=question.id,
        part=part,
        effect=effect,
        layer=layer,
        answer=answer,
        correct=answer == question.answer,
        chance=question.chance,
        scores=scores,
        digest=question.digest,
        library=LIBRARY,
        **more,
    )
