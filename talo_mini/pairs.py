"""Several layers at once: do two knockouts add up, and does choosing more layers gain more?"""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from .anatomy import Anatomy
from .cells import layers_with
from .outcomes import BASE, UNSCORED
from .questions import BadInput, Benchmark
from .significance import false_discovery
from .sweep import sweep
from .vlm import VLM

WIDTH = 1000  # a pair of layers (i, j) competes under the number WIDTH * (i + 1) + j


def pair_parts(anatomy: Anatomy, part: str) -> list[str]:
    """The part itself and its sets with each lower layer that has it, as `sweep` names them: every layer and every pair."""
    return [part, *(f"{part} and {layer}" for layer in layers_with(anatomy, part)[:-1])]


def interactions(outcomes: pd.DataFrame, part: str) -> pd.DataFrame:
    """Every pair of layers of every task: what both knockouts do together beside the sum of what each does alone.

    Columns: task, first, second, alone_first, alone_second, together, added (sum of the two), interaction (together -
    added), low, high (95% interval), p (t test over questions), q (Benjamini-Hochberg over the table). Fractions.
    Raises BadInput where a single layer of a pair is missing.
    """
    kept = outcomes[outcomes.answer != UNSCORED]
    rows = []
    for task, group in kept.groupby("task", sort=False):
        base = group[group.layer == BASE].set_index("question").correct.astype(float)
        wide = {key: table.set_index("question").correct.reindex(base.index).astype(float) for key, table in
                group[group.layer != BASE].groupby(["part", "layer"])}
        layers = sorted(layer for name, layer in wide if name == part)
        for first, second in combinations(layers, 2):
            if (f"{part} and {first}", second) not in wide:
                raise BadInput(f"task {task!r}: layers {first} and {second} were not knocked out together; sweep pair_parts()")
            one, two, both = (wide[key] - base for key in ((part, first), (part, second), (f"{part} and {first}", second)))
            extra = (both - one - two).dropna()
            test = stats.ttest_1samp(extra, 0.0) if extra.std() > 0 else None
            low, high = test.confidence_interval() if test else (extra.mean(), extra.mean())
            rows.append(dict(task=task, first=first, second=second, alone_first=one.mean(), alone_second=two.mean(),
                             together=both.mean(), added=one.mean() + two.mean(), interaction=extra.mean(), low=low, high=high,
                             p=test.pvalue if test else float(extra.mean() == 0)))
    table = pd.DataFrame(rows)
    return table.assign(q=false_discovery(table.p))


def singles_and_pairs(outcomes: pd.DataFrame, part: str) -> pd.DataFrame:
    """Outcomes in which pairs compete with single layers as if they were layers, for `talo_gains`; see WIDTH."""
    pairs = outcomes.part.str.startswith(f"{part} and ")
    first = outcomes.part[pairs].str.removeprefix(f"{part} and ").astype(int)
    renamed = outcomes[pairs].assign(part=part, layer=lambda t: WIDTH * (first + 1) + t.layer)
    return pd.concat([outcomes[(outcomes.part == part) | (outcomes.part == "base")], renamed], ignore_index=True)


def greedy_layers(vlm: VLM, probe: Benchmark, part: str = "self-attention", most: int = 3, cache=None) -> list[int]:
    """Layers knocked out one after the other, each the one that raises the accuracy on the probe questions most.

    Ends when no further layer raises it or `most` are chosen; of equal layers the lowest is taken.
    """
    chosen, layers = [], layers_with(vlm.anatomy, part)
    accuracy = None
    while len(chosen) < most:
        name = f"{part} and {', '.join(map(str, sorted(chosen)))}" if chosen else part
        outcomes = sweep(vlm, probe, parts=[name], layers=[i for i in layers if i not in chosen], cache=cache)
        by_layer = outcomes[outcomes.layer != BASE].groupby("layer").correct.mean()
        accuracy = outcomes[outcomes.layer == BASE].correct.mean() if accuracy is None else accuracy
        if by_layer.max() <= accuracy:
            break
        chosen.append(int(by_layer.idxmax()))
        accuracy = by_layer.max()
    return sorted(chosen)


def bypass_gain(vlm: VLM, benchmark: Benchmark, layers: list[int], part: str = "self-attention", cache=None) -> np.ndarray:
    """The change of each question, +1, 0 or -1, when these layers are knocked out together, [questions]."""
    if not layers:
        return np.zeros(len(benchmark.questions))
    *others, last = layers
    name = f"{part} and {', '.join(map(str, others))}" if others else part
    outcomes = sweep(vlm, benchmark, parts=[name], layers=[last], cache=cache)
    right = outcomes.set_index(["layer", "question"]).correct.astype(int).unstack(0)
    return (right[last] - right[BASE]).reindex([question.id for question in benchmark.questions]).to_numpy()
