"""Greedy generation, whatever settings a checkpoint brings."""

from torch import nn
from transformers import GenerationConfig

from .temporary import temporarily

TOKENS = ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id")


def greedily(model: nn.Module, max_new_tokens: int):
    """Inside the block, of the settings of generation only the special tokens are in force.

    In models inside the model too.
    """
    return temporarily(
        _settings(module, max_new_tokens)
        for module in model.modules()
        if getattr(module, "generation_config", None) is not None
    )


def ends_of_answers(model: nn.Module, tokenizer) -> tuple[int, ...]:
    """The tokens at which generation stops; where its settings name none, the tokenizer's."""
    own = getattr(model, "generation_config", None)
    found = getattr(own, "eos_token_id", None)
    if found is None:
        found = tokenizer.eos_token_id
    ends = found if isinstance(found, list | tuple) else [found]
    return tuple(sorted({end for end in ends if end is not None}))


def _settings(module, max_new_tokens):
    own = module.generation_config
    tokens = {name: getattr(own, name, None) for name in TOKENS}
    greedy = GenerationConfig(do_sample=False, max_new_tokens=max_new_tokens, **tokens)

    def put(settings):
        module.generation_config = settings

    return lambda: put(greedy), lambda: put(own)
