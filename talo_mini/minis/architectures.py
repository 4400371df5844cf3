"""Mini VLMs before training: native Hugging Face architectures with small configs, and their
processors.
"""

import random

import torch
from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    GotOcr2ImageProcessorPil,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLProcessor,
    InternVLVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    MllamaConfig,
    MllamaForConditionalGeneration,
    MllamaImageProcessorPil,
    MllamaProcessor,
    Qwen2Config,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
    Qwen2VLProcessor,
    TokenizersBackend,
)

from ..benchmarks import easy_vqa
from ..benchmarks.mini_worlds import ASKERS, CAPTION, words
from ..models.processors import NoVideo, for_pictures

IMAGE_SIZE, PATCH_SIZE = 64, 16  # pixels
IMAGE_TOKENS = (IMAGE_SIZE // PATCH_SIZE) ** 2
WIDTH, INNER, HEADS = 128, 384, 4
PICTURES = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3)
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ 'START' if loop.first }}{{ 'USER:' if message['role'] == 'user' else 'ASSISTANT:' }} "
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] if part['type'] == 'image' %}PICTURE {% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor "
    "%}{% endif %} "
    "{% if message['role'] == 'assistant' %}</s>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


def chat_template(picture: str, start: str = "") -> str:
    """The chat template in which a picture is written as `picture` and a conversation begins with
    `start`.
    """
    return CHAT_TEMPLATE.replace("PICTURE", picture).replace("START", start)


def vocabulary() -> list[str]:
    """Every word of the mini worlds and of easy-VQA, sorted; a state of two words is one entry."""
    rng = random.Random("vocabulary")
    questions = [
        asker(world.sample(rng, "train"), rng)
        for world, asker in ASKERS.values()
        for _ in range(100)
    ]
    texts = [CAPTION] + [question.text for question in questions if question]
    texts += [text for text, _, _ in easy_vqa.rows("train")]
    text_words = {word for text in texts for word in text.rstrip("?").split()}
    return sorted(
        text_words | set(words()) | set(easy_vqa.COLOURS) | set(easy_vqa.SHAPES) | set("ABCD")
    )


def tokenizer(**pictures: str) -> TokenizersBackend:
    """One token a word; `pictures` names the tokens that stand for pictures. The marks ? . , and :
    are dropped.
    """
    entries = vocabulary()
    single = [entry for entry in entries if " " not in entry]
    special = ["<pad>", "<unk>", "</s>", *pictures.values(), "USER:", "ASSISTANT:"]
    model = Tokenizer(
        WordLevel({word: i for i, word in enumerate([*special, *single])}, unk_token="<unk>")
    )
    model.normalizer = normalizers.Replace(Regex(r"[?.,:]"), " ")
    model.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    model.add_tokens(
        [AddedToken(entry, single_word=True, normalized=False) for entry in entries if " " in entry]
    )
    return TokenizersBackend(
        tokenizer_object=model,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="</s>",
        additional_special_tokens=[*pictures.values(), "USER:", "ASSISTANT:"],
        padding_side="left",
        clean_up_tokenization_spaces=False,
        **pictures,
    )


def _text(words_to_ids, layers: int) -> dict:
    """The settings all decoders share."""
    return dict(
        vocab_size=len(words_to_ids),
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=layers,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=256,
        pad_token_id=words_to_ids.pad_token_id,
        eos_token_id=words_to_ids.eos_token_id,
    )


def _even_scales(model):
    """Patches, positions and image features at one scale: at the library's initial scales positions
    are lost.
    """
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "patch_embed" in name and parameter.ndim >= 4:
                parameter.normal_(std=parameter[0].numel() ** -0.5)
            elif "position" in name and "language_model" not in name and parameter.ndim >= 2:
                parameter.normal_(std=0.5)
            elif ("projector" in name or "merger" in name) and parameter.ndim == 2:
                parameter.normal_(std=parameter.shape[1] ** -0.5)
            elif name.endswith(("attn_gate", "mlp_gate")) and "language_model" in name:
                parameter.fill_(1.0)
    return model


def llava_mini() -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """An untrained LLaVA: CLIP-ViT (4 layers, 128 wide), projector, Llama decoder (12 layers, 128
    wide).
    """
    words_to_ids = tokenizer(image_token="<image>")
    vision = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=4,
        num_attention_heads=HEADS,
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE,
        projection_dim=WIDTH,
    )
    text = LlamaConfig(
        **_text(words_to_ids, layers=12), tie_word_embeddings=True, bos_token_id=None
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        vision_feature_layer=-1,
        tie_word_embeddings=True,
        image_token_id=words_to_ids.image_token_id,
        image_seq_length=IMAGE_TOKENS,
    )
    pictures = CLIPImageProcessorPil(
        size={"shortest_edge": IMAGE_SIZE},
        do_center_crop=True,
        crop_size={"height": IMAGE_SIZE, "width": IMAGE_SIZE},
        **PICTURES,
    )
    processor = LlavaProcessor(
        pictures,
        words_to_ids,
        patch_size=PATCH_SIZE,
        vision_feature_select_strategy="default",
        chat_template=chat_template("<image>"),
        num_additional_image_tokens=1,
    )
    return _even_scales(LlavaForConditionalGeneration(config)), processor


