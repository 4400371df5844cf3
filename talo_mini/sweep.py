"""Knock out every layer in turn over the questions of a benchmark."""

from contextlib import nullcontext
from itertools import product

import numpy as np
import pandas as pd
import torch

from .knockout import Knockout, knockout
from .outcomes import BASE, COLUMNS, OutcomeStore
from .progress import progress
from .questions import BadInput, Benchmark, Question
from .vlm import VLM


def sweep(vlm: VLM, benchmark: Benchmark, parts=("self-attention",), layers=None, effect: str = "zero",
          cache=None, batch: int = 128) -> pd.DataFrame:
    """Outcomes of the base model and of every layer's knockout, for each part; see `outcomes.COLUMNS`.

    All layers of the decoder are swept unless `layers` names some. With `cache`, a folder, outcomes are kept as they
    are made and never asked again of the same weights.
    Raises BadInput for an unknown part, layer or effect before any question is asked.
    """
    cells = [("base", "none", BASE)] + _cells(vlm, parts, layers, effect)
    store = OutcomeStore(cache) if cache is not None else None
    key = f"{vlm.digest}/{benchmark.prompt}"
    kept = store.read(key) if store else pd.DataFrame(columns=[*COLUMNS, "digest"])
    done = set(zip(kept.digest, kept.part, kept.effect, kept.layer))
    tables = [kept]
    todo = [(question, cell) for question, cell in product(benchmark.questions, cells)
            if (question.digest, *cell) not in done]
    open_questions = {question.id for question, _ in todo}
    with progress(total=len(todo), desc=f"sweep of {vlm.name}", unit="answer") as bar:
        for questions in _batches([q for q in benchmark.questions if q.id in open_questions], vlm, benchmark, batch):
            inputs = vlm.inputs(questions, benchmark.prompt)
            rows = []
            for cell in cells:
                if all((q.digest, *cell) in done for q in questions):
                    continue
                part, _, layer = cell
                with nullcontext() if layer == BASE else knockout(vlm.anatomy, Knockout(part, layer, effect)):
                    scores = option_scores(vlm, questions, inputs)
                rows += [_row(vlm, benchmark, q, score, cell) for q, score in zip(questions, scores)
                         if (q.digest, *cell) not in done]
            tables.append(pd.DataFrame(rows))
            if store:
                store.add(key, tables[-1])
            bar.update(len(rows))
    return _assemble(pd.concat([table for table in tables if len(table)]), vlm, benchmark, cells)


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


def option_scores(vlm: VLM, questions: list[Question], inputs) -> list[np.ndarray]:
    """Log-probability of each option of each question, from one forward pass."""
    logits = torch.log_softmax(vlm.last_logits(inputs), -1).cpu()
    return [row[vlm.option_tokens(q)].numpy() for q, row in zip(questions, logits)]


def _batches(questions, vlm, benchmark, size):
    """Questions in batches of similar length, so that little is padded."""
    ordered = sorted(questions, key=lambda q: len(vlm.prompt(q, benchmark.prompt)))
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
