"""Checkpoints of a training, one row each: the best knockout of a task, TaLo on harder pictures."""

from collections.abc import Sequence

import pandas as pd

from .groups import stacked
from .runs import all_vectors, along_training, talo_along
from .significance import false_discovery


def best_along(
    tables: dict[tuple[str, int], pd.DataFrame], task: str, form: str, parts: Sequence[str]
) -> pd.DataFrame:
    """The knockout of these parts that helps a task most, at each checkpoint.

    `tables` of outcomes by (run, step). Columns: run, step, base, part, layer, accuracy, delta, q
    (of `all_vectors` of the checkpoint); fractions, by run and step.
    """
    rows = []
    for (run, step), outcomes in tables.items():
        vectors = all_vectors(outcomes)
        asked = (vectors.task == task) & (vectors.form == form) & vectors.part.isin(parts)
        gains = vectors[asked]
        best = gains.loc[gains.delta.idxmax()]
        row = dict(run=run, step=step, base=best.base, part=best.part, layer=best.layer)
        rows.append(row | dict(accuracy=best.accuracy, delta=best.delta, q=best.q))
    return pd.DataFrame(rows).sort_values(["run", "step"], ignore_index=True)


def talo_along_pictures(tables: dict, vectors: dict, part: str, seed: int = 0) -> pd.DataFrame:
    """What TaLo gains at each checkpoint on several sets of pictures, and where anything helps.

    `tables` of outcomes and `vectors`, their `all_vectors`, both by (pictures, run, step). Columns:
    those of `talo_along`, q over all sets together, helped_cells (of `along_training`), pictures.
    """
    sets = {}
    for pictures in dict.fromkeys(key[0] for key in tables):
        asked, changes = (
            {key[1:]: table for key, table in tables_by.items() if key[0] == pictures}
            for tables_by in (tables, vectors)
        )
        helping = along_training(asked, changes)[["run", "step", "helped_cells"]]
        gains = talo_along(asked, part, seed=seed)
        sets[pictures] = gains.merge(helping, on=["run", "step"], validate="one_to_one")
    table = stacked(sets, ["pictures"])
    return table.assign(q=false_discovery(table.p, table.delta))
