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


def _settings(module, max_new_tokens):
    own = module.generation_config
    tokens = {name: getattr(own, name, None) for name in TOKENS}
    greedy = GenerationConfig(do_sample=False, max_new_tokens=max_new_tokens, **tokens)

    def put(settings):
        module.generation_config = settings

    return lambda: put(greedy), lambda: put(own)
