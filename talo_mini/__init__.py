"""talo-mini: see, check and use task-interfering layers in vision-language models.

Source of the idea: arXiv 2602.01167. The names below are the way in; the rest lies in
`talo_mini.analysis`, `talo_mini.figures` and `talo_mini.studies`. Nothing is imported before it is
used.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from . import _retired

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .analysis.talo import talo_gains
    from .analysis.vectors import interaction_vectors
    from .benchmarks import load_benchmark
    from .benchmarks.questions import Benchmark, Question, Task
    from .engine.sweep import sweep
    from .engine.written import Written
    from .errors import BadInput
    from .interventions.export import export
    from .interventions.knockout import Knockout, knockout
    from .models.loading import load_vlm
    from .models.vlm import VLM
    from .studies.choice import Choice
    from .studies.choosing import evaluate, talo
    from .studies.selection import select_layer

_PLACES = {
    "VLM": "models.vlm",
    "BadInput": "errors",
    "Benchmark": "benchmarks.questions",
    "Choice": "studies.choice",
    "Knockout": "interventions.knockout",
    "Question": "benchmarks.questions",
    "Task": "benchmarks.questions",
    "Written": "engine.written",
    "evaluate": "studies.choosing",
    "export": "interventions.export",
    "interaction_vectors": "analysis.vectors",
    "knockout": "interventions.knockout",
    "load_benchmark": "benchmarks",
    "load_vlm": "models.loading",
    "select_layer": "studies.selection",
    "sweep": "engine.sweep",
    "talo": "studies.choosing",
    "talo_gains": "analysis.talo",
}

__all__ = [
    "VLM",
    "BadInput",
    "Benchmark",
    "Choice",
    "Knockout",
    "Question",
    "Task",
    "Written",
    "evaluate",
    "export",
    "interaction_vectors",
    "knockout",
    "load_benchmark",
    "load_vlm",
    "select_layer",
    "sweep",
    "talo",
    "talo_gains",
]


def __getattr__(name: str):
    """A public name, imported when it is first asked for."""
    place = _PLACES.get(name) or _retired.place_of_name(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{place}"), name)


def __dir__():
    return sorted([*globals(), *__all__])


class _Package(ModuleType):
    def __setattr__(self, name, value):
        # importing the retired module `talo_mini.sweep` must not hide the function of that name
        if name in _PLACES and isinstance(value, ModuleType):
            return
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
