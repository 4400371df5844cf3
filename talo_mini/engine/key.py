"""What answers are kept under: everything that decides them, or the refusal to keep them."""

import hashlib
import json

import torch

from ..benchmarks.prompts import prompt_key
from ..benchmarks.questions import Benchmark
from ..errors import BadInput
from ..interventions.knockout import is_knocked_out
from ..models.vlm import VLM

MEANING = 2  # raise it when a change of the code changes what a part or an effect does
# What an adapter (peft) says of itself: it changes answers and no weight.
ADAPTER = ("active_adapters", "disable_adapters", "merged_adapters", "scaling")
OWN_HOOKS = ("torch.", "transformers.", "accelerate.", "peft.", "bitsandbytes.", "talo_mini.")


def answers_key(vlm: VLM, benchmark: Benchmark) -> str:
    """The folder of a model, what is done to pictures and text, and the prompt."""
    live = _live_state(vlm.model)
    state = f"-{_short(live)}" if live else ""
    return f"{vlm.digest}-{vlm.reading}-{MEANING}{state}/{prompt_key(benchmark.prompt)}"


def check_can_answer(vlm: VLM, kept: bool):
    """Raise BadInput where a model's answers would be random, or would be kept as another's."""
    for name, module in vlm.model.named_modules():
        if module.training:
            raise BadInput(
                f"{vlm.name} is in training mode (its module {name or 'model'!r}), so its answers "
                "would be random where it has dropout; call vlm.model.eval() first"
            )
    if kept and is_knocked_out(vlm.anatomy):
        raise BadInput(
            "a knockout is in force here: its answers would be kept as those of the whole model; "
            "sweep outside the block, or without cache="
        )
    strange = _strange_hook(vlm.model) if kept else None
    if strange:
        raise BadInput(
            f"{strange}, which may change its answers and is no part of what they are kept under; "
            "remove it, or sweep without cache="
        )


def _strange_hook(model):
    """A hook or a replaced method that neither torch nor Hugging Face put there, or None."""
    for name, module in model.named_modules():
        hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]
        for hook in hooks:
            if not _made_by(hook).startswith(OWN_HOOKS):
                return f"someone put a hook on {name or 'the model'!r}"
        forward = vars(module).get("forward")
        if forward is not None and not _made_by(forward).startswith(OWN_HOOKS):
            return f"someone replaced the method forward of {name or 'the model'!r}"
    return None


def _made_by(function) -> str:
    inner = getattr(function, "func", function)  # functools.partial
    return getattr(inner, "__module__", None) or type(inner).__module__


def _live_state(model) -> list:
    """What decides answers and is neither a weight nor in the configuration."""
    found = []
    device = next(model.parameters()).device.type
    if torch.is_autocast_enabled(device):
        found.append(("autocast", str(torch.get_autocast_dtype(device))))
    for name, module in model.named_modules():
        if hasattr(module, "active_adapters") and hasattr(module, "disable_adapters"):
            told = {key: getattr(module, key, None) for key in ADAPTER}
            found.append((name, json.dumps(told, sort_keys=True, default=str)))
    return found


def _short(state) -> str:
    return hashlib.blake2b(repr(state).encode(), digest_size=4).hexdigest()
