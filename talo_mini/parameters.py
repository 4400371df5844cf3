"""A notebook's parameters, looked at before anything is computed from them."""

from collections.abc import Mapping
from numbers import Real
from pathlib import Path

from .errors import BadInput, whole_number

FROM_ZERO = "SEED", "LAYER", "PLANTS"  # other numbers count from one
FRACTIONS = "PAPER_GAIN", "STRENGTH"  # numbers that count nothing
FOLDERS = "CACHE", "RESULTS", "TABLES", "WIDE"
MAY_BE_EMPTY = "HARDER", "OTHER_"  # how lists begin that need no entry
MAY_BE_NONE = "TASKS", "QUESTIONS", "PIXELS"  # how names end of which None means all
GROWING = "SHOTS", "DOSES"  # how lists end that hold whole numbers, each larger than the last


def check_parameters(given: Mapping[str, object]):
    """Raise BadInput for the first parameter that no notebook can compute from, and say why.

    `given`: the notebook's variables, `globals()`, of which those in capitals are parameters; a
    name that ends in S is a list or a number.
    """
    for name, value in given.items():
        if name.isupper() and not (value is None and name.endswith(MAY_BE_NONE)):
            _check(name, value)


def _check(name, value):
    if name in FOLDERS:
        _check_folder(name, value)
    elif isinstance(value, list | tuple | dict):
        _check_list(name, value)
    elif name in FROM_ZERO:
        whole_number(name, value, 0)
    elif name == "LEVEL":
        if not (isinstance(value, Real) and 0 < value < 1):
            raise BadInput(f"LEVEL is {value!r}; it is a number between 0 and 1")
    elif isinstance(value, Real) and name not in FRACTIONS:
        whole_number(name, value)
    elif isinstance(value, str | None) and name.endswith("S"):
        raise BadInput(f"{name} is {value!r}; it is a list, such as [{value!r}], or a number")


def _check_list(name, value):
    if not len(value) and not name.startswith(MAY_BE_EMPTY):
        rest = ", or None for all" if name.endswith(MAY_BE_NONE) else ""
        raise BadInput(f"{name} is empty; name one at least{rest}")
    if name.endswith(GROWING):
        numbers = [whole_number(f"a number in {name}", one) for one in value]
        if numbers != sorted(set(numbers)):
            raise BadInput(f"{name} is {list(value)}; write each number once, from small to large")


def _check_folder(name, value):
    if name == "CACHE" and value is None:
        return
    if not isinstance(value, str | Path) or not str(value):
        raise BadInput(f"{name} is {value!r}; it is the path of a folder")
    if Path(value).exists() and not Path(value).is_dir():
        raise BadInput(f"{name} is the file {str(value)!r}; it is a folder")
