"""What is knocked out, where and how; and the context managers that do it."""

from .knockout import Knockout, knockout, mean_outputs, zeroed_weights

__all__ = ["Knockout", "knockout", "mean_outputs", "zeroed_weights"]
