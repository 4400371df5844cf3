"""Load a vision-language model: a shipped mini, a folder, or a Hugging Face Hub id."""

import os
import re
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import AutoModelForImageTextToText, BitsAndBytesConfig

from ..errors import BadInput, whole_number
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
    dtype: str | torch.dtype | None = None,
) -> VLM:
    """A shipped mini ("llava-mini"), a folder, or a Hugging Face Hub id (at a `revision`).

    Only a bare name means a mini: "./llava-mini" is a folder, and so is any `Path`. The device is a
    GPU where there is one; weights are float32 on a CPU and the best the GPU computes otherwise,
    where no `dtype` is named ("bfloat16").
    `device_map` spreads a model over devices (accelerate); `four_bit` loads 4-bit weights
    (bitsandbytes); `max_pixels` caps a picture where the processor has such a limit. Weights are
    read from safetensors only, and code of the repository is run only with `trust_remote_code`.
    Warns where the files hold weights that the model has no place for. Raises BadInput where
    nothing of that name can be loaded, or weights are missing in the files.
    """
    is_path, name = isinstance(name, Path), str(name)
    device = _checked_device(device)
    source = _source(name, is_path)
    if isinstance(source, Path) and revision is not None:
        raise BadInput(f"revision= is a commit on the Hub; {name!r} is read from a folder")
    if max_pixels is not None:
        max_pixels = whole_number("max_pixels", max_pixels)
    commit = revision or "main"
    options = dict(revision=commit, trust_remote_code=trust_remote_code)
    weights = dict(dtype=_dtype(device, dtype), use_safetensors=True, device_map=device_map)
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
        if "torchvision" in str(error).lower() and find_spec("torchvision") is None:
            raise BadInput(
                f"transformers {version('transformers')} reads the pictures of {name!r} by "
                "torchvision, which is not installed: pip install torchvision, or a newer "
                "transformers"
            ) from error
        raise BadInput(
            f"cannot load a vision-language model from {name!r}; use one of the shipped minis "
            f"({', '.join(shipped())}), a folder, or a Hub id. The library said: "
            f"{' '.join(str(error).split())[:700]}"
        ) from error
    _check_complete(name, report)
    _tell_unused(name, report)
    _pad_with_end(name, processor.tokenizer)
    model = (model if weights["device_map"] else model.to(device)).eval()
    files = files_of(source, model, processor, commit, limits)
    vlm = VLM(name, model, processor, files)
    if limits and vlm.picture_limits.get("size", {}).get("longest_edge") != max_pixels:
        raise BadInput(
            f"the processor of {name!r} has no limit of pixels; its limits are {vlm.picture_limits}"
        )
    return vlm


def _checked_device(device):
    """The name of the device; a GPU's where there is one and none is named."""
    device_name = str(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        kind = torch.device(device_name).type
    except RuntimeError as error:
        raise BadInput(
            f"unknown device {device_name!r}; use 'cpu' or 'cuda:0', for example"
        ) from error
    if kind == "meta":
        raise BadInput("device 'meta' holds no weights, so nothing can be asked there; use 'cpu'")
    if kind == "cuda" and not torch.cuda.is_available():
        raise BadInput(f"device {device_name!r}: this torch sees no GPU here; use 'cpu'")
    return device_name


def _source(name, is_path):
    """Where a model of this name is read. Raises BadInput for a path that is no folder."""
    if name in shipped() and not is_path:
        whole = (MINIS / name / "config.json").exists()
        return MINIS / name if whole else assembled(name)
    written_so = name.startswith((".", "~", os.sep)) or not re.fullmatch(r"[^/]+/[^/]+", name)
    looks_like_a_path = is_path or written_so
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


def _tell_unused(name, report):
    """Warn where the files hold weights that the model does not take."""
    unused = sorted(report["unexpected_keys"])
    if unused:
        warnings.warn(
            f"the files of {name!r} hold {len(unused)} weights that its configuration has no place "
            f"for, the first is {unused[0]!r}: check that it is the configuration of these weights",
            stacklevel=3,
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


def _dtype(device, wanted=None):
    if wanted is not None:
        dtype = getattr(torch, str(wanted).removeprefix("torch."), None)
        if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
            raise BadInput(f"unknown dtype {wanted!r}; use 'float32', 'bfloat16' or 'float16'")
        return dtype
    if not device.startswith("cuda"):
        return torch.float32
    return torch.bfloat16 if torch.cuda.get_device_capability()[0] >= 8 else torch.float16
