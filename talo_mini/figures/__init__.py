"""The book's figures and tables: one function a figure; each takes a tidy table and a title."""

from .curves import show_curves, show_depth, show_pairs, show_spread
from .maps import show_grid, show_heat_map, show_similarity
from .pictures import show_questions
from .rows import show_accuracy, show_best_gains, show_changes, show_gains, show_planted
from .tables import readable

__all__ = [
    "readable",
    "show_accuracy",
    "show_best_gains",
    "show_changes",
    "show_curves",
    "show_depth",
    "show_gains",
    "show_grid",
    "show_heat_map",
    "show_pairs",
    "show_planted",
    "show_questions",
    "show_similarity",
    "show_spread",
]
