"""What code that no library wrote does and what it holds, in words that follow every change."""

import copyreg
import dis
import hashlib
import inspect
import sys
from collections.abc import Iterator
from functools import cached_property
from types import CodeType, FunctionType, GetSetDescriptorType, MethodType, ModuleType

import numpy as np
import torch
from torch import nn

from .origins import is_known, written_by

PLAIN = (str, int, float, bool, type(None), torch.dtype)
# what says nothing of answers
OF_EVERY_MODULE = {
    *vars(nn.Module()),
    *("_is_hf_initialized", "_hf_hook", "name_or_path", "warnings_issued"),
    *("_output_capturing_hooks_installed", "rope_deltas", "_compiled_call_impl"),
}
HOLDING_FUNCTIONS = "__func__", "__self__", "func", "fget", "fset", "fdel"


def foreign_values(model: nn.Module) -> Iterator[tuple[str, str, object]]:
    """Of each module that no library wrote its class and its attributes: path, name and value."""
    for path, module in model.named_modules():
        if _foreign_kinds(type(module)):
            yield path, "class", type(module)
            for name, value in sorted(vars(module).items()):
                if name not in OF_EVERY_MODULE:
                    yield path, f"attribute {name!r}", value


def foreign_code(model: nn.Module) -> list[str]:
    """The sources of the module classes that no library wrote; what one without a source does.

    No name of a file or a folder is among them: these differ between machines.
    """
    contents = Contents(model)
    kinds = {kind for module in model.modules() for kind in _foreign_kinds(type(module))}
    return sorted({source_of(kind.__module__) or str(contents.of(kind)) for kind in kinds})


def source_of(home: str) -> str:
    """The source of a module; "" where there is none, as of a notebook."""
    try:
        return inspect.getsource(sys.modules[home])
    except (OSError, TypeError, KeyError):
        return ""


def tensor_bytes(tensor: torch.Tensor) -> memoryview:
    """The bytes of a tensor's values, in whatever way they are kept; one on "meta" has none."""
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    return tensor.detach().cpu().to_dense().contiguous().flatten().view(torch.uint8).numpy().data


class Contents:
    """Puts values into words; a model's own modules are told by their paths alone.

    `opaque` are the types of those values of which nothing tells what they hold.
    """

    def __init__(self, model: nn.Module):
        self.opaque: list[str] = []
        self._kinds: dict[type, str] = {}
        self._within = {id(module): path for path, module in model.named_modules()}

    def of(self, value):
        """Nested words of a value, alike in every process."""
        if isinstance(value, PLAIN):
            return repr(value)
        if id(value) in self._within:
            return "within", self._within[id(value)]
        self._within[id(value)] = type(value).__qualname__  # a value may hold itself
        try:
            return self._parts(value)
        finally:
            del self._within[id(value)]

    def _parts(self, value):
        match value:
            case torch.Tensor():
                values = b"" if value.is_meta else tensor_bytes(value)
                return str(value.dtype), tuple(value.shape), _digest(values)
            case np.ndarray() if value.dtype != object:
                return str(value.dtype), value.shape, _digest(value.tobytes())
            case bytes():
                return _digest(value)
            case set() | frozenset():
                return sorted(repr(self.of(item)) for item in value)
            case dict():
                own = self.of(vars(value)) if hasattr(value, "__dict__") else ""
                return [*((self.of(key), self.of(item)) for key, item in value.items()), own]
        if type(value) in (list, tuple):
            return type(value).__name__, [self.of(item) for item in value]
        return self._code(value)

    def _code(self, value):
        match value:
            case type():
                return self._kind(value)
            case ModuleType() | GetSetDescriptorType():
                return value.__name__
            case FunctionType():
                return self._function(value)
            case MethodType() | property() | staticmethod() | classmethod() | cached_property():
                return [self.of(getattr(value, name, None)) for name in HOLDING_FUNCTIONS]
            case CodeType():
                consts = [self.of(one) for one in value.co_consts]
                return value.co_code.hex(), value.co_names, consts
        return self._pickled(value)

    def _pickled(self, value):
        """Whatever pickle would keep of a value."""
        registered = copyreg.dispatch_table.get(type(value))
        try:
            pickled = registered(value) if registered else value.__reduce_ex__(2)
        except Exception:  # each type refuses in its own way
            self.opaque.append(type(value).__name__)
            return type(value).__qualname__
        if isinstance(pickled, str):
            return type(value).__qualname__, pickled, self.of(getattr(value, "__wrapped__", None))
        made_by, arguments, *rest = pickled
        state, *items = rest[:3] or [None]
        listed = [list(some) for some in items if some is not None]
        return [self.of(one) for one in (made_by, arguments, state, *listed)]

    def _kind(self, kind):
        if kind not in self._kinds:
            words = [
                (source_of(one.__module__), self._of_class(one)) for one in _foreign_kinds(kind)
            ]
            home = kind.__module__ if is_known(kind.__module__) else ""
            self._kinds[kind] = _digest(repr((home, kind.__qualname__, words)).encode())
        return self._kinds[kind]

    def _of_class(self, kind):
        """The methods of a class, by what they do, and its own attributes."""
        return [
            (name, self.of(value))
            for name, value in sorted(vars(kind).items())
            if isinstance(value, FunctionType) or not name.startswith(("__", "_abc_"))
        ]

    def _function(self, function):
        """A library's is told by its name and what it wraps; another by its code and what it uses.

        What a function of a file finds there is part of its source.
        """
        if is_known(written_by(function)):
            wrapped = getattr(function, "__wrapped__", None)
            return function.__module__, function.__qualname__, self.of(wrapped)
        held = [cell.cell_contents for cell in function.__closure__ or ()]
        used = [function.__code__, function.__defaults__, function.__kwdefaults__, held]
        if not source_of(function.__globals__.get("__name__", "")):
            names = _globals(function.__code__) & set(function.__globals__)
            used += [(name, function.__globals__[name]) for name in sorted(names)]
        return self.of(used)


def _foreign_kinds(kind):
    """The classes that a class is made of and that no library wrote."""
    return [one for one in kind.__mro__[:-1] if not is_known(one.__module__)]


def _globals(code):
    """The names that a function looks up in its module, those in the functions inside it too."""
    names = {one.argval for one in dis.get_instructions(code) if one.opname == "LOAD_GLOBAL"}
    inner = (_globals(const) for const in code.co_consts if isinstance(const, CodeType))
    return names.union(*inner)


def _digest(data) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()
