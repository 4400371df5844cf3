"""Vision stacks of every family of `AutoModelForImageTextToText`: exact in the tower alone, or not
runnable here and why.
"""

import inspect
from dataclasses import replace

import pytest
import torch
import transformers
from families import FAMILIES, family
from mapping import BY_HAND, NAMES, TIMM, built
from packaging.version import Version
from transformers import PreTrainedModel

from talo_mini import Knockout, knockout
from talo_mini.interventions import zeroed_weights
from talo_mini.models.anatomy import find_anatomy

# what the lowest version that is declared cannot build, by its own faults
OLD = Version(transformers.__version__) < Version("5.23")
NOT_BUILT_BY_OLD = {"granite4_vision", "vision-encoder-decoder"}
GRID = torch.tensor([[1, 4, 4]])
SQUARE = torch.cartesian_prod(torch.arange(6), torch.arange(6))[None]
NOT_RUNNABLE = {"llama4", "nemotron_h_omni"}  # shrunk sizes do not fit each other
# pictures as tokens or bare patches, no pictures at all, or a tower that the default configuration
# leaves out
NO_VISION = {
    "chameleon",
    "emu3",
    "evolla",
    "fuyu",
    "gemma4",
    "gemma4_unified",
    "inkling_mm_model",
    "mistral4",
    "udop",
}
table = {}


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def pictures(config):
    """What a vision tower may want to be given, from the plainest to the most particular."""

    def size(name, default):
        value = getattr(config, name, None) or default
        return value if isinstance(value, int) else value[0]

    side, patch, colours, merge = (
        size("image_size", 32),
        size("patch_size", 8),
        size("in_channels", size("num_channels", 3)),
        size("spatial_merge_size", 2),
    )
    whole, cells = noise(1, 3, side, side), torch.tensor([[side // patch] * 2])
    yield from (
        dict(pixel_values=whole, **more)
        for more in (
            {},
            dict(image_sizes=torch.tensor([[side, side]])),
            dict(aspect_ratio_ids=torch.tensor([[1]]), aspect_ratio_mask=torch.ones(1, 1, 1)),
        )
    )
    yield dict(pixel_values_videos=noise(1, 2, 3, side, side))
    for width in (
        colours * patch**2 * size("temporal_patch_size", size("patch_temporal", 1)),
        colours * patch**2,
    ):
        rows = noise(16, width)
        yield from (
            dict(hidden_states=rows, grid_thw=GRID),
            dict(pixel_values=rows, grid_thw=GRID),
            dict(hidden_states=rows, image_grid_thw=GRID),
            dict(pixel_values=rows, grid_thw=GRID, merge_sizes=torch.tensor([2])),
            dict(pixel_values=rows, spatial_shapes=GRID[:, 1:]),
            dict(
                pixel_values=rows[None],
                pixel_attention_mask=torch.ones(1, 16, dtype=torch.long),
                spatial_shapes=GRID[:, 1:],
            ),
            dict(pixel_values=rows[None]),
            dict(pixel_values=noise(1, 36, width), pixel_position_ids=SQUARE),
            dict(pixel_values=noise(1, size("num_position_embeddings", 16), width)),
        )
    yield dict(pixel_values=noise(16, 3, patch, patch), grid_thw=GRID)
    yield dict(pixel_values=noise(1, 16, 3, patch, patch), grid_thw=GRID)
    yield dict(pixel_values=noise(1, 3, patch, 16 * patch), target_sizes=cells.clamp(4, 4))
    yield dict(
        pixel_values=noise(4, patch * merge, patch * merge, colours),
        image_grid_thw=torch.tensor([[1, 2, 2]]),
    )
    yield dict(flattened_patches=torch.cat([torch.ones(1, 4, 2), noise(1, 4, 768)], -1))
    yield dict(inputs_embeds=noise(1, 16, 48), num_patches=16)
    yield dict(patch_embeds=noise(1, 48, 4, 4))


def tensors(output):
    """All floating-point tensors of a nested output."""
    if torch.is_tensor(output):
        return [output] if output.is_floating_point() else []
    items = (
        output.values()
        if hasattr(output, "values")
        else output
        if isinstance(output, (tuple, list))
        else ()
    )
    return [found for item in items for found in tensors(item)]


@torch.inference_mode()
def ran(tower, inputs):
    torch.manual_seed(0)
    return tensors(tower(**inputs))


def runnable(model, path, inputs):
    """The innermost model around a list of layers that runs on a picture, and the picture."""
    modules, names = dict(model.named_modules()), path.split(".")
    towers = [modules[".".join(names[:length])] for length in range(len(names) - 1, 0, -1)]
    towers = [tower for tower in towers if isinstance(tower, PreTrainedModel)]
    choices = [(tower, given) for tower in towers for given in pictures(tower.config)] + [
        (model, inputs)
    ] * ("pixel_values" in inputs)
    why = "no tower of its own"
    for tower, given in choices:
        if set(given) <= set(inspect.signature(tower.forward).parameters):
            try:
                found = ran(tower, given)
            except Exception as error:
                why = f"{type(error).__name__}: {str(error).splitlines()[0][:70]}"
                continue
            if found and all(values.isfinite().all() for values in found):
                return tower, given
    raise LookupError(why)


def check(name):
    """ "exact", or why not."""
    by_hand = BY_HAND.get(name, name)
    try:
        model, inputs = family(by_hand) if by_hand in FAMILIES else built(name)
    except Exception as error:
        return f"not buildable here: {type(error).__name__}: {' '.join(str(error).split())[:60]}"
    anatomy, found = find_anatomy(model), 0
    # the tower runs alone here, so that all its layers are read
    read = {
        stack: tuple(replace(layer, dead=False) for layer in layers)
        for stack, layers in anatomy.stacks.items()
    }
    anatomy = replace(anatomy, stacks=read)
    for stack, layers in anatomy.stacks.items():
        if not stack.startswith(("vision", "video")):
            continue
        try:
            tower, given = runnable(model, layers[0].path, inputs)
        except LookupError as why:
            return f"not runnable here: {stack}: {why}"
        base = ran(tower, given)
        for target in (
            Knockout(part, i, stack=stack) for i, layer in enumerate(layers) for part in layer.parts
        ):
            with knockout(anatomy, target):
                hooked = ran(tower, given)
            with zeroed_weights(anatomy, target):
                zeroed = ran(tower, given)
            assert all(map(torch.equal, hooked, zeroed)), f"{name}: {target}"
            assert not all(map(torch.equal, hooked, base)), f"{name}: {target} changes nothing"
            found += 1
        assert all(map(torch.equal, ran(tower, given), base))
    return "exact" if found else "no vision layers"


@pytest.mark.parametrize("name", NAMES)
def test_family(name):
    table[name] = check(name)
    if OLD and name in NOT_BUILT_BY_OLD:
        assert table[name].startswith("not buildable here")
        return
    if name in TIMM:  # vision towers of other things than layers, where they are built
        assert table[name] == "no vision layers" or "requires the timm library" in table[name]
        return
    wanted = "no vision layers" if name in NO_VISION else "not" if name in NOT_RUNNABLE else "exact"
    assert table[name].startswith(wanted), table[name]


def test_table(capsys):
    with capsys.disabled():
        print()
        for name, verdict in table.items():
            print(f"{name:28s} {verdict}")
