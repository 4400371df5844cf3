"""The table of outcomes, in which models and statistics meet, and the folder that keeps it."""

from .store import Keeper, OutcomeStore
from .table import (
    BASE,
    COLUMNS,
    UNSCORED,
    all_scored,
    check_outcomes,
    correctness,
    pictures_of,
    with_part,
)

__all__ = [
    "BASE",
    "COLUMNS",
    "UNSCORED",
    "Keeper",
    "OutcomeStore",
    "all_scored",
    "check_outcomes",
    "correctness",
    "pictures_of",
    "with_part",
]
