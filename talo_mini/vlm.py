"""A vision-language model with its processor: load it, ask it questions, score their options."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import AutoModelForImageTextToText, BitsAndBytesConfig

from .anatomy import Anatomy, find_anatomy
from .processors import load_processor
from .progress import progress
from .prompts import write_prompt
from .questions import LETTERS, BadInput, Question

MINIS = Path(__file__).parent / "minis"
# What an image processor may limit: all of it changes what a model sees, so it is recorded with every result.
PICTURE_LIMITS = ("size", "crop_size", "max_patches", "crop_to_patches", "max_image_tiles", "do_image_splitting",
                  "max_image_size", "image_grid_pinpoints", "patch_size", "merge_size")


@dataclass(frozen=True)
class VLM:
    """A model, its processor and its anatomy."""

    name: str
    model: torch.nn.Module
    processor: object

    @cached_property
    def anatomy(self) -> Anatomy:
        return find_anatomy(self.model)

    @property
    def digest(self) -> str:
        """16 hex digits that change when any weight or the configuration changes.

        Every weight is read each time, a second or two for each GB: no counter of torch's notices all the ways to write to one.
        """
        return _weights_digest(self.model)

    @cached_property
    def picture_limits(self) -> dict:
        """How large pictures may be, as the processor says it."""
        processor = self.processor.image_processor
        found = {name: getattr(processor, name) for name in PICTURE_LIMITS if getattr(processor, name, None) is not None}
        return json.loads(json.dumps({name: {k: v for k, v in dict(value).items() if v is not None} if "size" in name
                                      and not isinstance(value, int) else value for name, value in found.items()}))

    @property
    def reading(self) -> str:
        """8 hex digits that change when the chat template, a tokenizer or anything done to pictures changes."""
        read = [self.processor.chat_template]
        for name, tool in sorted(vars(self.processor).items()):
            if hasattr(tool, "backend_tokenizer"):
                told = json.loads(tool.backend_tokenizer.to_str())
                read.append((name, [told[key] for key in sorted(told) if key not in ("padding", "truncation")]))  # those change with use
            elif hasattr(tool, "to_dict"):
                read.append((name, type(tool).__name__, json.dumps(tool.to_dict(), sort_keys=True, default=str)))
        return hashlib.blake2b(repr(read).encode(), digest_size=4).hexdigest()

    def inputs(self, questions: list[Question], template: str = "bare") -> dict[str, torch.Tensor]:
        """Left-padded model inputs for a batch of questions, on the model's device.

        A processor without a chat template (PaliGemma, InstructBLIP) is given the question alone.
        """
        texts = [write_prompt(q, template) for q in questions]
        if self.processor.chat_template:
            texts = [self.processor.apply_chat_template(
                [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}],
                add_generation_prompt=True) for text in texts]
        images = [[q.image] for q in questions] if self.processor.chat_template else [q.image for q in questions]
        begin = self.processor.tokenizer.bos_token
        begun = {"add_special_tokens": False} if begin and texts[0].startswith(begin) else {}  # the template wrote it already
        batch = self.processor(text=texts, images=images, return_tensors="pt", padding=True, padding_side="left", **begun)
        batch.pop("labels", None)
        if "qformer_input_ids" in batch:
            _pad(batch, "qformer_input_ids", "qformer_attention_mask", "right")  # it counts positions from the left
            _pad(batch, "input_ids", "attention_mask", "left")  # the processor pads between picture and text
        if self._start is not None:
            batch["decoder_input_ids"] = torch.full((len(questions), 1), self._start)
        device = self.model.device
        return batch.to("cpu" if device.type == "meta" else device, dtype=self.model.dtype)

    @cached_property
    def _start(self) -> int | None:
        """The token with which the decoder of an encoder-decoder begins; None for other models."""
        configs = self.model.config, self.model.config.get_text_config(), getattr(self.model, "generation_config", None)
        if not any(getattr(config, "is_encoder_decoder", False) for config in configs[:2]):
            return None
        found = [getattr(config, "decoder_start_token_id", None) for config in reversed(configs)]
        return next(token for token in found if token is not None)

    def option_tokens(self, question: Question) -> list[tuple[int, ...]]:
        """The tokens each option is scored by: its letter, or the first token of its words, without and after a space.

        Raises BadInput where two options share such a token.
        """
        words = LETTERS[:len(question.options)] if question.form == "choice" else question.options
        tokens = [self._first_tokens(word) for word in words]
        if len({token for option in tokens for token in option}) < sum(map(len, tokens)) or not all(tokens):
            raise BadInput(f"question {question.id!r}: options {list(question.options)} cannot be told apart by their "
                           "first token; ask it in the choice form or use generated answers")
        return tokens

    def option_logs(self, question: Question, logs: torch.Tensor) -> torch.Tensor:
        """Log-probability of each option, [options], from those of the next token, [vocabulary]; gradients flow through."""
        return torch.stack([torch.logsumexp(logs[list(tokens)], 0) for tokens in self.option_tokens(question)])

    def lead(self, question: Question, logs: torch.Tensor) -> torch.Tensor:
        """By how much the right option's log-probability beats the best wrong one's, in nats; negative where it is wrong."""
        options = self.option_logs(question, logs)
        return options[question.answer] - torch.cat([options[:question.answer], options[question.answer + 1:]]).max()

    @cached_property
    def _first_tokens(self):
        """The first tokens of a word, remembered, since every layer's scores ask for the same."""
        tokenizer = self.processor.tokenizer

        @lru_cache(100_000)
        def found(word):
            written = [tokenizer(text, add_special_tokens=False).input_ids for text in (word, f" {word}")]
            shown = [[token for token in tokens if tokenizer.decode([token]).strip()] for tokens in written]
            return tuple(sorted({tokens[0] for tokens in shown if tokens}))
        return found

    @torch.inference_mode()
    def last_logits(self, inputs) -> torch.Tensor:
        """Logits of the next token, [questions, vocabulary], float32."""
        return self.model(**inputs, use_cache=False, logits_to_keep=1).logits[:, -1].float()

    @torch.inference_mode()
    def generate(self, questions: list[Question], template: str = "bare", max_new_tokens: int = 8,
                 batch: int = 64) -> list[str]:
        """Greedy answers as text, in the order of the questions."""
        texts = []
        for start in progress(range(0, len(questions), batch), desc="writing answers", unit="batch"):
            inputs = self.inputs(questions[start:start + batch], template)
            inputs.pop("decoder_input_ids", None)  # generate() begins by itself, and gives the decoder's own tokens only
            tokens = self.model.generate(**inputs, do_sample=False, max_new_tokens=max_new_tokens)
            asked = 0 if self._start is not None else inputs["input_ids"].shape[1]
            texts += self.processor.batch_decode(tokens[:, asked:], skip_special_tokens=True)
        return texts


