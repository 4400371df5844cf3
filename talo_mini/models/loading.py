"""Load a vision-language model: a shipped mini, a folder, or a Hugging Face Hub id."""

import os
import re
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import AutoModelForImageTextToText, BitsAndBytesConfig

from ..errors import BadInput
from .assembled import MINIS, assembled
from .identity import files_of
from .processors import load_processor
from .vlm import VLM


def shipped() -> list[str]:
    """The names of the minis that ship with the package, whole or to be assembled."""
    whole, learned = MINIS.glob("*/config.json"), MINIS.glob("*/learned.safetensors")
    return sorted(path.parent.name for path in (*whole, *learned))


def load_vlm(
    name: str | Path,
    device: str | torch.device | None = None,
    device_map=None,
    four_bit: bool = False,
    max_pixels: int | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
) -> VLM:
    """A shipped mini ("llava-mini"), a folder, or a Hugging Face Hub id (at a `revision`).

    Only a bare name means a mini: "./llava-mini" is a folder. The device is a GPU where there is
    one; weights are float32 on a CPU and the best the GPU computes otherwise. `device_map` spreads
    a model over devices (accelerate); `four_bit` loads 4-bit weights (bitsandbytes); `max_pixels`
    caps a picture where the processor has such a limit. Weights are read from safetensors only, and
    code of the repository is run only with `trust_remote_code`. Raises BadInput where nothing of
    that name can be loaded, or weights are missing in the files.
    """
    name, device = str(name), str(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    source = _source(name)
    options = dict(revision=revision or "main", trust_remote_code=trust_remote_code)
    weights = dict(dtype=_dtype(device), use_safetensors=True, device_map=device_map)
    if four_bit:
        placed = device_map or {"": device}
        weights.update(quantization_config=_four_bit(weights["dtype"]), device_map=placed)
    limits = {} if max_pixels is None else {"max_pixels": max_pixels}
    try:
        processor = load_processor(source, **options, **limits)
        model, report = AutoModelForImageTextToText.from_pretrained(
            source, **options, **weights, output_loading_info=True
        )
    except Exception as error:  # files, the Hub and the library have no common class of errors
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise BadInput(
            f"cannot load a vision-language model from {name!r}; use one of the shipped minis "
            f"({', '.join(shipped())}), a folder, or a Hub id. The library said: "
            f"{' '.join(str(error).split())[:700]}"
        ) from error
    _check_complete(name, report)
    _pad_with_end(name, processor.tokenizer)
    model = (model if weights["device_map"] else model.to(device)).eval()
    files = files_of(source, model, processor, options["revision"], limits)
    vlm = VLM(name, model, processor, files)
    if limits and vlm.picture_limits.get("size", {}).get("longest_edge") != max_pixels:
        raise BadInput(
            f"the processor of {name!r} has no limit of pixels; its limits are {vlm.picture_limits}"
        )
    return vlm


def _source(name):
    """Where a model of this name is read. Raises BadInput for a path that is no folder."""
    if name in shipped():
        whole = (MINIS / name / "config.json").exists()
        return MINIS / name if whole else assembled(name)
    looks_like_a_path = name.startswith((".", "~", os.sep)) or not re.fullmatch(
        r"[^/]+/[^/]+", name
    )
    if looks_like_a_path and not Path(name).expanduser().is_dir():
        raise BadInput(
            f"cannot load a vision-language model from {name!r}: there is no such folder, and no "
            f"mini of that name; the minis are {', '.join(shipped())}, a Hub id is OWNER/NAME"
        )
    return Path(name).expanduser() if looks_like_a_path else name


def _check_complete(name, report):
    """Raise BadInput where weights were missing in the files: they would be random."""
    missing = sorted(report["missing_keys"])
    if missing:
        raise BadInput(
            f"the files of {name!r} lack {len(missing)} weights, the first is {missing[0]!r}; they "
            "would be random: get the whole checkpoint"
        )


def _pad_with_end(name, tokenizer):
    """Let the end token pad where a tokenizer has none for it; a mask hides what is padded."""
    if tokenizer.pad_token is None and tokenizer.eos_token is None:
        raise BadInput(f"the tokenizer of {name!r} has no padding token; give it one and save it")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token


def _four_bit(dtype):
    if find_spec("bitsandbytes") is None:
        raise BadInput(
            "4-bit weights need bitsandbytes, which is not installed: pip install bitsandbytes"
        )
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=dtype)


def _dtype(device):
    if not device.startswith("cuda"):
        return torch.float32
    return torch.bfloat16 if torch.cuda.get_device_capability()[0] >= 8 else torch.float16
