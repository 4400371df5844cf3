"""The map of a Hugging Face VLM: its stacks of layers, and the parts of each one can knock out."""

import re
from dataclasses import dataclass, replace

from torch import nn

from ..errors import BadInput
from .parts import Part, has_parts, parts_of

PARTS = ("self-attention", "cross-attention", "mlp", "layer")
STACKS = (
    ("q-former", r"qformer"),
    ("perceiver", r"perceiver|resampler"),
    ("video", r"video_tower"),
    ("vision", r"vision|visual|image_encoder"),
)
PICTURES = ("pixel_values", "flattened_patches")  # what a model that reads pictures is given first


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
    modules = dict(model.named_modules())
    paths = {id(module): path for path, module in modules.items()}
    decoder = _decoder(model, modules, paths)
    inside = "?" if decoder is None else f"{paths.get(id(decoder), '?')}."
    stacks = {}
    for path, blocks in _lists(model):
        layers = tuple(Layer(paths[id(block)], block, parts_of(block, paths)) for block in blocks)
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


def _decoder(model, modules, paths):
    """The text model that writes the answer; None where nothing tells."""
    decoder = getattr(model, "get_decoder", lambda: None)()
    if decoder is not None and decoder is not model:
        return decoder
    # where a library's version does not say, it is what holds the words' embeddings
    embeddings = paths.get(id(model.get_input_embeddings()), "")
    return modules.get(embeddings.rpartition(".")[0]) if "." in embeddings else None


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
    return has_parts(first)


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
