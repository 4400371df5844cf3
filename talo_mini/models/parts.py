"""The parts of one layer: which of its modules add to the residual stream, told by structure."""

import re
from dataclasses import dataclass, field, replace

from torch import nn

from .residual import adds, norms_behind

# What model codebases call the classes and children that add to the residual stream.
MIXER = re.compile(r"Att(entio)?n|DeltaNet|Mamba|ShortConv|Mixer")
CROSS = re.compile(r"cross|enc(oder)?_?dec|encoder_attn", re.IGNORECASE)
MLP = re.compile(
    r"MLP|FeedForward|FFN|FF$|Moe(Block|Layer)?$|Experts$|Dense\w*Dense", re.IGNORECASE
)
OUTPUTS = (
    "o_proj",
    "out_proj",
    "proj",
    "projection_layer",
    "projection",
    "o",
    "dense",
    "wo",
    "c_proj",
)
MLP_OUTPUTS = ("down_proj", "fc2", "w2", "wo", "c_proj", "linear_fc2", "fc_out", "dense_4h_to_h")


@dataclass(frozen=True)
class Part:
    """The modules of which a part consists, by path. `heads` is 0 where there are none.

    `mixers` are the attentions behind them, by the same paths; in BERT's style the output is
    written by another module. `projections` are the linear maps that read all heads, or all neurons
    of an MLP, side by side; a path is missing where there is none. `norms` stand between a module
    and the residual stream; a path is missing where its output is added as it is, and they are not
    known where the code of the layer could not be `followed`.
    """

    modules: dict[str, nn.Module]
    heads: int = 0
    mixers: dict[str, nn.Module] = field(default_factory=dict)
    projections: dict[str, nn.Module] = field(default_factory=dict)
    norms: dict[str, nn.Module] = field(default_factory=dict)
    followed: bool = True

    def added(self, path: str) -> nn.Module:
        """The module whose output is what this one adds to the residual stream."""
        return self.norms.get(path, self.modules[path])

    def everything(self):
        """All modules that it names."""
        for named in (self.modules, self.mixers, self.projections, self.norms):
            yield from named.values()


def linear_sizes(module: nn.Module) -> tuple[int, int] | None:
    """The widths that a linear map takes and gives, by its structure; None for other modules.

    Adapters, quantised maps (GPTQ's and AWQ's) and GPT-2's transposed ones are no `nn.Linear`.
    """
    for read, written in (
        ("in_features", "out_features"),
        ("infeatures", "outfeatures"),
        ("nx", "nf"),
    ):
        taken, given = getattr(module, read, None), getattr(module, written, None)
        if isinstance(taken, int) and isinstance(given, int):
            return taken, given
    return None


def parts_of(block: nn.Module, paths: dict[int, str]) -> dict[str, Part]:
    """A block's parts by name; each part's modules by path, `paths` being those of all modules."""
    parts = {}
    written = [
        (mixer, (output_projection(mixer) is not None and mixer) or _bert_output(block, mixer))
        for mixer in _mixers(block)
    ]
    if any(
        module is not None for _, module in written
    ):  # a convolution or a gate beside a full mixer is no part
        written = [(mixer, module) for mixer, module in written if module is not None]
    for mixer, module in written:
        module = module if module is not None else mixer
        place = f"{paths[id(mixer)][len(paths[id(block)]) :]} {type(mixer).__name__}"
        name = "cross-attention" if CROSS.search(place) else "self-attention"
        before = parts.get(name, Part({}))
        parts[name] = Part(
            {**before.modules, paths[id(module)]: module},
            _heads(mixer, module),
            {**before.mixers, paths[id(module)]: mixer},
            {**before.projections, **_projections([module], paths, OUTPUTS)},
        )
    modules = _mlps(block) or _loose_mlp(block)
    if modules:
        parts["mlp"] = Part(
            {paths[id(module)]: module for module in modules},
            projections=_projections(modules, paths, MLP_OUTPUTS),
        )
    return _with_norms(block, parts, paths)


