"""Greedy generation, whatever settings a checkpoint brings."""

from collections.abc import Sequence

from torch import nn
from transformers import GenerationConfig

from ..benchmarks.questions import Question
from .padding import in_batches
from .temporary import temporarily

TOKENS = (
    "pad_token_id",
    "bos_token_id",
    "eos_token_id",
    "decoder_start_token_id",
    "forced_bos_token_id",
)


def greedily(model: nn.Module, max_new_tokens: int):
    """Inside the block, of the settings of generation only the special tokens are in force.

    In models inside the model too.
    """
    return temporarily(
        _settings(module, max_new_tokens)
        for module in model.modules()
        if hasattr(module, "generation_config")
    )


def answers(vlm, questions: Sequence[Question], template: str, most: int) -> list[str]:
    """What the model writes to each question, at most so many tokens, inside `greedily`."""
    written: dict[Question, str] = {}
    for some, inputs in in_batches(vlm, questions, template):
        # an encoder-decoder gives the decoder's own tokens only
        begun = inputs.get("decoder_input_ids", inputs["input_ids"]).shape[1]
        tokens = vlm.model.generate(**inputs, do_sample=False, max_new_tokens=most)
        texts = vlm.processor.batch_decode(tokens[:, begun:], skip_special_tokens=True)
        written |= zip(some, texts, strict=True)
    return [written[question] for question in questions]


def start_of_answers(model: nn.Module) -> tuple[int, ...]:
    """The tokens with which the decoder of an encoder-decoder begins; none for other models."""
    own = getattr(model, "generation_config", None)
    configs = model.config, model.config.get_text_config(), own
    if not any(getattr(config, "is_encoder_decoder", False) for config in configs[:2]):
        return ()
    tokens = [getattr(config, "decoder_start_token_id", None) for config in reversed(configs)]
    start = next(token for token in tokens if token is not None)
    forced = _said(model).forced_bos_token_id  # generate() writes it, whatever the model would
    return (start,) if forced is None else (start, forced)


def ends_of_answers(model: nn.Module, tokenizer) -> tuple[int, ...]:
    """The tokens at which generation stops; where its settings name none, the tokenizer's."""
    settings = getattr(model, "generation_config", None)
    eos_token_id = getattr(settings, "eos_token_id", None)
    if eos_token_id is None:
        eos_token_id = tokenizer.eos_token_id
    ends = eos_token_id if isinstance(eos_token_id, list | tuple) else [eos_token_id]
    return tuple(sorted({end for end in ends if end is not None}))


def _settings(module, max_new_tokens):
    own, said = module.generation_config, _said(module)
    tokens = {name: getattr(said, name, None) for name in TOKENS}
    greedy = GenerationConfig(do_sample=False, max_new_tokens=max_new_tokens, **tokens)

    def put(settings):
        module.generation_config = settings

    return lambda: put(greedy), lambda: put(own)


def _said(module):
    """A module's settings of generation.

    Where someone took them off, its configuration says which tokens are special.
    """
    own = getattr(module, "generation_config", None)
    return own or GenerationConfig.from_model_config(module.config)
