"""Several effects of a knockout beside the first: what each costs, and how far vectors agree."""

from itertools import product

import pandas as pd

from ..errors import BadInput
from .similarity import similarity_ceiling, vector_agreement
from .summaries import difference_of_means, mean_changes
from .vectors import interaction_vectors, matrix

SHARED = 2  # layers, from 0 on, that most tasks need whatever the effect
DEEP = {"deep": "delta", "deep_low": "low", "deep_high": "high", "deep_tasks": "tasks"}


def cost_of_effects(vectors: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """What each effect changes on average, and how much more than the first.

    `vectors` by effect. Columns: effect, delta, low, high, worst, clearly_hurt, clearly_help (of
    `mean_change`), beside (delta minus that of the first effect, nan for itself), beside_low,
    beside_high (95% interval over tasks); fractions.
    """
    by_task = {effect: table.groupby("task").delta.mean() for effect, table in vectors.items()}
    first = next(iter(vectors))
    more = [difference_of_means(means, by_task[first]) for means in by_task.values()]
    costs = mean_changes(vectors, ["effect"]).drop(columns=["knockouts", "help_above_chance"])
    costs = costs.assign(
        beside_low=[difference["low"] for difference in more],
        beside_high=[difference["high"] for difference in more],
    )
    return costs.assign(beside=(costs.delta - costs.delta[0]).where(costs.effect != first))


def agreement_with_first(vectors: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """How far each effect's vectors agree with those of the first, in all layers and in the deep.

    `vectors` by effect. Columns: pair ("zero and mean"), delta, low, high, tasks, pooled (of
    `vector_agreement`, correlations), deep, deep_low, deep_high, deep_tasks (without layers 0, 1,
    of which fewer tasks need any). Raises BadInput where there is no second effect.
    """
    if len(vectors) < 2:
        raise BadInput(f"{len(vectors)} kinds of knockout cannot be compared; name two at least")
    (first, table), *others = vectors.items()
    deltas, rows = matrix(table), []
    for effect, other in others:
        every, deep = (
            vector_agreement(deltas, matrix(other), first=layer) for layer in (0, SHARED)
        )
        ends = {name: deep[column] for name, column in DEEP.items()}
        rows.append(dict(pair=f"{first} and {effect}") | every | ends)
    return pd.DataFrame(rows)


def agreement_and_ceilings(
    outcomes: dict[str, pd.DataFrame], part: str, seed: int = 0, splits: int = 20
) -> pd.DataFrame:
    """How far each effect's vectors agree with those of the first, and each with itself on as many
    new questions: beyond that a lower agreement may be noise.

    `outcomes` of the same questions by effect. Two rows an effect, of all layers and of those from
    2 on. Columns: effect, first (layer that counts), delta, low, high, tasks, pooled (of
    `vector_agreement`), ceiling and its_ceiling (`similarity_ceiling`, mean over tasks, of the
    first effect and of this one).
    """
    zero, *others = outcomes
    vectors = {
        effect: matrix(interaction_vectors(table, part)) for effect, table in outcomes.items()
    }
    ceilings = {
        (effect, first): similarity_ceiling(table, part, seed, splits, first=first).mean()
        for (effect, table), first in product(outcomes.items(), (0, SHARED))
    }
    rows = []
    for effect, first in product(others, (0, SHARED)):
        row = dict(effect=effect, first=first)
        row |= vector_agreement(vectors[zero], vectors[effect], first=first)
        row |= dict(ceiling=ceilings[zero, first], its_ceiling=ceilings[effect, first])
        rows.append(row)
    return pd.DataFrame(rows)


def with_deep_rows(agreement: pd.DataFrame) -> pd.DataFrame:
    """Of `agreement_with_first` each row, and below it the deep layers' as delta, low and high."""
    deep = agreement[[*DEEP]].rename(columns=DEEP)
    return pd.concat([agreement, deep]).sort_index(kind="stable")
