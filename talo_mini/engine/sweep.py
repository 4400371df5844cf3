"""Knock out every layer in turn over the questions of a benchmark."""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from ..benchmarks.prompts import prompt_key
from ..benchmarks.questions import Benchmark, picture_groups
from ..errors import BadInput, whole_number
from ..interventions.effects import find_effect
from ..interventions.knockout import mean_outputs
from ..interventions.names import BASE_CELL, all_cells, as_knockouts, listed, names_of
from ..models.ownership import owned
from ..models.padding import Uneven
from ..models.state import mixed_types_told
from ..models.vlm import VLM
from ..models.words import told_unknown
from ..outcomes.store import Keeper, OutcomeStore
from ..outcomes.table import BASE, COLUMNS, UNSCORED
from ..progress import progress
from .ahead import Ahead
from .batches import Batch, batches, halved, try_padding_of
from .key import answers_key, check_asked, check_can_answer, kept_rows
from .logits import hooked_logits, replayed_logits
from .memory import out_of_memory
from .packing import CannotAskAlone, CannotPack, apart, by_whole_text, packed
from .pictures import Pictures
from .replay import CannotReplay
from .rows import outcome_row
from .written import Written, told_work, unparsed_share, with_verdicts, written_rows

CHECKED = 16  # questions on which one pass is compared with hooks


def sweep(
    vlm: VLM,
    benchmark: Benchmark,
    parts=("self-attention",),
    layers=None,
    effect: str = "zero",
    cache=None,
    batch: int = 32,
    reference: Benchmark | None = None,
    written: Written | None = None,
) -> pd.DataFrame:
    """Outcomes of the base model and of every layer's knockout; columns: `outcomes.COLUMNS`.

    `effect` is one of the register (`interventions.effects`): "zero", "uniform", with an amount
    "scale 0.5" or "noise 1", or "mean", over the `reference` questions. `parts` are
    "self-attention", "mlp", "layer", "cross-attention", "head 3", "neuron 7", "vision: layer", or
    sets like "mlp and 2"; see `interventions.names`. All layers are swept unless `layers` names
    some, or a part its own: ("neuron 7", 4). With `cache`, a folder, outcomes are kept as they are
    made and never asked again of the same model. All layers are done in one pass where the model
    allows it; where it does not, a warning says why and the whole model runs once for every layer.
    Where memory runs out, the batch is halved, with a warning. A question whose scores are not
    finite is UNSCORED, with a warning that names one. The table's `attrs` tell where the questions
    were read, how many rows were left out or malformed, and which libraries computed the answers.
    The calling thread owns the model meanwhile. With `written` the model writes its answers
    (greedily, one knockout after the other), which a rule scores: the column `written` holds them,
    `attrs["unparsed"]` the share that names nothing. Raises BadInput before any question is asked
    for an unknown part, layer or effect, a model in training mode, one whose answers cannot be
    kept, and a question whose options cannot be told apart; and at the end, naming it, for one that
    the processor refuses: the error's `outcomes` are those of the others.
    """
    check_asked(vlm, benchmark, written)
    vlm = replace(vlm)  # what it remembers of its processor and its map may have changed since
    with owned(vlm.anatomy):
        check_can_answer(vlm, kept=cache is not None)
        parts, effect = listed(parts), _named(effect, reference)
        cells = all_cells(vlm.anatomy, parts, layers, effect)
        size = 1 if _one_by_one(effect, parts) else whole_number("batch", batch)
        check = vlm.check if written is None else partial(written.check, vlm)
        for question in benchmark.questions:
            check(question)  # raises now, and not among the answers
            if _is_noise(effect) and written is not None:
                raise BadInput(
                    "noise is drawn for the positions of a question, which grow while a model "
                    "writes; use another effect"
                )
            if _is_noise(effect) and by_whole_text(vlm, question):
                raise BadInput(
                    f"question {question.id!r}: its options are scored by their whole text, which "
                    "noise would disturb differently for each; use another effect, or ask it in "
                    "the choice form"
                )
        unknown = told_unknown(benchmark.questions, vlm.processor.tokenizer, vlm.name)
        if unknown:
            warnings.warn(unknown, stacklevel=2)
        store = OutcomeStore(cache) if cache is not None else None
        key = answers_key(vlm, benchmark, written) if cache is not None else ""
        stored = kept_rows(store, key, vlm, benchmark, written)
        lacking = _lacking(benchmark, cells, stored)
        if store and lacking:
            store.check_writable(key)
        needed = find_effect(effect.partition(" ")[0]).needs == "reference"
        means = _means(vlm, reference, parts) if reference and needed and lacking else None
        waiting, refused = batches(vlm, lacking, benchmark.prompt, size), []
        todo = sum(len(one.questions) * len(one.cells) for one in waiting)
        if waiting:
            try_padding_of(vlm, waiting, benchmark.prompt)
        with (
            Keeper(store, key) as keeper,
            progress(total=todo, desc=f"sweep of {vlm.name}", unit="answer") as bar,
            mixed_types_told(vlm.model, vlm.name),
        ):
            if written is None:
                answers = _answers(vlm, benchmark, waiting, means, refused)
            else:
                told_work(vlm, waiting, written)
                answers = written_rows(vlm, benchmark, waiting, means, written, refused)
            for rows in answers:
                keeper.add(rows)
                bar.update(len(rows))
        tables = [table for table in (stored, *keeper.tables) if len(table)]
        table = _assemble(pd.concat(tables or [stored]), vlm, benchmark, cells, written)
        _raise_refused(refused, table, cache)
        return table


