"""How many knockouts gain, by three ways to count, and what these gains are worth."""

import pandas as pd

from .luck import POINT
from .vectors import kind_counts


def counted_gains(vectors: pd.DataFrame) -> pd.DataFrame:
    """How many rises there are of each kind (`gain_kind`): a row a way to count, a column a kind.

    The ways: "at least 1 point" (the paper's), "p < 0.05" (of each pair alone) and "false-discovery
    rate 5%" (q below 5%).
    """
    rises = vectors[vectors.delta > 0]
    ways = {
        "at least 1 point": rises.delta >= POINT,
        "p < 0.05": rises.p < 0.05,
        "false-discovery rate 5%": rises.q < 0.05,
    }
    counts = {way: kind_counts(rises[is_counted]) for way, is_counted in ways.items()}
    return pd.DataFrame(counts).T
