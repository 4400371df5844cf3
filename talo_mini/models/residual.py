"""What stands between a part and the residual stream, read from the block's own code.

In some families (Gemma 2 to 4, GLM-4V) a norm follows the part, and what is added is the norm's
output. Names do not tell: Llama's `post_attention_layernorm` comes before the MLP.
"""

import ast
import inspect
import textwrap
from dataclasses import dataclass

from torch import nn

SCALES = ("Norm", "LayerScale")
TRANSPARENT = ("Dropout", "DropPath", "Identity")


@dataclass(frozen=True)
class _Origin:
    """The parts whose output a variable holds, all behind the same norms."""

    parts: frozenset[str]


def norms_behind(block: nn.Module, parts: set[str]) -> dict[str, str] | None:
    """For each of a block's children in `parts`, the child through which its output is added.

    Only those with a norm or a layer scale behind them; None where the code cannot be read, or
    does not call these children.
    """
    wrapped = _wrapped(block, parts)
    if wrapped:
        inner = {part.removeprefix(f"{wrapped}.") for part in parts}
        norms = norms_behind(getattr(block, wrapped), inner)
        names = (norms or {}).items()
        return None if norms is None else {f"{wrapped}.{a}": f"{wrapped}.{b}" for a, b in names}
    function = _code(type(block))
    if function is None or not _children(parts) <= _named(type(block), function):
        return None
    reader = _Reader(block, parts)
    reader.run(function.body)
    return reader.norms


def adds(module: nn.Module) -> bool:
    """Whether a module adds something up in its own code, as one does that writes to the stream."""
    function = _code(type(module))
    if function is None:
        return True
    nodes = (node for node in ast.walk(function) if isinstance(node, ast.BinOp | ast.AugAssign))
    return any(isinstance(node.op, ast.Add) for node in nodes)


def _wrapped(block, parts):
    """The child that holds all parts, where the block is a wrapper around another; else None."""
    first = _children(parts)
    if len(first) != 1 or len(parts) < 2 or not all("." in part for part in parts):
        return None
    (name,) = first
    return name if _code(type(getattr(block, name))) is not None else None


def _code(kind) -> ast.FunctionDef | None:
    """A class's method forward, the first that does more than to call that of the class before."""
    for owner in kind.__mro__:
        if "forward" in vars(owner) and owner is not nn.Module:
            function, source = _parsed(vars(owner)["forward"])
            if function is None or "super().forward" not in source:
                return function
    return None


def _parsed(method):
    """The code of a method, as a tree and as text; (None, "") where it cannot be had."""
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(method)))
        (function,) = ast.parse(source).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return None, ""
    return (function, source) if isinstance(function, ast.FunctionDef) else (None, "")


def _children(paths) -> set[str]:
    """The children of a block with which the paths of parts begin."""
    return {path.partition(".")[0] for path in paths}


def _named(kind, function) -> set[str]:
    """The attributes that a method names, and the methods of the class that it calls."""
    names = {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
    helpers = [getattr(kind, name) for name in names if inspect.isfunction(getattr(kind, name, 0))]
    for helper in helpers:
        inner, _ = _parsed(helper)
        nodes = ast.walk(inner) if inner is not None else ()
        names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return names


class _Reader:
    """Follows what a block's variables hold, statement by statement."""

    def __init__(self, block, parts):
        self.block, self.parts = block, parts
        self.held, self.norms = {}, {}  # origin by variable; norm by part

    def run(self, statements):
        for statement in statements:
            if isinstance(statement, ast.If):
                self.run(statement.body if self.taken(statement) else statement.orelse)
            elif isinstance(statement, ast.With):
                self.run(statement.body)
            elif isinstance(statement, ast.Assign):
                self.assign(statement.targets[0], self.origin(statement.value))
            elif isinstance(statement, ast.AugAssign):
                self.assign(statement.target, None)
            elif isinstance(statement, ast.Return) and statement.value is not None:
                self.origin(statement.value)

    def taken(self, statement):
        """Whether this block has what a branch uses, and its condition, if it is plain, holds."""
        test, own = statement.test, self.own(statement.test)
        if own is not None and not getattr(self.block, own, None):
            return False
        if isinstance(test, ast.Compare) and self.own(test.left) is not None:
            present = getattr(self.block, self.own(test.left), None) is not None
            return present == isinstance(test.ops[0], ast.IsNot | ast.NotEq)
        used = (node for line in statement.body for node in ast.walk(line))
        return all(hasattr(self.block, self.own(node)) for node in used if self.own(node))

    @staticmethod
    def own(node):
        """The name of `self.name`, or None."""
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            return None
        return node.attr if node.value.id == "self" else None

    def assign(self, target, origin):
        if isinstance(target, ast.Tuple):
            for i, element in enumerate(target.elts):
                self.assign(element, origin if i == 0 else None)
        elif isinstance(target, ast.Name):
            self.held[target.id] = origin

    def origin(self, node):
        """Which parts' output an expression is, or None."""
        if isinstance(node, ast.Name):
            return self.held.get(node.id)
        if isinstance(node, ast.Subscript):
            return self.origin(node.value)
        if isinstance(node, ast.BinOp):
            left, right = self.origin(node.left), self.origin(node.right)
            if isinstance(node.op, ast.Add):  # of two parts side by side, or with the stream
                return _Origin(left.parts | right.parts) if left and right else None
            return left or right if isinstance(node.op, ast.Mult) else None
        return self.called(node) if isinstance(node, ast.Call) else None

    def called(self, node):
        own = self.own(node.func)
        named = [keyword.value for keyword in node.keywords if keyword.arg == "hidden_states"]
        given = [*node.args[:1], *named]
        before = self.origin(given[0]) if given else None
        if own is None:  # hidden_states.reshape(...), functional.dropout(hidden_states)
            inner = node.func.value if isinstance(node.func, ast.Attribute) else None
            return before or (self.origin(inner) if inner is not None else None)
        if own in self.parts:
            return _Origin(frozenset({own}))
        kind = type(getattr(self.block, own, None)).__name__
        if before and any(word in kind for word in SCALES):
            self.norms.update(dict.fromkeys(before.parts, own))
            return before
        return before if any(word in kind for word in TRANSPARENT) else None
