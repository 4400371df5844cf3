"""Tables by name: stacked with a column that names them, and a table split by such a column."""

from collections.abc import Mapping, Sequence

import pandas as pd


def stacked(tables: Mapping, names: Sequence[str]) -> pd.DataFrame:
    """The rows of several tables one below the other, what each is called in the last columns.

    `tables` by a text for a single name, by a tuple of as many texts as there are `names` for
    several. Tables without rows add none; where there is nothing else, their columns stay.
    """
    named = [table.assign(**named_by(key, names)) for key, table in tables.items()]
    whole = [table for table in named if len(table)] or named[:1]
    return pd.concat(whole, ignore_index=True) if whole else pd.DataFrame(columns=list(names))


def named_by(key, names: Sequence[str]) -> dict:
    """A key of several tables, a tuple or a single value, by the names of its items."""
    values = key if isinstance(key, tuple) else (key,)
    return dict(zip(names, values, strict=True))


def split_by(table: pd.DataFrame, columns: str | list[str]) -> dict:
    """The rows of each value of a column in order of the values, or of each tuple of values of
    several columns.
    """
    return dict(list(table.groupby(columns)))
