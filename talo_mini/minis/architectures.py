"""Mini VLMs before training: native Hugging Face architectures with small configs, and their processors."""

import random

import torch
from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import (CLIPImageProcessorPil, CLIPVisionConfig, LlamaConfig, LlavaConfig,
                          LlavaForConditionalGeneration, LlavaProcessor, TokenizersBackend)

from ..benchmarks import easy_vqa
from ..benchmarks.mini_worlds import ASKERS, CAPTION, words

IMAGE_SIZE, PATCH_SIZE = 64, 16  # pixels
SPECIAL = ("<pad>", "<unk>", "</s>", "<image>", "USER:", "ASSISTANT:")
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ 'USER:' if message['role'] == 'user' else 'ASSISTANT:' }} "
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] if part['type'] == 'image' %}<image> {% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}{% endif %} "
    "{% if message['role'] == 'assistant' %}</s>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}")


def vocabulary() -> list[str]:
    """Every word of the mini worlds and of easy-VQA, sorted; a state of two words is one entry."""
    rng = random.Random("vocabulary")
    asked = [asker(world.sample(rng, "train"), rng) for world, asker in ASKERS.values() for _ in range(100)]
    texts = [CAPTION] + [question.text for question in asked if question]
    texts += [text for text, _, _ in easy_vqa.rows("train")]
    found = {word for text in texts for word in text.rstrip("?").split()}
    return sorted(found | set(words()) | set(easy_vqa.COLOURS) | set(easy_vqa.SHAPES) | set("ABCD"))


def tokenizer() -> TokenizersBackend:
    """One token a word. The marks ? . , and : are dropped."""
    entries = vocabulary()
    single = [entry for entry in entries if " " not in entry]
    model = Tokenizer(WordLevel({word: i for i, word in enumerate([*SPECIAL, *single])}, unk_token="<unk>"))
    model.normalizer = normalizers.Replace(Regex(r"[?.,:]"), " ")
    model.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    model.add_tokens([AddedToken(entry, single_word=True, normalized=False) for entry in entries if " " in entry])
    return TokenizersBackend(tokenizer_object=model, pad_token="<pad>", unk_token="<unk>", eos_token="</s>",
                             additional_special_tokens=["<image>", "USER:", "ASSISTANT:"], padding_side="left",
                             clean_up_tokenization_spaces=False)


def llava_mini() -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """An untrained LLaVA: CLIP-ViT (4 layers, 128 wide), projector, Llama decoder (12 layers, 128 wide)."""
    words_to_ids = tokenizer()
    vision = CLIPVisionConfig(hidden_size=128, intermediate_size=384, num_hidden_layers=4, num_attention_heads=4,
                              image_size=IMAGE_SIZE, patch_size=PATCH_SIZE, projection_dim=128)
    text = LlamaConfig(vocab_size=len(words_to_ids), hidden_size=128, intermediate_size=384, num_hidden_layers=12,
                       num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=256,
                       tie_word_embeddings=True, pad_token_id=words_to_ids.pad_token_id, bos_token_id=None,
                       eos_token_id=words_to_ids.eos_token_id)
    config = LlavaConfig(vision_config=vision, text_config=text, vision_feature_layer=-1, tie_word_embeddings=True,
                         image_token_id=words_to_ids.convert_tokens_to_ids("<image>"),
                         image_seq_length=(IMAGE_SIZE // PATCH_SIZE) ** 2)
    pictures = CLIPImageProcessorPil(size={"shortest_edge": IMAGE_SIZE}, do_center_crop=True,
                                     crop_size={"height": IMAGE_SIZE, "width": IMAGE_SIZE},
                                     image_mean=[0.5] * 3, image_std=[0.5] * 3)
    processor = LlavaProcessor(pictures, words_to_ids, patch_size=PATCH_SIZE, vision_feature_select_strategy="default",
                               chat_template=CHAT_TEMPLATE, num_additional_image_tokens=1)
    model = LlavaForConditionalGeneration(config)
    embeddings = model.model.vision_tower.embeddings
    with torch.no_grad():  # patches, positions and features at one scale: by default positions are lost
        embeddings.patch_embedding.weight.normal_(std=(3 * PATCH_SIZE**2) ** -0.5)
        embeddings.position_embedding.weight.normal_(std=0.5)
        for linear in (model.model.multi_modal_projector.linear_1, model.model.multi_modal_projector.linear_2):
            linear.weight.normal_(std=linear.in_features ** -0.5)
    return model, processor


ARCHITECTURES = {"llava-mini": llava_mini}
