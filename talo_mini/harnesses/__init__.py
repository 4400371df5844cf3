"""A model with a choice inside other programs that evaluate models, and their logs as outcomes."""

from .answering import Answering
from .samples import read_samples

__all__ = ["Answering", "read_samples"]