def has_parts(block: nn.Module) -> bool:
    """Whether a block holds an attention and an MLP, or a mixer of any kind."""
    both = bool(_mixers(block) and (_mlps(block) or _loose_mlp(block)))
    return both or hasattr(block, "mixer")


def _with_norms(block, parts, paths):
    """The parts with the norms that follow them in this block."""
    beginning = len(paths[id(block)]) + 1
    norm_paths = norms_behind(
        block, {path[beginning:] for part in parts.values() for path in part.modules}
    )
    if norm_paths is None:
        return {name: replace(part, followed=False) for name, part in parts.items()}
    parts_with_norms = {}
    for name, part in parts.items():
        norms = {
            path: block.get_submodule(norm_paths[path[beginning:]])
            for path in part.modules
            if path[beginning:] in norm_paths
        }
        parts_with_norms[name] = replace(part, norms=norms)
    return parts_with_norms


def _projections(modules, paths, names):
    """The output projections of modules by the modules' paths, save where a norm over all heads
    stands before it (Kosmos-2's text).
    """
    projections = {
        paths[id(module)]: output_projection(module, names)
        for module in modules
        if not any(
            "inner" in name and "Norm" in type(child).__name__
            for name, child in module.named_children()
        )
    }
    return {path: projection for path, projection in projections.items() if projection is not None}


def _mixers(module):
    """The attentions or other token mixers below a module: the outermost that write through a
    projection of their own.

    One that holds an MLP is a block in itself, with residual sums inside, and no part.
    """
    mixers = []
    for child in module.children():
        if MIXER.search(type(child).__name__) and _has_weights(child):
            inner = _mixers(child)
            if output_projection(child) is None and inner:
                mixers += inner
            elif not _mlps(child):
                mixers.append(child)
        else:
            mixers += _mixers(child)
    return mixers


def _has_weights(module):
    """Whether a module holds weights: as parameters, as buffers, or packed in a linear map."""
    held = any(True for kind in (module.parameters(), module.buffers()) for _ in kind)
    return held or any(linear_sizes(inner) for inner in module.modules())


def _mlps(module):
    """The outermost MLPs below a module; one that also normalises and adds up is looked into."""
    mlps = []
    for child in module.children():
        inner = _mlps(child)
        normalises = any("Norm" in type(grandchild).__name__ for grandchild in child.children())
        wraps = inner and normalises and adds(child)
        mlps += [child] if MLP.search(type(child).__name__) and not wraps else inner
    return mlps


def _loose_mlp(block):
    """The last linear map of an MLP without a module of its own: `fc2`, or `output.dense` after
    `intermediate`.
    """
    if linear_sizes(getattr(block, "fc2", None)):
        return [block.fc2]
    return [
        child.dense
        for name, child in block.named_children()
        if name.startswith("output")
        and hasattr(child, "dense")
        and hasattr(block, name.replace("output", "intermediate"))
    ]


def output_projection(module: nn.Module, names=OUTPUTS) -> nn.Module | None:
    """The linear map through which an attention's heads are written, if it is the attention's own;
    an MLP's by MLP_OUTPUTS.
    """
    if linear_sizes(module):
        return module
    return next(
        (getattr(module, name) for name in names if linear_sizes(getattr(module, name, None))),
        None,
    )


def _bert_output(block, mixer):
    """In BERT's style the output projection stands beside the attention, in `output.dense`."""
    for parent in block.modules():
        if any(child is mixer for child in parent.children()) and hasattr(
            getattr(parent, "output", None), "dense"
        ):
            return parent.output.dense
    return None


def _heads(mixer, module):
    """How many heads an attention has: the width its output projection takes, over the width of a
    head.
    """
    size = next(
        (
            getattr(mixer, name)
            for name in ("head_dim", "key_value_proj_dim", "attention_head_size")
            if isinstance(getattr(mixer, name, None), int)
        ),
        None,
    )
    out = output_projection(module)
    return (
        linear_sizes(out)[0] // size
        if size and out is not None
        else int(getattr(mixer, "num_heads", 0))
    )
