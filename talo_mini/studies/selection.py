"""TaLo on a live model: choose the layer to bypass, or several, and see what that changes."""

import numpy as np
import pandas as pd

from ..analysis.significance import change_interval
from ..analysis.talo import NONE
from ..benchmarks.questions import Benchmark
from ..engine.key import check_asked
from ..engine.sweep import sweep
from ..errors import BadInput, whole_number
from ..interventions.names import layers_with
from ..models.vlm import VLM
from ..outcomes.table import BASE, all_scored, pictures_of


def select_layer(
    vlm: VLM, probe: Benchmark, part: str = "self-attention", step: int = 4, cache=None
) -> tuple[int, float]:
    """The layer whose knockout answers most probe questions right, NONE where none beats the base
    model; and the share never asked.

    The same layer as a full sweep and `choose_layer` give: of equal layers the lowest. The base
    model answers first; then the questions it got wrong are asked, where alone a layer can gain,
    and then the others, `step` at a time. A layer that can no longer win, even with every open
    question right, is asked no more. The share is that of the answers under a knockout; the base
    model's own passes are not counted. Raises BadInput where no layer has the part or a score is
    not finite.
    """
    check_asked(vlm, probe)
    step = whole_number("step", step)
    alive = _layers(vlm, part)
    base = (
        all_scored(sweep(vlm, probe, parts=[part], layers=[], cache=cache))
        .set_index("question")
        .correct
    )
    questions = sorted(probe.questions, key=lambda question: base[question.id])
    groups = [
        questions[: (~base).sum()],
        *(questions[i : i + step] for i in range((~base).sum(), len(questions), step)),
    ]
    right, everyone, asked, left = dict.fromkeys(alive, 0), len(alive), 0, len(questions)
    for group in groups:
        if group and alive:
            outcomes = all_scored(
                sweep(vlm, probe.only(group), parts=[part], layers=alive, cache=cache)
            )
            for layer, count in (
                outcomes[outcomes.layer != BASE].groupby("layer").correct.sum().items()
            ):
                right[layer] += count
            asked += len(alive) * len(group)
            left -= len(group)
        alive = [layer for layer in alive if _can_win(layer, right, alive, base.sum(), left)]
    return max(alive, default=NONE, key=lambda layer: (right[layer], -layer)), 1 - asked / (
        everyone * len(questions)
    )


def _layers(vlm, part):
    layers = layers_with(vlm.anatomy, part)
    if not layers:
        raise BadInput(
            f"no layer of {vlm.name} has a part {part!r}; print(vlm.anatomy) shows what there is"
        )
    return layers


def _can_win(layer, right, alive, base, left):
    """Whether a layer may still end above the base model and as the lowest of the best."""
    top = max(alive, key=lambda other: (right[other], -other))
    reach = right[layer] + left
    return reach > base and (reach > right[top] or (reach == right[top] and layer <= top))


def greedy_layers(
    vlm: VLM, probe: Benchmark, part: str = "self-attention", most: int = 3, cache=None
) -> list[int]:
    """Layers knocked out one after the other, each the one that raises the accuracy on the probe
    questions most.

    Ends when no further layer raises it or `most` are chosen; of equal layers the lowest is taken.
    Raises BadInput where no layer has the part or a score is not finite.
    """
    chosen, layers = [], _layers(vlm, part)
    accuracy = None
    while len(chosen) < min(most, len(layers)):
        name = f"{part} and {', '.join(map(str, sorted(chosen)))}" if chosen else part
        outcomes = all_scored(
            sweep(
                vlm, probe, parts=[name], layers=[i for i in layers if i not in chosen], cache=cache
            )
        )
        by_layer = outcomes[outcomes.layer != BASE].groupby("layer").correct.mean()
        accuracy = outcomes[outcomes.layer == BASE].correct.mean() if accuracy is None else accuracy
        if by_layer.max() <= accuracy:
            break
        chosen.append(int(by_layer.idxmax()))
        accuracy = by_layer.max()
    return sorted(chosen)


def greedy_gains(
    vlm: VLM,
    benchmark: Benchmark,
    shots: int,
    tasks: int,
    most: int = 3,
    part: str = "self-attention",
    seed: int = 0,
    cache=None,
) -> pd.DataFrame:
    """Greedy sets of layers on the tasks that the base model answers worst on their probe
    questions, measured on questions about other pictures.

    One probe set of `shots` questions a task and form. Columns: task, layers, chance, informed,
    base, accuracy, probe_gain, delta, low, high (95% interval over pictures), single (gain of the
    first layer alone); fractions.
    """
    base = all_scored(sweep(vlm, benchmark, parts=[part], layers=[], cache=cache))
    known = base.set_index("question")[["correct", "chance", "informed"]].astype(float)
    halves = {
        task.name: benchmark.subset(tasks=[task.name]).split(shots, seed)
        for task in benchmark.tasks
    }
    first = {
        task: known.correct[[q.id for q in probe.questions]].mean()
        for task, (probe, _) in halves.items()
    }
    rows = []
    for task in pd.Series(first).nsmallest(tasks).index:
        probe, rest = halves[task]
        asked = [q.id for q in rest.questions]
        alone, chosen = (greedy_layers(vlm, probe, part, n, cache) for n in (1, most))
        change = bypass_gain(vlm, rest, chosen, part, cache)
        (low,), (high,) = change_interval(change[:, None], pictures_of(base, asked))
        own = known.loc[asked].mean()
        row = dict(task=task, layers=chosen, chance=own.chance, informed=own.informed)
        row |= dict(base=own.correct, accuracy=own.correct + change.mean())
        row |= dict(probe_gain=bypass_gain(vlm, probe, chosen, part, cache).mean())
        row |= dict(delta=change.mean(), low=low, high=high)
        rows.append(row | dict(single=bypass_gain(vlm, rest, alone, part, cache).mean()))
    return pd.DataFrame(rows)


def bypass_gain(
    vlm: VLM, benchmark: Benchmark, layers: list[int], part: str = "self-attention", cache=None
) -> np.ndarray:
    """The change of each question, +1, 0 or -1, when these layers are knocked out together,
    [questions].

    Raises BadInput where a score is not finite.
    """
    if not layers:
        return np.zeros(len(benchmark.questions))
    *others, last = layers
    name = f"{part} and {', '.join(map(str, others))}" if others else part
    outcomes = all_scored(sweep(vlm, benchmark, parts=[name], layers=[last], cache=cache))
    right = outcomes.set_index(["layer", "question"]).correct.astype(int).unstack(0)
    return (
        (right[last] - right[BASE])
        .reindex([question.id for question in benchmark.questions])
        .to_numpy()
    )
