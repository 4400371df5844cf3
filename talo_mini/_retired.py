"""Import paths of version 0.1.0, which warn for one version and name the new place."""

import importlib.abc
import importlib.util
import sys
import warnings
from importlib import import_module
from types import ModuleType

PACKAGE = __package__
# The modules of version 0.1.0, and where their names are now; of several places the first that has
# a name.
MODULES = {
    "anatomy": ("models.anatomy",),
    "attribution": ("studies.attribution",),
    "calibration": ("analysis.calibration",),
    "cells": ("interventions.names",),
    "effects": ("interventions.effects", "interventions.hooks"),
    "explain": ("studies.explain",),
    "fewshot": ("studies.fewshot",),
    "finetuning": ("studies.finetuning",),
    "headline": ("report",),
    "interaction": ("analysis.vectors", "analysis.similarity"),
    "knockout": ("interventions.knockout",),
    "memory": ("engine.memory",),
    "pairs": ("analysis.pairs",),
    "pictures": ("engine.pictures",),
    "planting": ("studies.planting",),
    "prefix": ("engine.vision_prefix",),
    "processors": ("models.processors",),
    "prompts": ("benchmarks.prompts",),
    "questions": ("benchmarks.questions", "errors"),
    "replay": ("engine.replay",),
    "routing": ("analysis.routing",),
    "selection": ("studies.selection",),
    "significance": ("analysis.significance",),
    "sweep": ("engine.sweep", "engine.logits", "models.scoring"),
    "talo": ("analysis.talo",),
    "vlm": ("models.vlm", "models.loading", "benchmarks.answers"),
}
# Names that stood at the top of the package.
NAMES = {
    **dict.fromkeys(
        (
            "ability_contrast",
            "cluster_order",
            "shared_structure",
            "similarity",
            "similarity_ceiling",
            "transfer",
        ),
        "analysis.similarity",
    ),
    **dict.fromkeys(("gain_kind", "matrix", "task_accuracy"), "analysis.vectors"),
    **dict.fromkeys(("choose_layer", "shots_curve", "talo_draws"), "analysis.talo"),
    "check_outcomes": "outcomes.table",
    "parse_answer": "benchmarks.answers",
    "save_headline": "report",
    "write_prompt": "benchmarks.prompts",
    "zeroed_weights": "interventions.knockout",
}


def place_of_name(name: str) -> str | None:
    """Where a name is now that left the top of the package, with a warning; None for others."""
    place = NAMES.get(name)
    if place is not None:
        _warn(f"{PACKAGE}.{name}", f"{PACKAGE}.{place}.{name}", stacklevel=4)
    return place


def _warn(old: str, new: str, stacklevel: int):
    warnings.warn(
        f"{old} is now {new}; the old path goes with the next version",
        FutureWarning,
        stacklevel=stacklevel,
    )


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a retired module and fills it, name by name, from where its names are now."""

    def find_spec(self, fullname, path=None, target=None):
        package, _, name = fullname.rpartition(".")
        if package != PACKAGE or name not in MODULES:
            return None
        return importlib.util.spec_from_loader(fullname, self)

    def exec_module(self, module: ModuleType):
        places = [f"{PACKAGE}.{place}" for place in MODULES[module.__name__.rpartition(".")[2]]]
        _warn(module.__name__, " and ".join(places), stacklevel=2)

        def found(name):
            for place in map(import_module, places):
                if hasattr(place, name):
                    return getattr(place, name)
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

        vars(module)["__getattr__"] = found


sys.meta_path.append(_Finder())
