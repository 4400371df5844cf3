"""A sweep over what the model writes: open questions, and options that it names in its own way."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import isfunction

import pandas as pd

from ..benchmarks.judging import UNPARSED, find_rule, judged
from ..benchmarks.questions import Benchmark, Question
from ..errors import BadInput, whole_number
from ..interventions.knockout import knockout
from ..interventions.names import BASE_CELL, as_knockouts
from ..models.vlm import VLM
from ..outcomes.table import UNSCORED
from .batches import Batch, halved
from .memory import out_of_memory
from .rows import outcome_row

MOST_TOKENS = 16


@dataclass(frozen=True)
class Written:
    """How written answers are asked for and scored.

    `score` is "option" (the option that the text names exactly), "exact", "relaxed" (numbers may be
    5% off), "contains", "close" (at most half of the letters differ), or a function of (question,
    text) that gives True or False or, of a question with options, an option's number. Raises
    BadInput for another.
    """

    score: str | Callable = "option"
    max_new_tokens: int = MOST_TOKENS

    def __post_init__(self):
        find_rule(self.score)
        whole_number("max_new_tokens", self.max_new_tokens)

    @property
    def name(self) -> str:
        """The score's name, as the outcomes' column `scoring` says it.

        In angle brackets where it does not tell the score from others: a lambda, a partial, an
        object, a function that holds values from around it.
        """
        if isinstance(self.score, str):
            return f"written, {self.score}"
        name = getattr(self.score, "__name__", type(self.score).__name__).strip("<>")
        plain = isfunction(self.score) and name != "lambda" and not self.score.__closure__
        return f"written, {name if plain else f'<{name}>'}"

    @property
    def folder(self) -> str:
        """What texts are kept under, beside model and prompt; how they are scored is not asked."""
        return f"-written-{self.max_new_tokens}"

    def check(self, vlm: VLM, question: Question):
        """Raise BadInput where a question cannot be asked so."""
        vlm.check_text(question)
        if self.score == "option" and question.form == "open":
            raise BadInput(
                f"question {question.id!r} is open, so that no option can be named; score it by "
                "'exact', 'relaxed', 'contains', 'close' or a function"
            )
        judged(question, "", find_rule(self.score))  # raises now, and not when all is written


def told_work(vlm: VLM, waiting: list[Batch], written: Written):
    """Say what is about to be done, before it begins; after a batch the bar tells how long."""
    answers = sum(len(one.questions) * len(one.cells) for one in waiting)
    if answers:
        print(
            f"{vlm.name} will write {answers} answers of up to {written.max_new_tokens} tokens, "
            "each under its own knockout: nothing is shared, as it is where options are scored",
            file=sys.stderr,
        )


def written_rows(
    vlm: VLM, benchmark: Benchmark, waiting: list[Batch], means, written: Written, refused: list
) -> Iterator[list[dict]]:
    """The rows of batch after batch and cell after cell, with what was written.

    Smaller batches where memory runs out; a question that cannot be put to the model is added to
    `refused`, with the error.
    """
    while waiting:
        batch = waiting.pop(0)
        try:
            for number, cell in enumerate(batch.cells):
                texts = _written(vlm, benchmark, batch.questions, cell, means, written)
                waiting_cells = batch.cells[number + 1 :]
                yield _rows(vlm, benchmark, batch.questions, cell, texts)
                batch = Batch(batch.questions, waiting_cells)
        except Exception as error:  # processors have no common class of errors
            if out_of_memory(error):
                waiting[:] = halved([batch, *waiting], error)
            elif len(batch.questions) > 1:
                waiting[:0] = batch.halves()
            else:
                refused.append((batch.questions[0], error))


def _written(vlm, benchmark, questions, cell, means, written):
    part, effect, layer = cell
    knockouts = () if cell == BASE_CELL else as_knockouts(part, effect, layer)
    with knockout(vlm, *knockouts, means=means):
        return vlm.generate(questions, benchmark.prompt, written.max_new_tokens, len(questions))


def _rows(vlm, benchmark, questions, cell, texts):
    """A row for every text, which is judged when the table is put together."""
    return [
        outcome_row(vlm, benchmark, question, cell, UNSCORED, [0.0], written=text)
        for question, text in zip(questions, texts, strict=True)
    ]


def with_verdicts(table: pd.DataFrame, benchmark: Benchmark, written: Written) -> pd.DataFrame:
    """The table with answers and whether they are right, by the score that is wanted now.

    Raises BadInput where the score cannot judge a text; the table is the error's `outcomes`.
    """
    rule, asked = find_rule(written.score), {q.digest: q for q in benchmark.questions}
    pairs = zip(table.digest, table.written, strict=True)
    try:
        verdicts = [judged(asked[digest], text, rule) for digest, text in pairs]
    except BadInput as error:
        refusal = BadInput(f"{error} (all that was written is this error's `outcomes`)")
        refusal.outcomes = table
        raise refusal from error
    answers, correct = zip(*verdicts, strict=True) if verdicts else ((), ())
    return table.assign(answer=list(answers), correct=list(correct))


def unparsed_share(table: pd.DataFrame) -> float:
    """The share of answers that named no option, or were no accepted answer."""
    return float((table.answer == UNPARSED).mean())
