"""The models that the benchmarks run: the minis, and random weights in the true shapes of larger
VLMs, with their inputs.

Each gives the model and the function from a number of questions to its inputs.
"""

import io
import random

import torch
from PIL import Image
from transformers import (
    CLIPVisionConfig,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    Idefics3Processor,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
    Qwen2VLProcessor,
)

from talo_mini import VLM, Benchmark, Question, Task, load_benchmark, load_vlm
from talo_mini.minis.architectures import chat_template, tokenizer, vocabulary
from talo_mini.models.processors import NoVideo, for_pictures


def mini(name):
    """A shipped mini and its own questions."""
    vlm = load_vlm(name)
    benchmark = load_benchmark(
        "mini-worlds", tasks=["count_colour", "table_read", "map_name"], per_task=22, form="choice"
    )
    return vlm.model, lambda size: dict(vlm.inputs(benchmark.questions[:size]))


def _noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def llava_30():
    """LLaVA in the decoder shape of SmolVLM-256M: 30 layers, 576 wide; 12 small vision layers, 104
    tokens; random weights.
    """
    vision = CLIPVisionConfig(
        hidden_size=192,
        intermediate_size=768,
        num_hidden_layers=12,
        num_attention_heads=3,
        image_size=128,
        patch_size=16,
    )
    text = LlamaConfig(
        vocab_size=4096,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
    )
    model = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=vision, text_config=text, image_seq_length=64, image_token_id=4095
        )
    )

    def inputs(size):
        ids = _ids(size, 64, 4095, words=40)
        return dict(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values=_noise(size, 3, 128, 128),
        )

    return model.eval(), inputs


def _smolvlm(image_token):
    """The configuration of SmolVLM-256M, with the picture's token at another place."""
    return Idefics3Config(
        image_token_id=image_token,
        scale_factor=4,
        pad_token_id=2,
        vision_config=dict(
            hidden_size=768,
            intermediate_size=3072,
            num_hidden_layers=12,
            num_attention_heads=12,
            image_size=512,
            patch_size=16,
        ),
        text_config=LlamaConfig(
            vocab_size=49280,
            hidden_size=576,
            intermediate_size=1536,
            num_hidden_layers=30,
            num_attention_heads=9,
            num_key_value_heads=3,
            pad_token_id=2,
        ).to_dict(),
    )


def asked_smolvlm() -> VLM:
    """The same with a processor whose words are those of the mini worlds: one tile a picture."""
    marks = dict(
        fake="<fake_token_around_image>",
        image_token="<image>",
        end="<end_of_utterance>",
        whole="<global-img>",
    )
    words = tokenizer(**marks)
    pictures = Idefics3ImageProcessorPil(
        size={"longest_edge": 512},
        max_image_size={"longest_edge": 512},
        do_image_splitting=False,
    )
    processor = Idefics3Processor(
        pictures, words, image_seq_len=64, chat_template=chat_template("<image>")
    )
    model = Idefics3ForConditionalGeneration(_smolvlm(words.image_token_id))
    return VLM("SmolVLM-256M's shape", model.eval(), processor)


def questions_a_picture(asked: int, pictures: int) -> Benchmark:
    """Random questions of 40 words, answer marks and options included; `asked` about a picture."""
    rng, task = random.Random(0), Task("shape", "speed")
    words = [word for word in vocabulary() if " " not in word and word.isalpha()]
    questions = []
    for number in range(pictures):
        file = io.BytesIO()
        colour = tuple(rng.randrange(256) for _ in range(3))
        Image.new("RGB", (512, 512), colour).save(file, "png")
        for turn in range(asked):
            text = " ".join(rng.choices(words, k=30))
            options = tuple(rng.sample(words, 4))
            name = f"{number}-{turn}"
            questions.append(Question(name, "shape", file.getvalue(), text, options, 0))
    return Benchmark("a shape", (task,), tuple(questions))


def smolvlm():
    """The true shape of SmolVLM-256M: vision encoder of 12 layers, 768 wide, 512 x 512 pixels, 64
    picture tokens; random weights.
    """
    model = Idefics3ForConditionalGeneration(_smolvlm(49190))

    def inputs(size):
        ids = _ids(size, 64, 49190, words=40)
        return dict(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values=_noise(size, 1, 3, 512, 512),
        )

    return model.eval(), inputs


