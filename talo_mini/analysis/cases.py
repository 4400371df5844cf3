"""Knockouts worth a closer look: chosen on one half of the questions, looked at on the other."""

import pandas as pd

from .clear import gains_clearly
from .significance import clustered
from .vectors import gain_kind, vectors_of_forms


def promising(sweeps: dict, part: str, choosing: set[str], most: int) -> pd.DataFrame:
    """The pairs of task and layer whose knockout gains most on the questions of `choosing`.

    First those that clearly help (false-discovery rate 5% over all forms of `sweeps`, outcomes by
    form), also where they only bring a model back to chance, then the largest gains of tasks at or
    above chance; `most` in all. Columns: those of `interaction_vectors`, form, kind, clear.
    """
    asked = {form: table[table.question.isin(choosing)] for form, table in sweeps.items()}
    vectors = vectors_of_forms(asked, part)
    vectors = vectors.assign(kind=gain_kind(vectors))
    vectors = vectors.assign(clear=gains_clearly(vectors))
    clear = vectors[vectors.clear].nlargest(most, "delta")
    able = vectors[(vectors.base >= vectors.informed) & ~vectors.index.isin(clear.index)]
    knockouts = pd.concat([clear, able.nlargest(most - len(clear), "delta")])
    return knockouts.reset_index(drop=True)


def mean_over_cases(cases: pd.DataFrame) -> dict:
    """The mean of delta over cases: delta, low, high (95% interval over tasks).

    Cases of one task, in several forms or layers, go together.
    """
    (low,), (high,), _ = clustered(
        cases[["delta"]].to_numpy(), pd.factorize(cases.task)[0], bounds=None
    )
    return dict(delta=float(cases.delta.mean()), low=float(low), high=float(high))
