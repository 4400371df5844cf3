"""One layer a question instead of one a task: how much an oracle, the model's own confidence, or a
small router gains.
"""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..outcomes.table import BASE, aligned, pictures_of, with_part
from .significance import mean_interval
from .summaries import difference_of_means
from .talo import talo_gains
from .vectors import tasks_above_chance

KEEP = 0  # the column of the base model in the arrays below


def answers_by_layer(
    outcomes: pd.DataFrame, part: str = "self-attention"
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """The base model's rows, which variants answer each question right, and each variant's
    probability of each option.

    right [questions, 1 + layers] and probabilities [questions, 1 + layers, options], the base model
    first; questions with fewer options than others are filled up with probability 0. Raises
    BadInput where a question lacks a variant.
    """
    base, knocked = with_part(outcomes, part)
    variant_rows = pd.concat([base, knocked])
    right, scores = (aligned(variant_rows, column) for column in ("correct", "scores"))
    variants = [("base", BASE), *((part, layer) for layer in sorted(right[part].columns))]
    widest = max(map(len, scores["base", BASE]))
    logs = np.array([[_padded(score, widest) for score in scores[variant]] for variant in variants])
    odds = np.exp(logs - logs.max(-1, keepdims=True)).swapaxes(0, 1)
    rows = base.set_index("question").loc[right.index].reset_index()
    return rows, right[variants].to_numpy(bool), odds / odds.sum(-1, keepdims=True)


def _padded(score, width):
    """Log-probabilities of options, filled up with impossible ones."""
    return np.pad(np.asarray(score, float), (0, width - len(score)), constant_values=-np.inf)


def most_confident(probabilities: np.ndarray) -> np.ndarray:
    """The variant that gives its own answer the highest probability, [questions]."""
    return probabilities.max(-1).argmax(1)


def features(base: pd.DataFrame, probabilities: np.ndarray) -> np.ndarray:
    """What a router may see without running a knockout: the base model's sorted probabilities and
    entropy, and the task.
    """
    own = np.sort(probabilities[:, KEEP], -1)[:, ::-1]
    entropy = -(own * np.log(np.clip(own, 1e-12, None))).sum(-1, keepdims=True)
    return np.hstack([own, entropy, pd.get_dummies(base.task).to_numpy(float)])


def learned_route(seen: np.ndarray, right: np.ndarray, probe: np.ndarray) -> np.ndarray:
    """For each question the variant most likely right, learned on the probe questions only
    (logistic regression, each variant).

    seen [questions, features], right [questions, 1 + layers], probe: indices. Equally likely
    variants: the base model first.
    """
    likely = np.empty(right.shape)
    for variant in range(right.shape[1]):
        target = right[probe, variant]
        if target.all() or not target.any():
            likely[:, variant] = target.mean()
        else:
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
            likely[:, variant] = model.fit(seen[probe], target).predict_proba(seen)[:, 1]
    return likely.argmax(1)


def oracle_by_luck(right: np.ndarray, tasks, seed: int = 0, permutations: int = 200) -> float:
    """Accuracy of an oracle over variants that are right as often in every task as these, but each
    on questions of its own.

    An oracle over many variants is right wherever one is, so it profits from disagreement of any
    kind.
    """
    rng = np.random.default_rng(seed)
    groups = [right[np.asarray(tasks) == task] for task in dict.fromkeys(tasks)]
    return float(
        np.mean(
            [
                sum(rng.permuted(group, axis=0).any(1).sum() for group in groups) / len(right)
                for _ in range(permutations)
            ]
        )
    )


WAYS = ("oracle", "most confident variant", "learned router", "TaLo, one layer a task")


def ways_to_choose(
    sweeps: dict, part: str, shots: int, draws: int, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Choosing a variant for each question, or one layer a task, in each form of `sweeps`.

    Three tables. Of each of WAYS its mean gain: form, method, tasks ("all", "above chance"), delta,
    low, high (95% interval over tasks). Of the oracle: form, chance, informed, base, oracle,
    mean_variant, all_right, by_luck (of variants that err independently). And router minus TaLo:
    form, delta, low, high, tasks. Probe sets of the router are drawn `draws` times; it is measured
    on the questions about pictures that it was not taught. Fractions.
    """
    rng, gains, limits, beside = np.random.default_rng(seed), [], [], []
    for form, outcomes in sweeps.items():
        base, right, probabilities = answers_by_layer(outcomes, part)
        own, every = right[:, KEEP].astype(float), np.arange(len(base))
        confident = right[every, most_confident(probabilities)]
        routed = _routed(base, right, probabilities, shots, draws, rng)
        changes = dict(zip(WAYS, (right.any(1) - own, confident - own, routed - own), strict=False))
        by_task = {
            name: pd.Series(change).groupby(base.task).mean().dropna()
            for name, change in changes.items()
        }
        talo = talo_gains(outcomes, part, shots, draws, seed).set_index("task").delta
        able = tasks_above_chance(outcomes)
        for name, gain in (by_task | {WAYS[-1]: talo}).items():
            for tasks, some in (("all", gain), ("above chance", gain[gain.index.isin(able)])):
                low, high = mean_interval(some)
                row = dict(form=form, method=name, tasks=tasks, delta=some.mean())
                gains.append(row | dict(low=low, high=high))
        row = dict(form=form, chance=outcomes.chance.mean(), informed=outcomes.informed.mean())
        row |= dict(base=own.mean(), oracle=right.any(1).mean(), mean_variant=right.mean())
        row |= dict(all_right=right.all(1).mean(), by_luck=oracle_by_luck(right, base.task, seed))
        limits.append(row)
        router = by_task["learned router"]
        beside.append(dict(form=form) | difference_of_means(router, talo))
    return tuple(map(pd.DataFrame, (gains, limits, beside)))


def _routed(base, right, probabilities, shots, draws, rng):
    """How often the router's choice is right where it was not taught, [questions]; nan if never."""
    seen, groups = features(base, probabilities), base.groupby("task", sort=False).indices
    pictures = pictures_of(base, base.question)
    correct, asked = np.zeros(len(base)), np.zeros(len(base))
    for _ in range(draws):
        probe = np.concatenate([rng.permutation(where)[:shots] for where in groups.values()])
        rest = np.flatnonzero(~np.isin(pictures, pictures[probe]))
        correct[rest] += right[rest, learned_route(seen, right, probe)[rest]]
        asked[rest] += 1
    with np.errstate(invalid="ignore"):
        return correct / asked
