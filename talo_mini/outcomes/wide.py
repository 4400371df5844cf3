"""The wide table that ships with the book, a column a knockout, as a table of outcomes again."""

from pathlib import Path

import pandas as pd

from ..errors import BadInput
from .table import BASE

ON = "-on-"  # between model and benchmark in the name of a file; without it: the mini-worlds
ABOUT = ("question", "task", "ability", "form", "blind", "informed")


def load_wide(path: Path | str, most: int) -> pd.DataFrame:
    """The first `most` questions of each task and form of a wide table that ships, lengthened.

    The file is named after the model, or MODEL-on-BENCHMARK; the whole name is the model's in the
    outcomes, so that a model on two benchmarks is told apart.
    """
    path = Path(path)
    first = pd.read_parquet(path).groupby(["task", "form"]).head(most)
    return lengthened(first, path.stem, path.stem.partition(ON)[2] or "mini-worlds")


def lengthened(wide: pd.DataFrame, model: str, benchmark: str) -> pd.DataFrame:
    """One row a question and knockout, which the functions of `talo_mini.analysis` read.

    `wide` has the columns question, task, ability, form, blind, informed, base, and one for each
    part and layer ("head 3, 0"), true where the answer is right. Which other option was chosen is
    not in it: `answer` is 0 for right and 1 for wrong. Raises BadInput where a column is missing.
    """
    missing = next((name for name in (*ABOUT, "base") if name not in wide), None)
    if missing is not None:
        raise BadInput(f"the wide table of outcomes has no column {missing!r}")
    about = wide[list(ABOUT)].rename(columns=dict(blind="chance"))
    parts = [name for name in wide if name == "base" or name.rpartition(", ")[2].isdecimal()]
    empty, tables = [[]] * len(wide), []
    for name in parts:
        part, _, layer = name.rpartition(", ")
        cell = dict(part="base", effect="none", layer=BASE)
        if name != "base":
            cell = dict(part=part, effect="zero", layer=int(layer))
        right = wide[name].to_numpy()
        answers = dict(answer=1 - right.astype(int), correct=right, scores=empty)
        tables.append(about.assign(model=model, benchmark=benchmark, **cell, **answers))
    return pd.concat(tables, ignore_index=True)