def kept_outcomes(
    vlm: VLM,
    benchmark: Benchmark,
    parts=("self-attention",),
    layers=None,
    effect: str = "zero",
    cache="runs/sweeps",
    reference: Benchmark | None = None,
    written: Written | None = None,
) -> tuple[pd.DataFrame, int]:
    """What a cache holds of a sweep, as `sweep` would give it, and how many answers are missing."""
    check_asked(vlm, benchmark, written)
    vlm = replace(vlm)
    cells = all_cells(vlm.anatomy, listed(parts), layers, _named(effect, reference))
    key = answers_key(vlm, benchmark, written)
    stored = kept_rows(OutcomeStore(cache), key, vlm, benchmark, written)
    table = _assemble(stored, vlm, benchmark, cells, written)
    return table, len(benchmark.questions) * len(cells) - len(table)


def _lacking(benchmark, cells, stored):
    """The questions by the cells for which they have no answer yet."""
    done = set(zip(stored.digest, stored.part, stored.effect, stored.layer, strict=True))
    lacking = {}
    for question in benchmark.questions:
        missing = tuple(cell for cell in cells if (question.digest, *cell) not in done)
        if missing:
            lacking.setdefault(missing, []).append(question)
    return lacking


def _one_by_one(effect, parts):
    """Whether questions go alone: noise is for each, and a vision stack's rows are none."""
    if not _is_noise(effect):
        return False
    knockouts = (k for part in names_of(parts) for k in as_knockouts(part, "zero", -1))
    return any(k.stack != "decoder" for k in knockouts)


def _means(vlm, reference, parts):
    def run():
        for question in reference.questions:  # one by one: padding would count
            vlm.last_logits(vlm.inputs([question], reference.prompt))

    means, places = {}, set()
    for part in names_of(parts):
        first = as_knockouts(part, "zero", -1)[0]
        places.add((first.stack, first.part))
    for stack, part in sorted(places):
        means.update(mean_outputs(vlm.anatomy, run, [part], stack))
    return means


def _named(effect, reference):
    """The effect as outcomes name it: a mean is one of a certain reference set.

    Raises BadInput where that is missing, or another one is given than the name tells.
    """
    if not isinstance(effect, str):
        raise BadInput(f"effect= is a name such as 'zero', not {effect!r}")
    effect = effect.strip()
    name, _, rest = effect.partition(" ")
    if find_effect(name).needs != "reference":
        return effect
    if not isinstance(reference, Benchmark | None):
        raise BadInput(f"reference= is a benchmark, not {type(reference).__name__}")
    if reference is None and not rest:
        raise BadInput(
            f"effect {effect!r} needs reference=, a benchmark whose questions the mean is taken "
            "over"
        )
    if reference is None:
        return effect
    named = f"{name} {reference.digest} {prompt_key(reference.prompt)}"
    if rest and effect != named:
        raise BadInput(f"effect {effect!r} is the mean over another reference set than the given")
    return named


