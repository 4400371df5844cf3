"""What is knocked out, where and how; and the context managers that do it."""

from .export import export
from .knockout import Knockout, knockout, mean_outputs, zeroed_weights
from .rows import knockout_by_row

__all__ = ["Knockout", "export", "knockout", "knockout_by_row", "mean_outputs", "zeroed_weights"]
