"""The map of a Hugging Face VLM: its stacks of layers, and the parts of each one can knock out."""

import re
from dataclasses import dataclass, field, replace

from torch import nn

from ..errors import BadInput
from .residual import adds, norms_behind

PARTS = ("self-attention", "cross-attention", "mlp", "layer")
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
STACKS = (
    ("q-former", r"qformer"),
    ("perceiver", r"perceiver|resampler"),
    ("video", r"video_tower"),
    ("vision", r"vision|visual|image_encoder"),
)
PICTURES = ("pixel_values", "flattened_patches")  # what a model that reads pictures is given first


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


@dataclass(frozen=True)
class Layer:
    """One layer of a stack: the block itself and its parts by name. Nothing reads the output of a
    `dead` layer.
    """

    path: str
    module: nn.Module
    parts: dict[str, Part]
    dead: bool = False


@dataclass(frozen=True)
class Anatomy:
    """The stacks of a model by name ("decoder", "vision", ...); each is a tuple of layers, counted
    from 0.

    Where a model has several of a kind, the further ones carry their path in the name.
    """

    model: str
    stacks: dict[str, tuple[Layer, ...]]
    root: nn.Module
    places: dict[int, str]  # of the model's modules when it was mapped: path by id

    def part(self, name: str, layer: int, stack: str = "decoder") -> Part:
        """The part of that name; "layer" is the whole block. Raises BadInput if there is none."""
        if stack not in self.stacks:
            raise BadInput(f"{self.model} has no stack {stack!r}; it has: {', '.join(self.stacks)}")
        layers = self.stacks[stack]
        if (
            isinstance(layer, bool)
            or not hasattr(layer, "__index__")
            or layer not in range(len(layers))
        ):
            raise BadInput(
                f"{self.model} has no layer {layer!r} in its {stack}; layers are 0 to "
                f"{len(layers) - 1}"
            )
        if name == "layer":
            return self._checked(Part({layers[layer].path: layers[layer].module}))
        if name not in layers[layer].parts:
            raise BadInput(
                f"layer {layer} of the {stack} of {self.model} has no part {name!r}; "
                f"it has: {', '.join((*layers[layer].parts, 'layer'))}"
            )
        return self._checked(layers[layer].parts[name])

    def _checked(self, part):
        """The part, if the model still has it where it was mapped. Raises BadInput if not."""
        for module in part.everything():
            path = self.places[id(module)]
            if not _stands_at(self.root, path, module):
                raise BadInput(
                    f"{path} of {self.model} was replaced after the model was mapped, by an "
                    "adapter for example; map it again: find_anatomy(model), or vlm.anatomy"
                )
        return part

    def __str__(self):
        lines = [self.model]
        for stack, layers in self.stacks.items():
            lines.append(f"  {stack}: {len(layers)} layers at {layers[0].path.rsplit('.', 1)[0]}")
            for i, layer in enumerate(layers):
                parts = (
                    f"{name} ({part.heads} heads)" if part.heads else name
                    for name, part in layer.parts.items()
                )
                dead = "; dead, nothing reads its output" if layer.dead else ""
                lines.append(f"    {i:3d} {type(layer.module).__name__}: {', '.join(parts)}{dead}")
        return "\n".join(lines)


def find_anatomy(model: nn.Module) -> Anatomy:
    """Map a model by its structure. Raises BadInput naming what was looked for where no decoder
    layer is found.
    """
    decoder = getattr(model, "get_decoder", lambda: None)()
    modules = dict(model.named_modules())
    paths = {id(module): path for path, module in modules.items()}
    inside = "?" if decoder is None else f"{paths.get(id(decoder), '?')}."
    stacks = {}
    for path, blocks in _lists(model):
        layers = tuple(Layer(paths[id(block)], block, _parts(block, paths)) for block in blocks)
        if all(layer.parts for layer in layers):
            _check_apart(model, layers)
            name = _stack_name(path, path.startswith(inside), modules)
            stacks[name if name not in stacks else f"{name} ({path})"] = layers
    for name in (
        () if "decoder" in stacks else list(stacks)
    ):  # BERT's list is called "encoder" also where it decodes
        if name.startswith("text encoder") and stacks[name][0].path.startswith(inside):
            stacks["decoder"] = stacks.pop(name)
    if "decoder" not in stacks:
        raise BadInput(
            f"{type(model).__name__}: no decoder layers understood; looked under get_decoder() "
            "for a list of "
            "blocks in which each holds an attention (or another token mixer) or an MLP"
        )
    order = ["decoder", *(name for name in stacks if name != "decoder")]
    marked = {name: _mark_dead(model, name, stacks[name]) for name in order}
    return Anatomy(type(model).__name__, marked, model, paths)


