"""Which changes are clear under the control of false discoveries that their q holds."""

import pandas as pd

LEVEL = 0.05  # of q


def clear_gains(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table with delta and q that clearly gain, q below 5%."""
    return table[(table.q < LEVEL) & (table.delta > 0)]


def clear_counts(table: pd.DataFrame) -> tuple[int, int]:
    """How many rows of a table with delta and q clearly lose, and how many clearly gain."""
    losses = (table.q < LEVEL) & (table.delta < 0)
    return int(losses.sum()), len(clear_gains(table))
