"""Tiny random checkpoints with their processors, saved to disk as the Hub's are, for the model
classes people use most.
"""

import families
import torch
import transformers as T
from families import reinit

from talo_mini.minis.architectures import ARCHITECTURES, chat_template, tokenizer
from talo_mini.models.processors import NoVideo, for_pictures

WIDTH, HEADS, LAYERS = 48, 4, 4
NORMALISED = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3)
SQUARE = {"height": 32, "width": 32}
PINPOINTS = [[32, 64], [64, 32], [64, 64]]


def text(words, **more):
    return dict(
        vocab_size=len(words),
        hidden_size=WIDTH,
        intermediate_size=96,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=2,
        max_position_embeddings=512,
        pad_token_id=words.pad_token_id,
        bos_token_id=None,
        eos_token_id=words.eos_token_id,
        **more,
    )


def clip():
    return T.CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
        projection_dim=32,
    )


def siglip(**more):
    return T.SiglipVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
        vision_use_head=False,
        **more,
    )


def llava_processor(words, kind=T.LlavaProcessor, pictures=T.CLIPImageProcessorPil, **more):
    return kind(
        pictures(size={"shortest_edge": 32}, crop_size=SQUARE, **more, **NORMALISED),
        words,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=chat_template("<image>"),
    )


def llava_next():
    words = tokenizer(image_token="<image>")
    config = T.LlavaNextConfig(
        vision_config=clip(),
        text_config=T.LlamaConfig(**text(words)),
        image_token_id=words.image_token_id,
        image_grid_pinpoints=PINPOINTS,
    )
    kinds = T.LlavaNextProcessor, T.LlavaNextImageProcessorPil
    processor = llava_processor(words, *kinds, image_grid_pinpoints=PINPOINTS)
    return T.LlavaNextForConditionalGeneration(config), processor


def llava_onevision():
    words = tokenizer(image_token="<image>", video_token="<video>")
    config = T.LlavaOnevisionConfig(
        vision_config=siglip(),
        text_config=T.Qwen2Config(**text(words)),
        image_token_id=words.image_token_id,
        video_token_id=words.video_token_id,
        image_grid_pinpoints=PINPOINTS,
    )
    pictures = T.LlavaOnevisionImageProcessorPil(
        size=SQUARE, image_grid_pinpoints=PINPOINTS, **NORMALISED
    )
    processor = for_pictures(T.LlavaOnevisionProcessor)(
        pictures,
        words,
        NoVideo("LlavaOnevisionVideoProcessor"),
        num_image_tokens=16,
        vision_feature_select_strategy="full",
        chat_template=chat_template("<image>"),
    )
    return T.LlavaOnevisionForConditionalGeneration(config), processor


def _qwen(model, config, processor, vision):
    words = tokenizer(
        vision_start_token="<|vision_start|>",
        vision_end_token="<|vision_end|>",
        image_token="<|image_pad|>",
        video_token="<|video_pad|>",
    )
    ids = {
        f"{name}_token_id": getattr(words, f"{name}_token_id")
        for name in ("image", "video", "vision_start", "vision_end")
    }
    rope = dict(rope_parameters=dict(rope_type="default", rope_theta=1e4, mrope_section=[2, 2, 2]))
    config = config(
        text_config=text(words, head_dim=12, **rope),
        vision_config=vision,
        tie_word_embeddings=True,
        **ids,
    )
    pictures = T.Qwen2VLImageProcessorPil(
        patch_size=8,
        merge_size=2,
        **NORMALISED,
        size={"shortest_edge": 32 * 32, "longest_edge": 64 * 64},
    )
    processor = for_pictures(processor)(
        pictures,
        words,
        NoVideo("Qwen2VLVideoProcessor"),
        chat_template=chat_template("<|vision_start|><|image_pad|><|vision_end|>"),
    )
    return model(config), processor


def qwen2_5_vl():
    vision = dict(
        depth=2,
        hidden_size=32,
        out_hidden_size=WIDTH,
        intermediate_size=64,
        num_heads=4,
        patch_size=8,
        window_size=32,
        fullatt_block_indexes=[1],
    )
    return _qwen(
        T.Qwen2_5_VLForConditionalGeneration, T.Qwen2_5_VLConfig, T.Qwen2_5_VLProcessor, vision
    )