def _weights_digest(model):
    digest = hashlib.blake2b(model.config.to_json_string().encode(), digest_size=8)
    weights = model.state_dict()
    if any(tensor.is_meta for tensor in weights.values()):
        from accelerate.utils.modeling import get_state_dict_offloaded_model

        weights = get_state_dict_offloaded_model(model)
    for name, tensor in sorted(weights.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _pad(batch, ids, mask, side):
    """Move the padding of each row to one side."""
    order = batch[mask].argsort(dim=1, descending=side == "right", stable=True)
    for name in (ids, mask):
        batch[name] = batch[name].gather(1, order)


def parse_answer(question: Question, text: str) -> int | None:
    """The index of the option a generated text names exactly, or None if it cannot be parsed.

    A choice is a single letter, alone or followed by . : or ); a direct answer is the option's words, case ignored.
    """
    text = text.strip()
    if question.form == "choice":
        letter = text.split(maxsplit=1)[0].rstrip(".:)").lstrip("(") if text else ""
        found = LETTERS.find(letter) if len(letter) == 1 else -1
        return found if 0 <= found < len(question.options) else None
    wanted = text.rstrip(".").casefold()
    return next((i for i, option in enumerate(question.options) if option.casefold() == wanted), None)


def load_vlm(name: str, device: str | None = None, device_map=None, four_bit: bool = False, max_pixels: int | None = None,
             revision: str | None = None, trust_remote_code: bool = False) -> VLM:
    """A shipped mini ("llava-mini"), a folder, or a Hugging Face Hub id (at a `revision`).

    The device is a GPU where there is one; weights are float32 on a CPU and the best the GPU computes otherwise.
    `device_map` spreads a model over devices (accelerate); `four_bit` loads 4-bit weights (bitsandbytes); `max_pixels`
    caps a picture where the processor has such a limit. Weights are read from safetensors only, and code of the
    repository is run only with `trust_remote_code`. Raises BadInput where nothing of that name can be loaded.
    """
    source = MINIS / name if (MINIS / name / "config.json").exists() else name
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    options = dict(revision=revision or "main", trust_remote_code=trust_remote_code)
    weights = dict(dtype=_dtype(device), use_safetensors=True, device_map=device_map)
    if four_bit:
        weights.update(quantization_config=_four_bit(weights["dtype"]), device_map=device_map or {"": device})
    try:
        processor = load_processor(source, **options, **({} if max_pixels is None else {"max_pixels": max_pixels}))
        model = AutoModelForImageTextToText.from_pretrained(source, **options, **weights)
    except (OSError, ValueError, KeyError, ImportError) as error:
        minis = ", ".join(sorted(path.parent.name for path in MINIS.glob("*/config.json")))
        raise BadInput(f"cannot load a vision-language model from {name!r}; use one of the shipped minis ({minis}), "
                       f"a folder, or a Hub id. The library said: {' '.join(str(error).split())[:700]}") from error
    vlm = VLM(name, (model if weights["device_map"] else model.to(device)).eval(), processor)
    if max_pixels is not None and vlm.picture_limits.get("size", {}).get("longest_edge") != max_pixels:
        raise BadInput(f"the processor of {name!r} has no limit of pixels; its limits are {vlm.picture_limits}")
    return vlm


def _four_bit(dtype):
    if find_spec("bitsandbytes") is None:
        raise BadInput("4-bit weights need bitsandbytes, which is not installed: pip install bitsandbytes")
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=dtype)


def _dtype(device):
    if not device.startswith("cuda"):
        return torch.float32
    return torch.bfloat16 if torch.cuda.get_device_capability()[0] >= 8 else torch.float16
