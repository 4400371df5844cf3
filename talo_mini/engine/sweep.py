"""Knock out every layer in turn over the questions of a benchmark."""

import hashlib
import warnings
from collections import Counter
from contextlib import nullcontext
from math import prod

import numpy as np
import pandas as pd
import torch

from ..benchmarks.prompts import prompt_key, write_prompt
from ..benchmarks.questions import Benchmark, Question
from ..errors import BadInput
from ..interventions.cells import BASE_CELL, all_cells, as_knockouts, names_of
from ..interventions.knockout import is_knocked_out, knockout, mean_outputs
from ..models.vlm import VLM
from ..outcomes.store import Keeper, OutcomeStore
from ..outcomes.table import COLUMNS, UNSCORED
from ..progress import progress
from .memory import free_memory, out_of_memory
from .pictures import Pictures
from .replay import CannotReplay, one_pass
from .vision_prefix import VisionPrefix

MEANING = (
    1  # of kept answers: raise it when a change of the code changes what a part or an effect does
)


def sweep(
    vlm: VLM,
    benchmark: Benchmark,
    parts=("self-attention",),
    layers=None,
    effect: str = "zero",
    cache=None,
    batch: int = 32,
    reference: Benchmark | None = None,
) -> pd.DataFrame:
    """Outcomes of the base model and of every layer's knockout, for each part; see
    `outcomes.COLUMNS`.

    `effect` is "zero", "uniform", "scale 0.5", "noise 1" (with the amount) or "mean", over the
    `reference` questions. `parts` are "self-attention", "mlp", "layer", "cross-attention", "head
    3", "neuron 7", "vision: layer", or sets like "mlp and 2"; see `cells`. All layers are swept
    unless `layers` names some, or a part its own: ("neuron 7", 4). With `cache`, a folder, outcomes
    are kept as they are made and never asked again of the same weights. All layers are done in one
    pass where the model allows it; where it does not, a warning says why and the whole model runs
    once for every layer. Where memory runs out, the batch is halved, with a warning. A question
    whose scores are not finite is UNSCORED, with a warning that names one. The table's `attrs` tell
    where the questions were read and how many rows were left out or malformed. Raises BadInput
    before any question is asked for an unknown part, layer or effect, a model in training mode and
    a question whose options cannot be told apart. Hooks that others put on the model are no part of
    what its answers are kept under.
    """
    if vlm.model.training:
        raise BadInput(
            f"{vlm.name} is in training mode, so its answers would be random where it has "
            "dropout; call vlm.model.eval() first"
        )
    effect = _named(effect, reference)
    cells = all_cells(vlm.anatomy, parts, layers, effect)
    if cache is not None and is_knocked_out(vlm.anatomy):
        raise BadInput(
            "a knockout is in force here: its answers would be kept as those of the whole model; "
            "sweep outside the "
            "block, or without cache="
        )
    if effect.startswith("noise") and any(
        k.stack != "decoder" for part in names_of(parts) for k in as_knockouts(part, "zero", -1)
    ):
        # the rows of a vision stack are not the questions, but noise is drawn for each of these
        batch = 1
    store, key = (OutcomeStore(cache), _key(vlm, benchmark)) if cache is not None else (None, "")
    kept = (
        store.read(key, _digests(benchmark))
        if store
        else pd.DataFrame(columns=[*COLUMNS, "digest"])
    )
    done = set(zip(kept.digest, kept.part, kept.effect, kept.layer))
    groups = {}  # of questions that lack the same cells
    for question in benchmark.questions:
        vlm.option_tokens(question)  # raises now, and not among the answers
        groups.setdefault(
            tuple(cell for cell in cells if (question.digest, *cell) not in done), []
        ).append(question)
    groups.pop((), None)
    means = _means(vlm, reference, parts) if reference and groups else None
    method, checked, pictures = replayed_logits, False, Pictures(vlm.model)
    waiting = [
        (questions, missing)
        for missing, group in groups.items()
        for questions in _batches(group, benchmark.prompt, batch)
    ]
    todo = sum(len(questions) * len(missing) for questions, missing in waiting)
    with (
        Keeper(store, key) as keeper,
        progress(total=todo, desc=f"sweep of {vlm.name}", unit="answer") as bar,
    ):
        while waiting:
            questions, missing = waiting.pop(0)
            try:
                inputs = vlm.inputs(questions, benchmark.prompt)
                now = missing[: _cells_at_once(vlm, len(questions))]
                logits = method(
                    vlm,
                    inputs,
                    now,
                    not checked,
                    means,
                    pictures,
                    [int(q.digest[:15], 16) for q in questions],
                )
                rows = [
                    _row(vlm, benchmark, question, score, cell)
                    for cell, values in zip(now, logits)
                    for question, score in zip(questions, scores(vlm, questions, values))
                ]
            except CannotReplay as why:
                warnings.warn(
                    f"{vlm.name} is swept with hooks, at about twice the price: {why}", stacklevel=2
                )
                method = hooked_logits
                waiting.insert(0, (questions, missing))
                continue
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                waiting = _halved([(questions, missing), *waiting], error)
                continue
            checked = True
            keeper.add(rows)
            bar.update(len(rows))
            if len(now) < len(missing):
                waiting.insert(0, (questions, missing[len(now) :]))
    return _assemble(
        pd.concat([table for table in (kept, *keeper.tables) if len(table)]), vlm, benchmark, cells
    )


