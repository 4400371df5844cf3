"""Load a vision-language model: a shipped mini, a folder, or a Hugging Face Hub id."""

from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import AutoModelForImageTextToText, BitsAndBytesConfig

from ..errors import BadInput
from .processors import load_processor
from .vlm import VLM

MINIS = Path(__file__).parents[1] / "minis"


def load_vlm(
    name: str,
    device: str | None = None,
    device_map=None,
    four_bit: bool = False,
    max_pixels: int | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
) -> VLM:
    """A shipped mini ("llava-mini"), a folder, or a Hugging Face Hub id (at a `revision`).

    The device is a GPU where there is one; weights are float32 on a CPU and the best the GPU
    computes otherwise. `device_map` spreads a model over devices (accelerate); `four_bit` loads
    4-bit weights (bitsandbytes); `max_pixels` caps a picture where the processor has such a limit.
    Weights are read from safetensors only, and code of the repository is run only with
    `trust_remote_code`. Raises BadInput where nothing of that name can be loaded.
    """
    source = MINIS / name if (MINIS / name / "config.json").exists() else name
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    options = dict(revision=revision or "main", trust_remote_code=trust_remote_code)
    weights = dict(dtype=_dtype(device), use_safetensors=True, device_map=device_map)
    if four_bit:
        weights.update(
            quantization_config=_four_bit(weights["dtype"]), device_map=device_map or {"": device}
        )
    try:
        processor = load_processor(
            source, **options, **({} if max_pixels is None else {"max_pixels": max_pixels})
        )
        model = AutoModelForImageTextToText.from_pretrained(source, **options, **weights)
    except (OSError, ValueError, KeyError, ImportError) as error:
        minis = ", ".join(sorted(path.parent.name for path in MINIS.glob("*/config.json")))
        raise BadInput(
            f"cannot load a vision-language model from {name!r}; use one of the shipped minis "
            f"({minis}), "
            f"a folder, or a Hub id. The library said: {' '.join(str(error).split())[:700]}"
        ) from error
    vlm = VLM(name, (model if weights["device_map"] else model.to(device)).eval(), processor)
    if (
        max_pixels is not None
        and vlm.picture_limits.get("size", {}).get("longest_edge") != max_pixels
    ):
        raise BadInput(
            f"the processor of {name!r} has no limit of pixels; its limits are {vlm.picture_limits}"
        )
    return vlm


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