def _qwen2vl(image, start, text_layers, vision_layers, width, inner, heads):
    """The configuration of Qwen2-VL, with these tokens for a picture and its start."""
    return Qwen2VLConfig(
        text_config=dict(
            vocab_size=151936,
            hidden_size=width,
            intermediate_size=inner,
            num_hidden_layers=text_layers,
            num_attention_heads=heads,
            num_key_value_heads=2,
            tie_word_embeddings=True,
            rope_parameters=dict(
                rope_type="default",
                rope_theta=1e6,
                mrope_section=[
                    width // heads // 8,
                    3 * width // heads // 16,
                    3 * width // heads // 16,
                ],
            ),
        ),
        vision_config=dict(
            depth=vision_layers,
            embed_dim=1280,
            hidden_size=width,
            num_heads=16,
            mlp_ratio=4,
            patch_size=14,
        ),
        tie_word_embeddings=True,
        image_token_id=image,
        vision_start_token_id=start,
    )


def qwen2vl_2b(text_layers=28, vision_layers=32, width=1536, inner=8960, heads=12):
    """The true shape of Qwen2-VL-2B: 448 x 448 pixels, 256 picture tokens; random weights."""
    config = _qwen2vl(151655, 151652, text_layers, vision_layers, width, inner, heads)

    def inputs(size):
        ids = _ids(size, 256, 151655)
        return dict(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            mm_token_type_ids=(ids == 151655).int(),
            pixel_values=_noise(size * 32 * 32, 3 * 2 * 14 * 14),
            image_grid_thw=torch.tensor([[1, 32, 32]] * size),
        )

    return Qwen2VLForConditionalGeneration(config).eval(), inputs


def asked_qwen2vl(text_layers=28, vision_layers=32, width=1536, inner=8960, heads=12) -> VLM:
    """The same with a processor whose words are those of the mini worlds."""
    marks = ("vision_start", "image_pad", "vision_end", "video_pad")
    names = ("vision_start_token", "image_token", "vision_end_token", "video_token")
    words = tokenizer(**{name: f"<|{mark}|>" for name, mark in zip(names, marks, strict=True)})
    pixels = 448 * 448
    pictures = Qwen2VLImageProcessorPil(size={"shortest_edge": pixels, "longest_edge": pixels})
    template = chat_template("<|vision_start|><|image_pad|><|vision_end|>")
    processor = for_pictures(Qwen2VLProcessor)(
        pictures, words, NoVideo("Qwen2VLVideoProcessor"), chat_template=template
    )
    ids = words.image_token_id, words.vision_start_token_id
    config = _qwen2vl(*ids, text_layers, vision_layers, width, inner, heads)
    model = Qwen2VLForConditionalGeneration(config)
    return VLM("Qwen2-VL-2B's shape", model.eval(), processor)


def llava_next_8b(text_layers=32, vision_layers=24, width=4096, inner=14336):
    """The true shape of LLaVA-NeXT-8B: a picture of 672 x 672 pixels in 5 tiles, 2,928 picture
    tokens; random weights.
    """
    vision = CLIPVisionConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=vision_layers,
        num_attention_heads=16,
        image_size=336,
        patch_size=14,
    )
    text = LlamaConfig(
        vocab_size=128320,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=text_layers,
        num_attention_heads=width // 128,
        num_key_value_heads=width // 512,
        max_position_embeddings=8192,
    )
    config = LlavaNextConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=128256,
        image_grid_pinpoints=[[672, 672]],
    )

    def inputs(size):
        ids = _ids(
            size, 24 * 24 + 48 * (48 + 1), 128256
        )  # the whole picture; four tiles with a mark at the end of each row
        return dict(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values=_noise(size, 5, 3, 336, 336),
            image_sizes=torch.tensor([[672, 672]] * size),
        )

    return LlavaNextForConditionalGeneration(config).eval(), inputs


def _ids(size, pictures, token, words=64):
    ids = torch.randint(
        10, 4000, (size, pictures + words), generator=torch.Generator().manual_seed(0)
    )
    ids[:, 4 : 4 + pictures] = token
    return ids


def on(device, model, inputs):
    """A case on a device; in bfloat16 on a GPU."""
    kind = torch.bfloat16 if device == "cuda" else torch.float32

    def moved(size):
        return {
            name: value.to(device, kind if value.is_floating_point() else None)
            for name, value in inputs(size).items()
        }

    return model.to(device, kind), moved
