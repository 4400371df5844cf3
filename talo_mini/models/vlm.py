"""A vision-language model with its processor: ask it questions, score their options."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch

from ..benchmarks.prompts import write_prompt
from ..benchmarks.questions import LETTERS, Question
from ..errors import BadInput
from ..progress import progress
from .anatomy import Anatomy, find_anatomy

# What an image processor may limit: all of it changes what a model sees, so it is recorded with
# every result.
PICTURE_LIMITS = (
    "size",
    "crop_size",
    "max_patches",
    "crop_to_patches",
    "max_image_tiles",
    "do_image_splitting",
    "max_image_size",
    "image_grid_pinpoints",
    "patch_size",
    "merge_size",
)


@dataclass(frozen=True)
class VLM:
    """A model, its processor and its anatomy."""

    name: str
    model: torch.nn.Module
    processor: object

    @property
    def anatomy(self) -> Anatomy:
        """The map of the model, made anew where a module was replaced (by an adapter)."""
        modules = [id(module) for module in self.model.modules()]
        if self._map.get("modules") != modules:
            self._map.update(modules=modules, anatomy=find_anatomy(self.model))
        return self._map["anatomy"]

    @cached_property
    def _map(self) -> dict:
        return {}

    @property
    def digest(self) -> str:
        """16 hex digits that change when any weight or the configuration changes.

        Every weight is read each time, a second or two for each GB: no counter of torch's notices
        all the ways to write to one.
        """
        return _weights_digest(self.model)

    @cached_property
    def picture_limits(self) -> dict:
        """How large pictures may be, as the processor says it."""
        processor = self.processor.image_processor
        found = {
            name: getattr(processor, name)
            for name in PICTURE_LIMITS
            if getattr(processor, name, None) is not None
        }
        return json.loads(
            json.dumps(
                {
                    name: {k: v for k, v in dict(value).items() if v is not None}
                    if "size" in name and not isinstance(value, int)
                    else value
                    for name, value in found.items()
                }
            )
        )

    @property
    def reading(self) -> str:
        """8 hex digits that change when the chat template, a tokenizer or anything done to pictures
        changes.
        """
        read = [self.processor.chat_template]
        for name, tool in sorted(vars(self.processor).items()):
            if hasattr(tool, "backend_tokenizer"):
                told = json.loads(tool.backend_tokenizer.to_str())
                read.append(
                    (
                        name,
                        [told[key] for key in sorted(told) if key not in ("padding", "truncation")],
                    )
                )  # those change with use
            elif hasattr(tool, "to_dict"):
                read.append(
                    (
                        name,
                        type(tool).__name__,
                        json.dumps(tool.to_dict(), sort_keys=True, default=str),
                    )
                )
        return hashlib.blake2b(repr(read).encode(), digest_size=4).hexdigest()

    def inputs(self, questions: list[Question], template: str = "bare") -> dict[str, torch.Tensor]:
        """Left-padded model inputs for a batch of questions, on the model's device.

        A processor without a chat template (PaliGemma, InstructBLIP) is given the question alone.
        """
        texts = [write_prompt(q, template) for q in questions]
        if self.processor.chat_template:
            texts = [
                self.processor.apply_chat_template(
                    [
                        {
                            "role": "user",
                            "content": [{"type": "image"}, {"type": "text", "text": text}],
                        }
                    ],
                    add_generation_prompt=True,
                )
                for text in texts
            ]
        images = (
            [[q.image] for q in questions]
            if self.processor.chat_template
            else [q.image for q in questions]
        )
        begin = self.processor.tokenizer.bos_token
        begun = (
            {"add_special_tokens": False} if begin and texts[0].startswith(begin) else {}
        )  # the template wrote it already
        batch = self.processor(
            text=texts,
            images=images,
            return_tensors="pt",
            padding=True,
            padding_side="left",
            **begun,
        )
        batch.pop("labels", None)
        if "qformer_input_ids" in batch:
            _pad(
                batch, "qformer_input_ids", "qformer_attention_mask", "right"
            )  # it counts positions from the left
            _pad(
                batch, "input_ids", "attention_mask", "left"
            )  # the processor pads between picture and text
        if self._start is not None:
            batch["decoder_input_ids"] = torch.full((len(questions), 1), self._start)
        device = self.model.device
        return batch.to("cpu" if device.type == "meta" else device, dtype=self.model.dtype)

    @cached_property
    def _start(self) -> int | None:
        """The token with which the decoder of an encoder-decoder begins; None for other models."""
        configs = (
            self.model.config,
            self.model.config.get_text_config(),
            getattr(self.model, "generation_config", None),
        )
        if not any(getattr(config, "is_encoder_decoder", False) for config in configs[:2]):
            return None
        found = [getattr(config, "decoder_start_token_id", None) for config in reversed(configs)]
        return next(token for token in found if token is not None)

    def option_tokens(self, question: Question) -> list[tuple[int, ...]]:
        """The tokens each option is scored by: its letter, or the first token of its words, without
        and after a space.

        Raises BadInput where two options share such a token.
        """
        words = LETTERS[: len(question.options)] if question.form == "choice" else question.options
        tokens = [self._first_tokens(word) for word in words]
        if len({token for option in tokens for token in option}) < sum(map(len, tokens)) or not all(
            tokens
        ):
            raise BadInput(
                f"question {question.id!r}: options {list(question.options)} cannot be told apart "
                "by their "
                "first token; ask it in the choice form or use generated answers"
            )
        return tokens

    def option_logs(self, question: Question, logs: torch.Tensor) -> torch.Tensor:
        """Log-probability of each option, [options], from those of the next token, [vocabulary];
        gradients flow through.
        """
        return torch.stack(
            [torch.logsumexp(logs[list(tokens)], 0) for tokens in self.option_tokens(question)]
        )

    def lead(self, question: Question, logs: torch.Tensor) -> torch.Tensor:
        """By how much the right option's log-probability beats the best wrong one's, in nats;
        negative where it is wrong.
        """
        options = self.option_logs(question, logs)
        return (
            options[question.answer]
            - torch.cat([options[: question.answer], options[question.answer + 1 :]]).max()
        )

    @cached_property
    def _first_tokens(self):
        """The first tokens of a word, remembered, since every layer's scores ask for the same."""
        tokenizer = self.processor.tokenizer

        @lru_cache(100_000)
        def found(word):
            written = [
                tokenizer(text, add_special_tokens=False).input_ids for text in (word, f" {word}")
            ]
            shown = [
                [token for token in tokens if tokenizer.decode([token]).strip()]
                for tokens in written
            ]
            return tuple(sorted({tokens[0] for tokens in shown if tokens}))

        return found

    @torch.inference_mode()
    def last_logits(self, inputs) -> torch.Tensor:
        """Logits of the next token, [questions, vocabulary], float32."""
        return self.model(**inputs, use_cache=False, logits_to_keep=1).logits[:, -1].float()

    @torch.inference_mode()
    def generate(
        self,
        questions: list[Question],
        template: str = "bare",
        max_new_tokens: int = 8,
        batch: int = 64,
    ) -> list[str]:
        """Greedy answers as text, in the order of the questions."""
        texts = []
        for start in progress(
            range(0, len(questions), batch), desc="writing answers", unit="batch"
        ):
            inputs = self.inputs(questions[start : start + batch], template)
            inputs.pop(
                "decoder_input_ids", None
            )  # generate() begins by itself, and gives the decoder's own tokens only
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