def _answers(vlm, benchmark, waiting: list[Batch], means, refused) -> Iterator[list[dict]]:
    """The rows of batch after batch; smaller ones where memory runs out.

    A question that cannot be put to the model is added to `refused`, with the error.
    """
    with Ahead(vlm, benchmark.prompt) as ahead:
        yield from _batch_by_batch(vlm, benchmark, waiting, means, refused, ahead)


def _batch_by_batch(vlm, benchmark, waiting, means, refused, ahead):
    ways = _ways(waiting)
    # the longest row that was compared with hooks, by whether rows were shared and by cells
    checked: dict[tuple, int] = {}
    pictures = Pictures(vlm.model)
    while waiting:
        batch = waiting.pop(0)
        layout, method = ways[0]
        if not checked and len(batch.questions) > CHECKED:  # the comparison runs whole models
            waiting.insert(0, Batch(batch.questions[CHECKED:], batch.cells))
            batch = Batch(batch.questions[:CHECKED], batch.cells)
        try:
            inputs = ahead.inputs(layout, batch)
        except CannotPack as why:
            _next_way(vlm, ways, why)
            waiting.insert(0, batch)
            continue
        except Uneven:
            waiting = [*batch.of_one_length(vlm, benchmark.prompt), *waiting]
            continue
        except Exception as error:  # processors have no common class of errors
            if out_of_memory(error):
                waiting = halved([batch, *waiting], error)
            else:
                waiting = [*_smaller(batch, refused, error), *waiting]
            continue
        seeds = [int(question.digest[:15], 16) for question in batch.questions]
        kind = inputs.alone is not None, batch.cells
        try:
            # what only long rows show is met again where they are twice as long
            length = inputs["input_ids"].shape[1]
            check = length >= 2 * checked.get(kind, 0)
            ahead.begin(layout, [] if check else waiting)  # a check lays out by itself
            logits = method(vlm, inputs, batch.cells, check, means, pictures, seeds)
            rows = _rows(vlm, benchmark, batch, logits, inputs)
        except CannotAskAlone as why:
            waiting = [*_smaller(batch, refused, why.__cause__), *waiting]
            continue
        except (CannotReplay, Uneven) as why:  # the latter where shared rows are compared
            _next_way(vlm, ways, why)
            waiting.insert(0, batch)
            continue
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            waiting = halved([batch, *waiting], error)
            continue
        if check:
            checked[kind] = length
        yield rows


def _smaller(batch, refused, error):
    """The halves of a batch that cannot be put to the model; of one question none: it is refused,
    with the error.
    """
    if len(batch.questions) > 1:
        return batch.halves()
    refused.append((batch.questions[0], error))
    return []


def _next_way(vlm, ways, why):
    """Drop the fastest way, which this model cannot go, and say what that costs."""
    ways.pop(0)
    cost = "computes anew for each question what those about one picture share"
    if ways[0][1] is hooked_logits:
        cost = "is swept with hooks, at about twice the price"
    warnings.warn(f"{vlm.name} {cost}: {why}", stacklevel=4)


def _ways(waiting):
    """Pairs of (how questions are laid out, how the layers are knocked out), the fastest first.

    Noise is drawn for each question, so that none shares its beginning.
    """
    alone = [(apart, replayed_logits), (apart, hooked_logits)]
    effects = {effect for batch in waiting for _, effect, _ in batch.cells}
    return alone if any(map(_is_noise, effects)) else [(packed, replayed_logits), *alone]


def _is_noise(effect):
    """Whether an effect, as outcomes name it, is drawn for each question."""
    return effect != BASE_CELL[1] and find_effect(effect.partition(" ")[0]).needs == "seeds"