def kept_outcomes(
    vlm: VLM,
    benchmark: Benchmark,
    parts=("self-attention",),
    layers=None,
    effect: str = "zero",
    cache="runs/sweeps",
    reference: Benchmark | None = None,
) -> tuple[pd.DataFrame, int]:
    """What a cache holds of a sweep, as `sweep` would give it, and how many answers are still
    missing.
    """
    cells = all_cells(vlm.anatomy, parts, layers, _named(effect, reference))
    table = _assemble(
        OutcomeStore(cache).read(_key(vlm, benchmark), _digests(benchmark)), vlm, benchmark, cells
    )
    return table, len(benchmark.questions) * len(cells) - len(table)


def _digests(benchmark):
    return {question.digest for question in benchmark.questions}


def _key(vlm, benchmark):
    return f"{vlm.digest}-{vlm.reading}-{MEANING}/{prompt_key(benchmark.prompt)}"


def _means(vlm, reference, parts):
    def run():
        for question in reference.questions:  # one by one: padding would count
            vlm.last_logits(vlm.inputs([question], reference.prompt))

    places = {
        (k.stack, k.part) for part in names_of(parts) for k in as_knockouts(part, "zero", -1)[:1]
    }
    return {
        path: mean
        for stack, part in sorted(places)
        for path, mean in mean_outputs(vlm.anatomy, run, [part], stack).items()
    }


def _named(effect, reference):
    """The effect as outcomes name it: a mean is one of a certain reference. Raises BadInput where
    it is missing.
    """
    if effect != "mean":
        return effect
    if reference is None:
        raise BadInput(
            "effect 'mean' needs reference=, a benchmark whose questions the mean is taken over"
        )
    return f"mean {reference.digest} {prompt_key(reference.prompt)}"


def hooked_logits(
    vlm: VLM, inputs, cells, check: bool = False, means=None, pictures=None, seeds=(0,)
) -> list[torch.Tensor]:
    """Logits of the next token for each cell (part, effect, layer), by running the model under
    hooks; see `prefix`.

    `seeds`: of each question's noise.
    """
    prefix, found = VisionPrefix(vlm.anatomy), []
    for cell in cells:
        knockouts = () if cell == BASE_CELL else as_knockouts(*cell, seeds)
        same = pictures and all(
            k.stack == "decoder" for k in knockouts
        )  # what the vision side makes of a picture
        with (
            pictures.shared() if same else nullcontext(),
            prefix.shared(knockouts),
            knockout(vlm.anatomy, *knockouts, means=means),
        ):
            found.append(vlm.last_logits(inputs))
    return found


def replayed_logits(
    vlm: VLM, inputs, cells, check: bool = False, means=None, pictures=None, seeds=(0,)
) -> list[torch.Tensor]:
    """The same in one pass, see `replay`; knockouts outside the decoder by hooks. Raises
    CannotReplay.

    With `check` some parts are compared with hooks.
    """
    groups = {cell: as_knockouts(*cell, seeds) for cell in cells if cell != BASE_CELL}
    inside = [cell for cell, group in groups.items() if all(k.stack == "decoder" for k in group)]
    found = one_pass(
        vlm.model, vlm.anatomy, inputs, [groups[cell] for cell in inside], check, means, pictures
    )
    found = dict(zip([BASE_CELL, *inside], found))
    outside = [cell for cell in cells if cell not in found]
    found.update(zip(outside, hooked_logits(vlm, inputs, outside, means=means, seeds=seeds)))
    return [found[cell] for cell in cells]


