"""The map of a Hugging Face VLM: its stacks of layers, and in each layer the parts one can knock out."""

from dataclasses import dataclass

from torch import nn

from .questions import BadInput

# Where model codebases keep what adds to the residual stream, most usual name first. Dots descend.
NAMES = {
    "self-attention": ("self_attn", "attn", "attention", "layer.0.SelfAttention"),
    "cross-attention": ("cross_attn", "encoder_attn", "layer.1.EncDecAttention"),
    "mlp": ("mlp", "ffn", "feed_forward", "layer.2.DenseReluDense", "fc2"),
}
OUTPUTS = ("o_proj", "out_proj", "proj", "projection_layer", "projection", "o", "dense")
LISTS = ("layers", "layer", "blocks", "block")
PARTS = (*NAMES, "layer")


@dataclass(frozen=True)
class Part:
    """A module whose output is added to the residual stream. `heads` is 0 where it has none."""

    path: str
    module: nn.Module
    heads: int = 0


@dataclass(frozen=True)
class Layer:
    """One layer of a stack: the block itself and its parts by name."""

    path: str
    module: nn.Module
    parts: dict[str, Part]


@dataclass(frozen=True)
class Anatomy:
    """The stacks of a model by name ("decoder", "vision"); each is a tuple of layers, counted from 0."""

    model: str
    stacks: dict[str, tuple[Layer, ...]]

    def part(self, name: str, layer: int, stack: str = "decoder") -> Part:
        """The part of that name; "layer" is the whole block. Raises BadInput where there is none."""
        if stack not in self.stacks:
            raise BadInput(f"{self.model} has no stack {stack!r}; it has: {', '.join(self.stacks)}")
        layers = self.stacks[stack]
        if isinstance(layer, bool) or not isinstance(layer, int) or not 0 <= layer < len(layers):
            raise BadInput(f"{self.model} has no layer {layer!r} in its {stack}; layers are 0 to {len(layers) - 1}")
        if name == "layer":
            return Part(layers[layer].path, layers[layer].module)
        if name not in layers[layer].parts:
            raise BadInput(f"layer {layer} of the {stack} of {self.model} has no part {name!r}; "
                           f"it has: {', '.join((*layers[layer].parts, 'layer'))}")
        return layers[layer].parts[name]

    def __str__(self):
        lines = [self.model]
        for stack, layers in self.stacks.items():
            lines.append(f"  {stack}: {len(layers)} layers at {layers[0].path.rsplit('.', 1)[0]}")
            for i, layer in enumerate(layers):
                parts = (f"{name} ({part.heads} heads)" if part.heads else name for name, part in layer.parts.items())
                lines.append(f"    {i:3d} {type(layer.module).__name__}: {', '.join(parts)}")
        return "\n".join(lines)


def find_anatomy(model: nn.Module) -> Anatomy:
    """Map a model by its structure. Raises BadInput naming what was looked for where no decoder layer is found."""
    name = type(model).__name__
    paths = {id(module): path for path, module in model.named_modules()}
    stacks = {}
    for stack, root in (("decoder", model.get_decoder()), ("vision", _vision_encoder(model))):
        layers = _layers(root, paths) if root is not None else ()
        if layers:
            stacks[stack] = layers
    if "decoder" not in stacks:
        raise BadInput(f"{name}: no decoder layers understood; looked under get_decoder() for a list named "
                       f"{' or '.join(LISTS)} whose blocks hold one of {', '.join(NAMES['self-attention'])}")
    return Anatomy(name, stacks)


def _vision_encoder(model):
    try:
        return model.get_encoder(modality="image")
    except (AttributeError, TypeError, ValueError):
        return None


def _layers(root, paths):
    """The first list of blocks below a module, outermost first, as layers."""
    for name, module in root.named_modules():
        if isinstance(module, nn.ModuleList) and name.rsplit(".", 1)[-1] in LISTS:
            layers = tuple(Layer(paths[id(block)], block, _parts(block, paths)) for block in module)
            if layers and all(layer.parts for layer in layers):
                return layers
    return ()


def _parts(block, paths):
    parts = {}
    for part, names in NAMES.items():
        for name in names:
            module = _descend(block, name)
            if module is not None:
                parts[part] = Part(paths[id(module)], module, _heads(module) if "attention" in part else 0)
                break
    return parts


def _descend(module, path):
    for name in path.split("."):
        module = getattr(module, name, None) if not name.isdigit() else dict(module.named_children()).get(name)
        if module is None:
            return None
    return module


def _heads(attention):
    """How many heads an attention has: the width its output projection takes, over the width of a head."""
    size = next((getattr(attention, n) for n in ("head_dim", "key_value_proj_dim", "attention_head_size")
                 if hasattr(attention, n)), None)
    out = next((getattr(attention, n) for n in OUTPUTS if isinstance(getattr(attention, n, None), nn.Linear)), None)
    return out.in_features // size if size and out is not None else getattr(attention, "num_heads", 0)
