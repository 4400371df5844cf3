"""Knock out every layer in turn over the questions of a benchmark."""

import warnings
from contextlib import nullcontext
from itertools import product

import numpy as np
import pandas as pd
import torch

from .knockout import Knockout, knockout
from .outcomes import BASE, COLUMNS, Keeper, OutcomeStore
from .progress import progress
from .prompts import write_prompt
from .questions import BadInput, Benchmark, Question
from .replay import CannotReplay, one_pass
from .vlm import VLM


def sweep(vlm: VLM, benchmark: Benchmark, parts=("self-attention",), layers=None, effect: str = "zero",
          cache=None, batch: int = 32) -> pd.DataFrame:
    """Outcomes of the base model and of every layer's knockout, for each part; see `outcomes.COLUMNS`.

    All layers of the decoder are swept unless `layers` names some. With `cache`, a folder, outcomes are kept as they
    are made and never asked again of the same weights. All layers are done in one pass where the model allows it; where
    it does not, a warning says why and the whole model runs once for every layer.
    Raises BadInput for an unknown part, layer or effect before any question is asked.
    """
    cells = [("base", "none", BASE)] + _cells(vlm, parts, layers, effect)
    store = OutcomeStore(cache) if cache is not None else None
    key = f"{vlm.digest}-{vlm.reading}/{benchmark.prompt}"
    kept = store.read(key) if store else pd.DataFrame(columns=[*COLUMNS, "digest"])
    done = set(zip(kept.digest, kept.part, kept.effect, kept.layer))
    todo = [(question, cell) for question, cell in product(benchmark.questions, cells)
            if (question.digest, *cell) not in done]
    open_questions = {question.id for question, _ in todo}
    method, checked = replayed_logits, False
    with Keeper(store, key) as keeper, progress(total=len(todo), desc=f"sweep of {vlm.name}", unit="answer") as bar:
        for questions in _batches([q for q in benchmark.questions if q.id in open_questions], benchmark.prompt, batch):
            missing = [cell for cell in cells if not all((q.digest, *cell) in done for q in questions)]
            inputs = vlm.inputs(questions, benchmark.prompt)
            try:
                logits = method(vlm, inputs, missing, check=not checked)
            except CannotReplay as why:
                warnings.warn(f"{vlm.name} is swept with hooks, at about twice the price: {why}", stacklevel=2)
                method = hooked_logits
                logits = method(vlm, inputs, missing)
            checked = True
            rows = [_row(vlm, benchmark, question, score, cell) for cell, values in zip(missing, logits)
                    for question, score in zip(questions, scores(vlm, questions, values))
                    if (question.digest, *cell) not in done]
            keeper.add(rows)
            bar.update(len(rows))
    return _assemble(pd.concat([table for table in (kept, *keeper.tables) if len(table)]), vlm, benchmark, cells)


def _cells(vlm, parts, layers, effect):
    """Every (part, effect, layer) to knock out, after a check that each exists."""
    cells = []
    for part in parts:
        having = [i for i, layer in enumerate(vlm.anatomy.stacks["decoder"]) if part == "layer" or part in layer.parts]
        for layer in having if layers is None else layers:
            Knockout(part, layer, effect)
            vlm.anatomy.part(part, layer)
            cells.append((part, effect, layer))
        if not having:
            raise BadInput(f"no layer of {vlm.name} has a part {part!r}; print(vlm.anatomy) shows what there is")
    return cells


def hooked_logits(vlm: VLM, inputs, cells, check: bool = False) -> list[torch.Tensor]:
    """Logits of the next token for each cell (part, effect, layer), by running the whole model under hooks."""
    found = []
    for part, effect, layer in cells:
        with nullcontext() if layer == BASE else knockout(vlm.anatomy, Knockout(part, layer, effect)):
            found.append(vlm.last_logits(inputs))
    return found


def replayed_logits(vlm: VLM, inputs, cells, check: bool = False) -> list[torch.Tensor]:
    """The same in one pass, see `replay`. With `check` a part is compared with hooks. Raises CannotReplay."""
    knockouts = [Knockout(part, layer, effect) for part, effect, layer in cells if layer != BASE]
    base, *rest = one_pass(vlm.model, vlm.anatomy, inputs, knockouts, check)
    rest = iter(rest)
    return [base if layer == BASE else next(rest) for _, _, layer in cells]


def scores(vlm: VLM, questions: list[Question], logits: torch.Tensor) -> list[np.ndarray]:
    """Log-probability of each option of each question, from logits of the next token [questions, vocabulary]."""
    logits = torch.log_softmax(logits, -1).cpu().double().numpy()
    return [np.array([np.logaddexp.reduce(row[list(tokens)]) for tokens in vlm.option_tokens(q)])
            for q, row in zip(questions, logits)]


def _batches(questions, prompt, size):
    """Questions in batches of similar length, so that little is padded."""
    ordered = sorted(questions, key=lambda q: len(write_prompt(q, prompt)))
    return [ordered[i:i + size] for i in range(0, len(ordered), size)]


def _row(vlm, benchmark, question, score, cell):
    part, effect, layer = cell
    if not np.isfinite(score).all():
        raise BadInput(f"question {question.id!r}: the scores are not finite with {part} of layer {layer} knocked out; "
                       "use a wider number type (float32 or bfloat16)")
    answer = int(score.argmax())
    return dict(model=vlm.name, benchmark=benchmark.name, task=question.task,
                ability=benchmark.task(question.task).ability, form=question.form, question=question.id, part=part,
                effect=effect, layer=layer, answer=answer, correct=answer == question.answer, chance=question.chance,
                scores=score.tolist(), digest=question.digest)


def _assemble(table, vlm, benchmark, cells):
    """The rows of this benchmark and these cells, under its names, in its order."""
    order = {question.digest: i for i, question in enumerate(benchmark.questions)}
    names = {question.digest: question.id for question in benchmark.questions}
    ranks = {cell: i for i, cell in enumerate(cells)}
    cell = pd.Series(list(zip(table.part, table.effect, table.layer)), index=table.index).map(ranks)
    table = table.assign(cell=cell, order=table.digest.map(order)).dropna(subset=["cell", "order"])
    table = table.sort_values(["cell", "order"]).assign(
        question=lambda t: t.digest.map(names), benchmark=benchmark.name, model=vlm.name)
    return table[list(COLUMNS)].astype({"layer": "int64", "answer": "int64", "correct": bool}).reset_index(drop=True)
