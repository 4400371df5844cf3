"""smollm-mini before training: what is pretrained stays, the projector is made to fit."""

import torch
from transformers import LlavaForConditionalGeneration, LlavaProcessor

from ..benchmarks.mini_worlds import lessons
from ..models.assembled import with_a_tower

SEEN = 256  # pictures over which the projector's first map is scaled


def smollm_mini() -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """The VLM with a random projector of even scales; see `models.assembled`."""
    model, processor = with_a_tower()
    _scale_projector(model, processor)
    return model, processor


@torch.no_grad()
def _scale_projector(model, processor):
    """Features of mean 0 and deviation 1 into the first map; out of the second, loud as words."""
    drawn = lessons(0, "look")
    images = [[next(drawn)[0]] for _ in range(SEEN)]
    pixels = processor.image_processor(images, return_tensors="pt").pixel_values
    features = model.model.vision_tower(pixels).last_hidden_state[:, 1:].flatten(0, 1)
    projector = model.model.multi_modal_projector
    first, second = projector.linear_1, projector.linear_2
    first.weight.normal_(std=first.in_features**-0.5).div_(features.std(0))
    first.bias.copy_(-first.weight @ features.mean(0))
    loudness = model.get_input_embeddings().weight.std()
    second.weight.normal_(std=second.in_features**-0.5).mul_(loudness)
    second.bias.zero_()
