"""Knockouts worth a closer look: chosen on one half of the questions, looked at on the other."""

import pandas as pd

from .significance import false_discovery
from .vectors import gain_kind, interaction_vectors


def promising(sweeps: dict, part: str, choosing: set[str], most: int) -> pd.DataFrame:
    """The pairs of task and layer whose knockout gains most on the questions of `choosing`.

    First those that clearly help (false-discovery rate 5% over all forms of `sweeps`, outcomes by
    form), also where they only bring a model back to chance, then the largest gains of tasks at or
    above chance; `most` in all. Columns: those of `interaction_vectors`, form, kind, clear.
    """
    tables = []
    for form, outcomes in sweeps.items():
        half = outcomes[outcomes.question.isin(choosing)]
        tables.append(interaction_vectors(half, part).assign(form=form))
    vectors = pd.concat(tables, ignore_index=True)
    vectors = vectors.assign(q=false_discovery(vectors.p, vectors.delta), kind=gain_kind(vectors))
    vectors = vectors.assign(clear=(vectors.q < 0.05) & (vectors.delta > 0))
    clear = vectors[vectors.clear].nlargest(most, "delta")
    able = vectors[(vectors.base >= vectors.informed) & ~vectors.index.isin(clear.index)]
    knockouts = pd.concat([clear, able.nlargest(most - len(clear), "delta")])
    return knockouts.reset_index(drop=True)
