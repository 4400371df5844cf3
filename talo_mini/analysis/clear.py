"""Which changes are clear under the control of false discoveries that their q holds."""

import pandas as pd

LEVEL = 0.05  # of q


def gains_clearly(table: pd.DataFrame) -> pd.Series:
    """Which rows of a table with delta and q clearly gain, q below 5%."""
    return (table.q < LEVEL) & (table.delta > 0)


def loses_clearly(table: pd.DataFrame) -> pd.Series:
    """Which rows of a table with delta and q clearly lose, q below 5%."""
    return (table.q < LEVEL) & (table.delta < 0)


def clear_gains(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that clearly gain."""
    return table[gains_clearly(table)]


def clear_counts(table: pd.DataFrame) -> tuple[int, int]:
    """How many rows of a table with delta and q clearly lose, and how many clearly gain."""
    return int(loses_clearly(table).sum()), int(gains_clearly(table).sum())
