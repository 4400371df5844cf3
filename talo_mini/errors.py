"""What a caller got wrong, told in one sentence that a reader is meant to see."""

from operator import index
from typing import TypeVar

Kind = TypeVar("Kind")


class BadInput(ValueError):
    """Input that cannot be used; the message names what is wrong and what to do.

    `outcomes` is the table of what a sweep answered nonetheless, where nothing else keeps it.
    """

    outcomes = None


def check_kind(name: str, value, kind: type[Kind], maker: str) -> Kind:
    """An argument that is of its kind; `maker` is what gives one. Raises BadInput for another."""
    if not isinstance(value, kind):
        given = repr(value) if isinstance(value, str) else f"of the type {type(value).__name__}"
        raise BadInput(f"{name} is {given}, not {kind.__name__}; {maker} gives one")
    return value


def whole_number(name: str, value, least: int = 1) -> int:
    """A number that counts something, as an integer; numpy's too.

    Raises BadInput, under the argument's name, where it is none or smaller than `least`.
    """
    try:
        whole = index(value)
    except TypeError as error:
        raise BadInput(f"{name} is {value!r}; it is a whole number from {least} on") from error
    if isinstance(value, bool) or whole < least:
        raise BadInput(f"{name} is {value!r}; it is a whole number from {least} on")
    return whole
