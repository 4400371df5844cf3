"""A notebook's parameters, looked at before anything is computed from them."""

from collections.abc import Mapping
from pathlib import Path

from .errors import BadInput, whole_number

COUNTS = (
    "BATCH",
    "CASES",
    "DRAWS",
    "EFFECT_QUESTIONS",
    "GREEDY_TASKS",
    "HARDER_QUESTIONS",
    "LONG_QUESTIONS",
    "LOOKS",
    "MOST",
    "PERMUTATIONS",
    "QUESTIONS",
    "ROOM_QUESTIONS",
    "TOP",
)
FROM_ZERO = "SEED", "LAYER", "PLANTS"
SEVERAL = (  # one name or number at least
    "BENCHMARKS",
    "DOSES",
    "EFFECTS",
    "EFFECT_TASKS",
    "FORMS",
    "HARDER_MODELS",
    "HARDER_SHOTS",
    "METHODS",
    "MODELS",
    "OTHERS",
    "OUTCOMES",
    "PARTS",
    "PRETRAINED_TASKS",
    "ROOM_SHOTS",
    "ROOM_TASKS",
    "RULES",
    "SHOTS",
    "STRENGTHS",
    "TASKS",
    "TUNED",
    "WORDS",
)
ANY_NUMBER = "HARDER", "OTHER_EFFECTS", "OTHER_PARTS", "OTHER_SHOTS"  # also none of them
GROWING = "DOSES", "HARDER_SHOTS", "OTHER_SHOTS", "ROOM_SHOTS", "SHOTS"  # whole numbers
EITHER = "OTHERS", "SHOTS"  # a list in some notebooks, a number in others
NONE_MEANS_ALL = "EFFECT_TASKS", "PRETRAINED_TASKS", "ROOM_TASKS", "TASKS"
SHARES = ("LEVEL",)
AT_LEAST = dict(EFFECTS=2)  # the first is compared with the others
FOLDERS = "CACHE", "RESULTS"


def check_parameters(given: Mapping[str, object]):
    """Raise BadInput for the first parameter that no notebook can compute from, and say why.

    `given`: the notebook's variables, `globals()`; those that are no parameters are not looked at.
    """
    for name, value in given.items():
        if name == "QUESTIONS" and value is None:  # all of a file's
            continue
        if name in COUNTS or (name in EITHER and not isinstance(value, list | tuple | dict)):
            whole_number(name, value)
        elif name in FROM_ZERO:
            whole_number(name, value, 0)
        elif name in SEVERAL + ANY_NUMBER and not (value is None and name in NONE_MEANS_ALL):
            _check_list(name, value)
        elif name in SHARES and not (isinstance(value, int | float) and 0 < value < 1):
            raise BadInput(f"{name} is {value!r}; it is a number between 0 and 1")
        elif name in FOLDERS:
            _check_folder(name, value)


def _check_list(name, value):
    if not isinstance(value, list | tuple | dict):
        raise BadInput(f"{name} is {value!r}; it is a list, such as [{value!r}]")
    least = 0 if name in ANY_NUMBER else AT_LEAST.get(name, 1)
    if len(value) < least:
        rest = ", or None for all" if name in NONE_MEANS_ALL else ""
        raise BadInput(f"{name} has {len(value)} values; name {least} at least{rest}")
    if name in GROWING:
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