def qwen2vl_mini() -> tuple[Qwen2VLForConditionalGeneration, Qwen2VLProcessor]:
    """An untrained Qwen2-VL: ViT with rotary positions (4 layers), 2 x 2 merger, decoder with
    rotary rows and columns (8 layers); 128 wide.
    """
    words_to_ids = tokenizer(
        vision_start_token="<|vision_start|>",
        vision_end_token="<|vision_end|>",
        image_token="<|image_pad|>",
        video_token="<|video_pad|>",
    )
    vision = dict(
        depth=4,
        embed_dim=WIDTH,
        hidden_size=WIDTH,
        num_heads=HEADS,
        mlp_ratio=3,
        patch_size=PATCH_SIZE // 2,
    )
    # rows and columns turn the slower two thirds of the frequencies: at the usual base they would
    # hardly turn on a 4 x 4 grid
    text = dict(
        _text(words_to_ids, layers=8),
        tie_word_embeddings=True,
        bos_token_id=None,
        rope_parameters=dict(rope_type="default", rope_theta=10.0, mrope_section=[4, 6, 6]),
    )
    ids = {
        f"{name}_token_id": getattr(words_to_ids, f"{name}_token_id")
        for name in ("image", "video", "vision_start", "vision_end")
    }
    config = Qwen2VLConfig(vision_config=vision, text_config=text, tie_word_embeddings=True, **ids)
    pictures = Qwen2VLImageProcessorPil(
        patch_size=PATCH_SIZE // 2,
        merge_size=2,
        size={"shortest_edge": IMAGE_SIZE**2, "longest_edge": IMAGE_SIZE**2},
        **PICTURES,
    )
    processor = for_pictures(Qwen2VLProcessor)(
        pictures,
        words_to_ids,
        NoVideo("Qwen2VLVideoProcessor"),
        chat_template=chat_template("<|vision_start|><|image_pad|><|vision_end|>"),
    )
    return _even_scales(Qwen2VLForConditionalGeneration(config)), processor


def internvl_mini() -> tuple[InternVLForConditionalGeneration, InternVLProcessor]:
    """An untrained InternVL: InternViT (4 layers), pixel shuffle, Qwen2 decoder (8 layers); 128
    wide.
    """
    words_to_ids = tokenizer(
        start_image_token="<img>",
        end_image_token="</img>",
        context_image_token="<IMG_CONTEXT>",
        video_token="<video>",
    )
    vision = InternVLVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=4,
        num_attention_heads=HEADS,
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE // 2,
        layer_scale_init_value=1.0,
    )
    text = Qwen2Config(**_text(words_to_ids, layers=8), tie_word_embeddings=True, bos_token_id=None)
    config = InternVLConfig(
        vision_config=vision,
        text_config=text,
        tie_word_embeddings=True,
        image_token_id=words_to_ids.context_image_token_id,
        image_seq_length=IMAGE_TOKENS,
    )
    pictures = GotOcr2ImageProcessorPil(
        size={"height": IMAGE_SIZE, "width": IMAGE_SIZE}, **PICTURES
    )
    processor = for_pictures(InternVLProcessor)(
        pictures,
        words_to_ids,
        NoVideo("InternVLVideoProcessor"),
        image_seq_length=IMAGE_TOKENS,
        chat_template=chat_template("<IMG_CONTEXT>"),
    )
    return _even_scales(InternVLForConditionalGeneration(config)), processor


def mllama_mini() -> tuple[MllamaForConditionalGeneration, MllamaProcessor]:
    """An untrained Llama 3.2 Vision: ViT (3 local and 1 global layer), decoder of 8 self-attention
    and 3 gated cross-attention layers through which alone the picture is seen; 128 wide.
    """
    words_to_ids = tokenizer(bos_token="<s>", image_token="<|image|>")
    vision = dict(
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=3,
        num_global_layers=1,
        attention_heads=HEADS,
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE,
        max_num_tiles=1,
        supported_aspect_ratios=[[1, 1]],
        intermediate_layers_indices=[1],
        vision_output_dim=2 * WIDTH,
    )
    text = dict(
        _text(words_to_ids, layers=11),
        cross_attention_layers=[1, 4, 7],
        tie_word_embeddings=False,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0),
        bos_token_id=words_to_ids.bos_token_id,
    )
    config = MllamaConfig(
        vision_config=vision, text_config=text, image_token_index=words_to_ids.image_token_id
    )
    pictures = MllamaImageProcessorPil(
        size={"height": IMAGE_SIZE, "width": IMAGE_SIZE}, max_image_tiles=1, **PICTURES
    )
    processor = MllamaProcessor(
        pictures, words_to_ids, chat_template=chat_template("<|image|>", start="<s>")
    )
    return _even_scales(MllamaForConditionalGeneration(config)), processor


ARCHITECTURES = {
    "llava-mini": llava_mini,
    "qwen2vl-mini": qwen2vl_mini,
    "internvl-mini": internvl_mini,
    "mllama-mini": mllama_mini,
}