def qwen3_vl():
    vision = dict(
        depth=2,
        hidden_size=32,
        out_hidden_size=WIDTH,
        intermediate_size=64,
        num_heads=4,
        patch_size=8,
        num_position_embeddings=64,
        deepstack_visual_indexes=[0],
    )
    return _qwen(T.Qwen3VLForConditionalGeneration, T.Qwen3VLConfig, T.Qwen3VLProcessor, vision)


def idefics3():
    words = tokenizer(
        fake="<fake_token_around_image>",
        image_token="<image>",
        end="<end_of_utterance>",
        whole="<global-img>",
        **{f"tile{i}{j}": f"<row_{i}_col_{j}>" for i in range(1, 5) for j in range(1, 5)},
    )
    vision = dict(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
    )
    config = T.Idefics3Config(
        vision_config=vision,
        text_config=T.LlamaConfig(**text(words)),
        scale_factor=2,
        image_token_id=words.image_token_id,
    )
    pictures = T.Idefics3ImageProcessorPil(
        size={"longest_edge": 64}, max_image_size={"longest_edge": 32}, **NORMALISED
    )
    processor = T.Idefics3Processor(
        pictures, words, image_seq_len=4, chat_template=chat_template("<image>")
    )
    return T.Idefics3ForConditionalGeneration(config), processor


def paligemma():
    words = tokenizer(image_token="<image>", bos_token="<s>")
    pictures = T.SiglipImageProcessorPil(size=SQUARE, image_seq_length=16, **NORMALISED)
    processor = T.PaliGemmaProcessor(
        pictures, words
    )  # which adds its location tokens to the vocabulary
    decoder = T.GemmaConfig(**{**text(words, head_dim=12), "bos_token_id": words.bos_token_id})
    config = T.PaliGemmaConfig(
        vision_config=siglip(projection_dim=WIDTH),
        text_config=decoder,
        projection_dim=WIDTH,
        image_token_index=words.image_token_id,
    )
    return T.PaliGemmaForConditionalGeneration(config), processor


def gemma3():
    """Pictures that attend in both directions, and layers that look back a window only."""
    words = tokenizer(image_token="<image>", boi_token="<boi>", eoi_token="<eoi>", bos_token="<s>")
    pictures = T.Gemma3ImageProcessorPil(size=SQUARE, **NORMALISED)
    processor = T.Gemma3Processor(
        pictures, words, image_seq_length=4, chat_template=chat_template("<boi>")
    )
    decoder = text(words, head_dim=12, sliding_window=8, sliding_window_pattern=2)
    decoder["bos_token_id"] = words.bos_token_id
    config = T.Gemma3Config(
        vision_config=siglip(),
        text_config=T.Gemma3TextConfig(**decoder),
        mm_tokens_per_image=4,
        image_token_index=words.image_token_id,
        boi_token_index=words.boi_token_id,
        eoi_token_index=words.eoi_token_id,
    )
    return T.Gemma3ForConditionalGeneration(config), processor


def llava_window(window=8):
    """A decoder that looks back a window only, shorter than any prompt."""
    words = tokenizer(image_token="<image>")
    config = T.LlavaConfig(
        vision_config=clip(),
        text_config=T.MistralConfig(**text(words, sliding_window=window)),
        image_token_index=words.image_token_id,
    )
    return T.LlavaForConditionalGeneration(config), llava_processor(words)


def instructblip(language=None):
    words, asked = tokenizer(), tokenizer()
    pictures = T.BlipImageProcessorPil(size=SQUARE, **NORMALISED)
    processor = T.InstructBlipProcessor(
        pictures, words, asked, num_query_tokens=4
    )  # which adds its image token
    vision = dict(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
    )
    qformer = dict(
        vocab_size=len(asked),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        encoder_hidden_size=32,
        pad_token_id=0,
    )
    config = T.InstructBlipConfig(
        vision_config=vision,
        qformer_config=qformer,
        text_config=(language or llama)(words).to_dict(),
        num_query_tokens=4,
        image_token_index=words.convert_tokens_to_ids("<image>"),
    )
    return T.InstructBlipForConditionalGeneration(config), processor