def _check_apart(model, layers):
    """Raise BadInput where two layers share a module: without it in one, both would lack it."""
    owners = {}
    for i, layer in enumerate(layers):
        own = [layer.module, *(m for part in layer.parts.values() for m in part.modules.values())]
        for module in own:
            first = owners.setdefault(id(module), i)
            if first != i:
                raise BadInput(
                    f"{type(model).__name__}: layers {first} and {i} share "
                    f"{type(module).__name__} {layer.path}, so that neither can be knocked out "
                    "alone"
                )


def _stands_at(root, path, module):
    try:
        return root.get_submodule(path) is module
    except AttributeError:
        return False


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


def _lists(module, path=""):
    """The outermost lists of blocks: (path, blocks). A list of lists counts as one, in order."""
    for name, child in module.named_children():
        below = f"{path}.{name}" if path else name
        if isinstance(child, nn.ModuleList) and len(child) and _is_stack(child):
            blocks = [
                block
                for item in child
                for block in (item if isinstance(item, nn.ModuleList) else [item])
            ]
            yield below, blocks
        else:
            yield from _lists(child, below)


def _is_stack(blocks):
    first = blocks[0][0] if isinstance(blocks[0], nn.ModuleList) and len(blocks[0]) else blocks[0]
    return bool(_mixers(first) and (_mlps(first) or _loose_mlp(first))) or hasattr(first, "mixer")


def _stack_name(path, inside_decoder, modules):
    for name, pattern in STACKS:
        if re.search(pattern, path):
            return name
    if re.search(r"(^|\.)encoder(\.|$)", path):
        names = path.split(".")
        around = (modules[".".join(names[:length])] for length in range(len(names) - 1, 0, -1))
        given = next(
            (module.main_input_name for module in around if hasattr(module, "main_input_name")),
            None,
        )
        return "vision" if given in PICTURES else "text encoder"
    return "decoder" if inside_decoder else path


def _mark_dead(model, stack, layers):
    """Layers above those whose output the projector reads (LLaVA's `vision_feature_layer`, one or
    several).
    """
    config = model.config
    chosen = (
        [config.spatial_vision_layer, *(layer for layer, _ in config.deepstack_layer_map)]
        if hasattr(config, "spatial_vision_layer")
        else getattr(config, "vision_feature_layer", None)
    )  # Granite 4 has both, and reads the first
    chosen = [chosen] if isinstance(chosen, int) else chosen
    if stack not in ("vision", "video") or not chosen:
        return layers
    # hidden state k is the output of layer k - 1
    last = max(layer - 1 if layer > 0 else len(layers) + layer for layer in chosen)
    return tuple(replace(layer, dead=i > last) for i, layer in enumerate(layers))


def _parts(block, paths):
    """A block's parts by name; each part's modules by path."""
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


def _with_norms(block, parts, paths):
    """The parts with the norms that follow them in this block."""
    beginning = len(paths[id(block)]) + 1
    behind = norms_behind(
        block, {path[beginning:] for part in parts.values() for path in part.modules}
    )
    if behind is None:
        return {name: replace(part, followed=False) for name, part in parts.items()}
    found = {}
    for name, part in parts.items():
        norms = {
            path: block.get_submodule(behind[path[beginning:]])
            for path in part.modules
            if path[beginning:] in behind
        }
        found[name] = replace(part, norms=norms)
    return found


def _projections(modules, paths, names):
    """The output projections of modules by the modules' paths, save where a norm over all heads
    stands before it (Kosmos-2's text).
    """
    found = {
        paths[id(module)]: output_projection(module, names)
        for module in modules
        if not any(
            "inner" in name and "Norm" in type(child).__name__
            for name, child in module.named_children()
        )
    }
    return {path: projection for path, projection in found.items() if projection is not None}


def _mixers(module):
    """The attentions or other token mixers below a module: the outermost that write through a
    projection of their own.

    One that holds an MLP is a block in itself, with residual sums inside, and no part.
    """
    found = []
    for child in module.children():
        if MIXER.search(type(child).__name__) and _has_weights(child):
            inner = _mixers(child)
            if output_projection(child) is None and inner:
                found += inner
            elif not _mlps(child):
                found.append(child)
        else:
            found += _mixers(child)
    return found


def _has_weights(module):
    """Whether a module holds weights: as parameters, as buffers, or packed in a linear map."""
    held = any(True for kind in (module.parameters(), module.buffers()) for _ in kind)
    return held or any(linear_sizes(inner) for inner in module.modules())


def _mlps(module):
    """The outermost MLPs below a module; one that also normalises and adds up is looked into."""
    found = []
    for child in module.children():
        inner = _mlps(child)
        normalises = any("Norm" in type(grandchild).__name__ for grandchild in child.children())
        wraps = inner and normalises and adds(child)
        found += [child] if MLP.search(type(child).__name__) and not wraps else inner
    return found


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