def _raise_refused(refused, table, cache):
    """Raise BadInput where questions were refused; the outcomes of the others are not lost."""
    if not refused:
        return
    question, error = refused[0]
    reason = " ".join(str(error).split())[:500]
    name = repr(question.id)
    message = reason if name in reason else f"question {name} cannot be put to the model: {reason}"
    remainder = f"; so with {len(refused) - 1} more questions" if len(refused) > 1 else ""
    others = f"all others were answered, and are kept in {cache}"
    if cache is None:
        others = "the outcomes of all others are this error's `outcomes`; with cache= they are kept"
    refusal = BadInput(f"{message}{remainder}{f' ({others})' if len(table) else ''}")
    refusal.outcomes = table
    raise refusal from error


def _under(row) -> str:
    """Under which knockout a row was answered, in words."""
    if row.layer == BASE:
        return "of the whole model, with nothing knocked out"
    return f"with {row.part} of layer {row.layer} knocked out"


def _rows(vlm, benchmark, batch, logits, inputs):
    """A row for every cell and question."""
    rows = []
    for cell, values in zip(batch.cells, logits, strict=True):
        for question, score in zip(batch.questions, inputs.wanted.scores(values), strict=True):
            rows.append(_row(vlm, benchmark, question, score, cell))
    return rows


def _row(vlm, benchmark, question, score, cell):
    answer = int(score.argmax()) if np.isfinite(score).all() else UNSCORED
    scored = {"scoring": vlm.scoring(question)} if vlm.spaced(question) else {}
    return outcome_row(vlm, benchmark, question, cell, answer, score.tolist(), **scored)


def _assemble(table, vlm, benchmark, cells, written=None):
    """The rows of this benchmark and these cells, under its names, in its order."""
    order = {question.digest: i for i, question in enumerate(benchmark.questions)}
    abilities = {task.name: task.ability for task in benchmark.tasks}
    informed = {question.digest: question.informed for question in benchmark.questions}
    scoring = {
        question.digest: vlm.scoring(question) if written is None else written.name
        for question in benchmark.questions
    }
    if written is not None and len(table):
        table = with_verdicts(table, benchmark, written)
    texts = ["written"] if "written" in table else []
    groups = picture_groups(benchmark.questions)
    pictures = {q.digest: groups[q.pictures[0]] for q in benchmark.questions}
    ranks = {cell: i for i, cell in enumerate(cells)}
    cell = pd.Series(
        list(zip(table.part, table.effect, table.layer, strict=True)), index=table.index
    ).map(ranks)
    table = table.assign(cell=cell, order=table.digest.map(order)).dropna(subset=["cell", "order"])
    computed = table.library if "library" in table else pd.Series(dtype=str)
    libraries = sorted(computed.fillna("not noted").unique())
    table = table.sort_values(["cell", "order"]).assign(
        ability=lambda t: t.task.map(abilities),
        picture=lambda t: t.digest.map(pictures),
        informed=lambda t: t.digest.map(informed),
        scoring=lambda t: t.digest.map(scoring),
        benchmark=benchmark.name,
        model=vlm.name,
    )
    table = (
        table[[*COLUMNS, "picture", "scoring", *texts]]
        .astype({"layer": "int64", "answer": "int64", "correct": bool})
        .reset_index(drop=True)
    )
    unscored = table[table.answer == UNSCORED]
    if len(unscored):
        first = unscored.iloc[0]
        warnings.warn(
            f"{len(unscored)} answers could not be scored, the first is question "
            f"{first.question!r} {_under(first)}: its scores are not finite; use a wider number "
            "type (float32 or bfloat16), or look for weights that are not finite",
            stacklevel=3,
        )
    table.attrs.update(
        source=benchmark.source,
        left_out=len(benchmark.left_out),
        malformed=len(benchmark.malformed),
        libraries=libraries,
        **({"unparsed": unparsed_share(table)} if texts else {}),
    )  # kept in a parquet file's metadata, too
    return table
