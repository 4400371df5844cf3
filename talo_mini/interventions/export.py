"""A checkpoint with knockouts folded into its weights, for any program that loads models."""

import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..benchmarks.pictures import encoded_png
from ..benchmarks.questions import Question
from ..errors import BadInput
from ..models.anatomy import Anatomy
from ..models.loading import load_vlm
from ..models.ownership import owned
from ..models.parts import MLP_OUTPUTS, OUTPUTS, linear_sizes, output_projection
from ..models.temporary import Change, temporarily
from ..models.vlm import VLM
from .effects import WHOLE
from .hooks import unit_share
from .knockout import Knockout, is_knocked_out, knockout, plain_weights

FOLDED = "zero", "scale"
ROUNDING = {torch.float32: 1e-4, torch.bfloat16: 5e-2, torch.float16: 1e-2}  # of the largest logit
NOTE = "talo.json"
# how configurations say the number of a decoder's layers; an encoder's stand beside it
COUNTS = (
    *("num_decoder_layers", "decoder_layers", "num_hidden_layers", "num_layers"),
    *("n_layer", "layers"),
)


def export(vlm: VLM, folder: str | Path, *knockouts: Knockout) -> Path:
    """Save the model as it is under knockouts, by `save_pretrained`, with its processor and a note.

    What is zeroed or scaled is folded into the weights; a whole layer of the decoder is left out,
    so that the model is smaller and faster. The saved model is loaded again and must answer a
    question as the knockout does, to rounding; `vlm` stays as it is. Raises BadInput for an effect
    that weights cannot hold, for quantised, offloaded or shared weights, where the family cannot go
    without the layer, for a folder that holds something, and where the two answers differ.
    """
    folder = check_new(folder)
    if is_knocked_out(vlm.anatomy):
        raise BadInput("a knockout is in force on the model; export it outside the block")
    if not knockouts:
        raise BadInput("there is nothing to fold in: no knockout was given, so copy the model")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise BadInput(f"{folder} cannot be made ({error.strerror})") from error
    try:
        with folded(vlm.anatomy, *knockouts):
            _save(vlm, unfinished)
        vlm.processor.save_pretrained(unfinished)
        note = dict(model=vlm.name, digest=vlm.digest, folded=[repr(k) for k in knockouts])
        (unfinished / NOTE).write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
        _check_alike(vlm, unfinished, knockouts)
        unfinished.chmod(0o755)  # a temporary folder is its owner's alone
        if folder.exists():
            folder.rmdir()
        return unfinished.rename(folder)
    except OSError as error:
        raise BadInput(f"the model cannot be written to {folder} ({error})") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _save(vlm, folder):
    """Write the model. Raises BadInput where the library cannot, as where layers share weights."""
    try:
        vlm.model.save_pretrained(folder)
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise BadInput(
            f"{vlm.name} cannot be saved, knocked out or not; the library says: {reason}"
        ) from error


def check_new(folder: str | Path) -> Path:
    """The folder, if it is new or empty. Raises BadInput where it holds something."""
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} holds something already; name a new folder")
    return folder


@contextmanager
def folded(anatomy: Anatomy, *knockouts: Knockout):
    """Inside the block weights and configuration say what the knockouts do, to be saved so.

    Raises BadInput, before anything is touched, as `export` does.
    """
    changes = [change for k in knockouts if k.part != "layer" for change in _folded(anatomy, k)]
    layers = {k.layer for k in knockouts if k.part == "layer" and _removable(anatomy, k)}
    if layers:
        changes += _without_layers(anatomy, layers)
    with owned(anatomy), temporarily(changes):
        yield


def _folded(anatomy, k) -> list[Change]:
    """The changes of weights that say what a knockout does."""
    if k.effect not in FOLDED:
        raise BadInput(
            f"effect {k.effect!r} cannot be folded into weights; use one of {', '.join(FOLDED)}"
        )
    part = anatomy.part(k.part, k.layer, k.stack)
    weights = plain_weights(list(part.modules.values()), anatomy)
    factor = 0.0 if k.effect == "zero" else k.amount
    if k.unit == WHOLE and not factor:
        return [_scaled(parameter, 0.0) for parameter in weights]
    changes = []
    for path in part.modules:
        if k.unit == WHOLE and path in part.norms:
            changes += _scaled_norm(part.norms[path], factor)
        elif k.unit == WHOLE:
            own = _own(_projection(part, path), anatomy)
            changes += [_scaled(p, factor) for p in own.values()]
        else:
            projection, share = unit_share(part, path, k)
            weight = _own(projection, anatomy)["weight"]
            changes.append(_scaled_unit(projection, weight, share, factor))
    return changes


def _projection(part, path):
    """The linear map that writes what a part adds, whatever stands before it."""
    module = part.modules[path]
    projection = output_projection(module, OUTPUTS if part.heads else MLP_OUTPUTS)
    if projection is None:
        raise BadInput(
            f"{path} has no output projection of its own, so its scale cannot be folded in"
        )
    return projection