def scores(vlm: VLM, questions: list[Question], logits: torch.Tensor) -> list[np.ndarray]:
    """Log-probability of each option of each question, from logits of the next token [questions,
    vocabulary].
    """
    tokens = [vlm.option_tokens(question) for question in questions]
    places = [
        (row, token) for row, options in enumerate(tokens) for option in options for token in option
    ]
    logs = torch.log_softmax(logits, -1)[
        tuple(torch.tensor(places, device=logits.device).T)
    ]  # few of a whole vocabulary leave a GPU
    logs = iter(logs.cpu().double().tolist())
    with np.errstate(invalid="ignore"):
        return [
            np.array([np.logaddexp.reduce([next(logs) for _ in option]) for option in options])
            for options in tokens
        ]


def _cells_at_once(vlm, questions):
    """Of how many cells the logits of so many questions take an eighth of the free memory at most."""
    taken = 4 * questions * len(vlm.processor.tokenizer)  # bytes, in float32
    return max(1, free_memory(vlm.model.device) // 8 // taken)


def _batches(questions, prompt, size):
    """Questions in batches of similar length, so that little is padded: a larger picture may take
    more tokens.

    Those about one picture stand side by side, for its encoding is kept a while only.
    """
    asked = Counter(q.image_bytes for q in questions)
    ordered = sorted(
        questions,
        key=lambda q: (
            prod(q.size),
            q.image_bytes * (asked[q.image_bytes] > 1),
            len(write_prompt(q, prompt)),
        ),
    )
    return [ordered[i : i + size] for i in range(0, len(ordered), size)]


def _halved(waiting, error):
    """The batches, each cut in two. Raises BadInput where a batch is a single question already."""
    size = max(len(questions) for questions, _ in waiting) // 2
    if not size:
        raise BadInput(
            f"memory does not suffice for one question ({error}); use a smaller picture limit or "
            "model"
        ) from error
    warnings.warn(f"memory ran out; going on with {size} questions at once", stacklevel=3)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return [
        (questions[i : i + size], missing)
        for questions, missing in waiting
        for i in range(0, len(questions), size)
    ]


def _row(vlm, benchmark, question, score, cell):
    part, effect, layer = cell
    answer = int(score.argmax()) if np.isfinite(score).all() else UNSCORED
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
        scores=score.tolist(),
        digest=question.digest,
    )


def _assemble(table, vlm, benchmark, cells):
    """The rows of this benchmark and these cells, under its names, in its order."""
    order = {question.digest: i for i, question in enumerate(benchmark.questions)}
    abilities = {task.name: task.ability for task in benchmark.tasks}
    pictures = {
        question.digest: hashlib.blake2b(question.image_bytes, digest_size=8).hexdigest()
        for question in benchmark.questions
    }
    ranks = {cell: i for i, cell in enumerate(cells)}
    cell = pd.Series(list(zip(table.part, table.effect, table.layer)), index=table.index).map(ranks)
    table = table.assign(cell=cell, order=table.digest.map(order)).dropna(subset=["cell", "order"])
    table = table.sort_values(["cell", "order"]).assign(
        ability=lambda t: t.task.map(abilities),
        picture=lambda t: t.digest.map(pictures),
        benchmark=benchmark.name,
        model=vlm.name,
    )
    table = (
        table[[*COLUMNS, "picture"]]
        .astype({"layer": "int64", "answer": "int64", "correct": bool})
        .reset_index(drop=True)
    )
    unscored = table[table.answer == UNSCORED]
    if len(unscored):
        first = unscored.iloc[0]
        warnings.warn(
            f"{len(unscored)} answers could not be scored, the first is question "
            f"{first.question!r} with {first.part} of "
            f"layer {first.layer} knocked out: its scores are not finite; use a wider number type "
            "(float32 or bfloat16)",
            stacklevel=3,
        )
    table.attrs.update(
        source=benchmark.source,
        left_out=len(benchmark.left_out),
        malformed=len(benchmark.malformed),
    )  # kept in a parquet file's metadata, too
    return table