def llama(words):
    return T.LlamaConfig(**text(words))


def t5(words):
    return T.T5Config(
        vocab_size=len(words),
        d_model=48,
        d_kv=12,
        d_ff=96,
        num_layers=LAYERS,
        num_decoder_layers=LAYERS,
        num_heads=4,
        decoder_start_token_id=0,
        pad_token_id=words.pad_token_id,
        eos_token_id=words.eos_token_id,
    )


CHECKPOINTS = {
    "llava": ARCHITECTURES["llava-mini"],
    "llava_next": llava_next,
    "llava_onevision": llava_onevision,
    "qwen2_vl": ARCHITECTURES["qwen2vl-mini"],
    "qwen2_5_vl": qwen2_5_vl,
    "qwen3_vl": qwen3_vl,
    "internvl": ARCHITECTURES["internvl-mini"],
    "idefics3": idefics3,
    "mllama": ARCHITECTURES["mllama-mini"],
    "paligemma": paligemma,
    "gemma3": gemma3,
    "llava_window": llava_window,
    "llava_wide_window": lambda: llava_window(256),
    "instructblip": instructblip,
    "instructblip_t5": lambda: instructblip(t5),
}


def florence2():
    """An encoder-decoder whose answers begin with a token that its settings force (BART's way)."""
    words = tokenizer(image_token="<image>", bos_token="<s>")
    config = families.florence2()[0].config
    config.image_token_id = words.image_token_id
    config.text_config.vocab_size = len(words)
    model = T.Florence2ForConditionalGeneration(config)
    special = model.generation_config
    special.pad_token_id, special.bos_token_id = words.pad_token_id, words.bos_token_id
    special.eos_token_id = special.decoder_start_token_id = words.eos_token_id
    special.forced_bos_token_id = words.bos_token_id
    pictures = T.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=SQUARE)
    pictures.image_seq_length = 17
    return model, T.Florence2Processor(pictures, words)


def vipllava():
    """A family that the package knows nothing of."""
    words = tokenizer(image_token="<image>")
    config = T.VipLlavaConfig(
        vision_config=clip(),
        text_config=T.LlamaConfig(**text(words)),
        vision_feature_layers=[-1, -2],
        image_token_index=words.image_token_id,
    )
    return T.VipLlavaForConditionalGeneration(config), llava_processor(words)


def _counting_from_the_left(words, **more):
    return dict(
        vocab_size=len(words),
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=96,
        max_position_embeddings=256,
        pad_token_id=words.pad_token_id,
        eos_token_id=words.eos_token_id,
        bos_token_id=2,
        **more,
    )


def git():
    """A family whose positions begin where a row does, padding or not."""
    words = tokenizer()
    words.model_max_length = 256
    seen = clip().to_dict()
    config = T.GitConfig(vision_config=seen, **_counting_from_the_left(words))
    pictures = T.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=SQUARE)
    return T.GitForCausalLM(config), T.GitProcessor(pictures, words)


def blip():
    """Another such family."""
    words = tokenizer()
    words.model_max_length = 256
    text = _counting_from_the_left(words, encoder_hidden_size=32, projection_dim=32)
    text |= dict(is_decoder=True, sep_token_id=words.eos_token_id)
    seen = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, projection_dim=32)
    seen |= dict(num_attention_heads=4, image_size=32, patch_size=8)
    config = T.BlipConfig(text_config=text, vision_config=seen, projection_dim=32)
    pictures = T.BlipImageProcessorPil(size=SQUARE)
    return T.BlipForConditionalGeneration(config), T.BlipProcessor(pictures, words)


def save_checkpoint(build, folder) -> str:
    """Write a tiny random checkpoint with its processor; gives its path."""
    torch.manual_seed(0)
    model, processor = build()
    reinit(model)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return str(folder)