def _own(projection, anatomy) -> dict:
    """Weight and bias of a linear map. Raises BadInput where an adapter stands beside them."""
    plain_weights([projection], anatomy)
    parameters = dict(projection.named_parameters())
    if not parameters or not set(parameters) <= {"weight", "bias"}:
        raise BadInput("an adapter stands beside the weights; merge it before you export")
    return parameters


def _scaled(parameter, factor, share: tuple = ()) -> Change:
    """Some of a parameter times a factor, as a change."""
    return _written(parameter, lambda own: own * factor, share)


def _scaled_norm(norm, factor) -> list[Change]:
    """What a norm gives times a factor; Gemma's multiplies by one more than its weight."""
    weight, bias = getattr(norm, "weight", None), getattr(norm, "bias", None)
    if weight is None:
        raise BadInput("a norm without weights follows, so that a scale cannot be folded in")
    with torch.inference_mode(), temporarily([_scaled(weight, 0.0)]):
        given = norm(torch.ones(1, 1, len(weight), dtype=weight.dtype, device=weight.device))
        more = 1.0 if bias is None and given.abs().max() > 0 else 0.0
    changes = [_written(weight, lambda own: (own + more) * factor - more)]
    return changes if bias is None else [*changes, _scaled(bias, factor)]


def _scaled_unit(projection, weight, share, factor) -> Change:
    """What a projection reads of one head or neuron times a factor."""
    sizes = linear_sizes(projection)
    rows = tuple(weight.shape) == (sizes and sizes[::-1])  # GPT-2 keeps it transposed
    return _scaled(weight, factor, (slice(None), share) if rows else (share,))


def _written(parameter, new: Callable, share: tuple = ()) -> Change:
    own = parameter.detach().clone()

    def put(value):
        with torch.inference_mode():
            parameter[share or ...] = value

    return lambda: put(new(own[share or ...])), lambda: put(own[share or ...])


def _removable(anatomy, k):
    if k.stack != "decoder":
        raise BadInput(
            f"a whole layer of the {k.stack} cannot be left out of a saved model; only the "
            "decoder's can"
        )
    anatomy.part(k.part, k.layer, k.stack)
    return True


def _without_layers(anatomy, layers) -> list[Change]:
    """Layers taken out of the decoder's list, and out of what its configuration says of layers."""
    stack, model = anatomy.stacks["decoder"], anatomy.root
    place, _, _ = stack[0].path.rpartition(".")
    blocks, config = model.get_submodule(place), model.config.get_text_config(decoder=True)
    remaining_layers = [i for i in range(len(stack)) if i not in layers]
    if not remaining_layers:
        raise BadInput(f"{anatomy.model} has no other layers than those to be left out; keep one")
    modules, settings = vars(blocks)["_modules"], dict(vars(config))
    remaining_modules = {str(new): modules[str(old)] for new, old in enumerate(remaining_layers)}
    count = next((name for name in COUNTS if settings.get(name) == len(stack)), None)
    if count is None or len(modules) != len(stack):
        raise BadInput(
            f"the configuration of {anatomy.model} does not say how many layers its decoder has, "
            "so that none can be left out; bypass an attention and an MLP instead"
        )
    new_settings: dict[str, object] = {count: len(remaining_layers)}
    for name, value in settings.items():
        if isinstance(value, list) and len(value) == len(stack):
            new_settings[name] = [value[i] for i in remaining_layers]
    return [
        (
            lambda: vars(blocks).update(_modules=remaining_modules),
            lambda: vars(blocks).update(_modules=modules),
        ),
        (
            lambda: vars(config).update(new_settings),
            lambda: vars(config).update({name: settings[name] for name in new_settings}),
        ),
    ]


def _check_alike(vlm, folder, knockouts):
    """Raise BadInput where the saved model does not answer as the knocked-out one."""
    try:
        saved = load_vlm(folder, device=vlm.model.device)
        saved.model.to(vlm.model.dtype)
        questions = [_question(seed) for seed in range(2)]
        with knockout(vlm, *knockouts):
            knockout_logits = vlm.last_logits(vlm.inputs(questions))
        saved_logits = saved.last_logits(saved.inputs(questions))
    except BadInput as error:
        raise BadInput(f"{vlm.name} cannot be saved so: {error}") from error
    except (RuntimeError, ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{vlm.name} cannot be saved so, what was saved does not run: {str(error)[:200]}"
        ) from error
    tolerance = ROUNDING.get(vlm.model.dtype, 5e-2) * knockout_logits.abs().max()
    gap = (saved_logits - knockout_logits).abs().max()
    if not gap <= tolerance:
        raise BadInput(
            f"{vlm.name} cannot be saved so: the saved model's logits differ by {gap:.2g} from "
            "those under the knockout, as where layers reuse what others computed"
        )


def _question(seed):
    """A question about a picture of random colours, which any model can be asked."""
    pixels = np.random.default_rng(seed).integers(0, 255, (64, 64, 3), np.uint8)
    picture = encoded_png(Image.fromarray(pixels))
    return Question("check", "check", picture, "What is this?", ("yes", "no"), 0)
