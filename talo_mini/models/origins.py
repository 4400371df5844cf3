"""Who wrote a piece of code: a library, or someone else."""

import sys

OWN_CODE = (
    "torch.",
    "transformers.",
    "tokenizers.",
    "accelerate.",
    "peft.",
    "bitsandbytes.",
    "talo_mini.",
)


def of_a_library(written_in: str) -> bool:
    """Whether a module is torch's, Hugging Face's or ours."""
    return f"{written_in}.".startswith(OWN_CODE)


def is_known(written_in: str) -> bool:
    """Whether a function is a library's own, or Python's (of a dataclass, say)."""
    return of_a_library(written_in) or written_in.partition(".")[0] in sys.stdlib_module_names


def written_by(function) -> str:
    """The module in whose code a function stands, whatever it says of itself."""
    inner = getattr(function, "func", function)  # functools.partial
    inner = getattr(inner, "__func__", inner)
    written = getattr(inner, "__globals__", {}).get("__name__")
    return written or getattr(inner, "__module__", None) or type(inner).__module__


def writers(value):
    """The modules in whose code a function stands, and what it wraps, to the innermost."""
    while value is not None:
        value = value.fget if isinstance(value, property) else value
        yield written_by(value)
        value = getattr(value, "__wrapped__", None)
