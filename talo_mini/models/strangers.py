"""Code in a model that neither torch nor Hugging Face wrote, wherever someone may have put it."""

import re
import sys
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache, partial

from torch import nn
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .contents import Contents, foreign_values, source_of
from .origins import is_known, of_a_library, writers, written_by

GLOBAL_HOOKS = (
    "_global_forward_hooks",
    "_global_forward_pre_hooks",
    "_global_module_registration_hooks",
)
METHODS = property, cached_property, classmethod, staticmethod


def strange_code(model: nn.Module) -> str | None:
    """A hook, a method, a function, a way of attention or an object of no library's, or None.

    It may change answers, and nothing tells what it does or holds.
    """
    return next(_strange(model), None)


def _strange(model) -> Iterator[str]:
    if any(getattr(nn.modules.module, name, None) for name in GLOBAL_HOOKS):
        yield "someone put a hook on all modules"
    for path, module in model.named_modules():
        yield from _in_module(repr(path) if path else "the model", module)
    every = (kind for module in model.modules() for kind in type(module).__mro__[:-1])
    kinds = dict.fromkeys(every)
    homes = {kind.__module__ for kind in kinds if "forward" in vars(kind)}
    for kind in kinds:
        for name in _foreign(vars(kind), kind.__module__):
            yield f"someone replaced the method {name} of {kind.__name__}"
    for name, function in _attentions(model.config):
        if all(_is_foreign(function, home) for home in homes):
            yield f"someone registered the attention {name!r}"
        homes.add(written_by(function))
    for home in (*homes, nn.functional.__name__):
        for name in _foreign(vars(sys.modules.get(home, object)), home):
            yield f"someone replaced the function {name} of {home}"
    contents = Contents(model)
    for path, name, value in foreign_values(model):
        contents.of(value)
        if contents.opaque:
            where = repr(path) if path else "the model"
            yield f"the {name} of {where} holds a {contents.opaque[0]}"


def _in_module(where, module):
    """Hooks and methods of this one module."""
    for hook in (*module._forward_hooks.values(), *module._forward_pre_hooks.values()):
        if not of_a_library(written_by(hook)):
            yield f"someone put a hook on {where}"
    hooked = getattr(module, "_hf_hook", None)
    if hooked is not None and not of_a_library(type(hooked).__module__):
        yield f"someone put a hook on {where}"
    known = {kind.__module__ for kind in type(module).__mro__}
    for name, value in vars(module).items():
        if not callable(value) or isinstance(value, nn.Module | type):
            continue
        strange = any(not of_a_library(by) and by not in known for by in writers(value))
        if strange and hasattr(type(module), name):
            yield f"someone replaced the method {name} of {where}"


def attention_ways(config) -> list:
    """How attention is computed, in the model and in each of its towers: the names."""
    parts = [config, *(getattr(config, name, None) for name in getattr(config, "sub_configs", ()))]
    return [getattr(part, "_attn_implementation", None) for part in parts]


def _attentions(config):
    """The registered functions of attention and its masks that are in use, with their names."""
    for name in dict.fromkeys(attention_ways(config)):
        for registry in (ALL_ATTENTION_FUNCTIONS, ALL_MASK_ATTENTION_FUNCTIONS):
            function = registry.get(name)
            # a kernel of the Hub has another package's code, and a name that tells which
            if function is not None and "/" not in name:
                yield name, function


def _foreign(attributes: Mapping, home: str) -> Iterator[str]:
    """The names of functions among a class's or a module's that do not come from where it does."""
    for name, value in list(attributes.items()):
        is_function = callable(value) or isinstance(value, METHODS)
        if is_function and not isinstance(value, type | nn.Module) and _is_foreign(value, home):
            yield name


def _is_foreign(value, home) -> bool:
    """Whether a function was put there by someone else than the module `home` itself.

    A library binds no arguments there: of such a one nothing tells who did.
    """
    return isinstance(value, partial) or not all(_belongs(by, home) for by in writers(value))


def _belongs(writer, home):
    """Whether a module may hold another's functions: a library's, or what it imports itself."""
    package = writer.partition(".")[0]
    return is_known(writer) or package == home.partition(".")[0] or _imports(home, package)


@lru_cache
def _imports(home, package) -> bool:
    """Whether a module's own source imports a package; a notebook has none, and may."""
    source, imports = source_of(home), rf"^\s*(from|import)\b.*\b{re.escape(package)}\b"
    return not source or bool(re.search(imports, source, re.MULTILINE))
