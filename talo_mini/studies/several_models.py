"""Several models side by side: what each is, and their answers on benchmarks and forms."""

from collections.abc import Mapping, Sequence

import pandas as pd

from ..analysis.vectors import task_accuracy
from ..benchmarks.questions import Benchmark
from ..engine.sweep import sweep
from ..interventions.names import parts_present
from ..models.vlm import VLM


def sweep_each(
    vlms: Mapping[str, VLM], benchmarks: Mapping[str, Benchmark], parts: Sequence[str], cache=None
) -> dict[tuple[str, str], pd.DataFrame]:
    """Outcomes of every model on every benchmark, by (model, benchmark), benchmark by benchmark."""
    return {
        (model, name): sweep(vlm, benchmark, parts=list(parts), cache=cache)
        for name, benchmark in benchmarks.items()
        for model, vlm in vlms.items()
    }


def sweep_each_form(
    vlm: VLM, benchmark: Benchmark, parts: Mapping[str, Sequence[str]], cache=None
) -> pd.DataFrame:
    """Outcomes of a benchmark in each form, with those parts knocked out that the model has.

    `parts` by form; where the model has none of them, only itself is asked. Raises BadInput for an
    unknown form or part.
    """
    tables = []
    for form, names in parts.items():
        present = parts_present(vlm.anatomy, names)
        tables.append(sweep(vlm, benchmark.subset(form=form), parts=present, cache=cache))
    return pd.concat(tables, ignore_index=True)


def about_models(vlms: Mapping[str, VLM], outcomes: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """How well models answer and how large they are, one row each.

    `vlms` and `outcomes` by model. Columns: model, accuracy, chance, informed (means over tasks,
    fractions), weights (in words), and for each stack of any of them its number of layers (nan
    where a model has no such stack).
    """
    rows = []
    for name, vlm in vlms.items():
        accuracy = task_accuracy(outcomes[name])[["accuracy", "chance", "informed"]].mean()
        weights = sum(parameter.numel() for parameter in vlm.model.parameters())
        row = dict(model=name) | accuracy.to_dict()
        row |= dict(weights=f"{weights / 1e6:.1f} million")
        rows.append(row | {stack: len(layers) for stack, layers in vlm.anatomy.stacks.items()})
    return pd.DataFrame(rows)
