"""Attention that tells its weights, for as long as a block lasts."""

import torch

from .temporary import temporarily


def telling_weights(model: torch.nn.Module):
    """Eager attention inside the block; each part of the model then has its own again."""
    own = {"": model.config._attn_implementation}
    for name in model.config.sub_configs:
        config = getattr(model.config, name, None)
        if config is not None:
            own[name] = config._attn_implementation
    change = model.set_attn_implementation
    return temporarily([(lambda: change("eager"), lambda: change(own))])
