"""Tiny random VLMs of many families, built from their configurations, offline, with inputs that
hold a picture.
"""

from functools import cache

import torch
import transformers as T

from talo_mini.models.anatomy import find_anatomy

VOCAB, IMG = 160, 150  # vocabulary; id of the image placeholder
H, INNER = 48, 96  # hidden and intermediate width of the decoders
NH, NKV = 4, 2  # heads, key-value heads
NL, NV = 4, 2  # decoder layers, vision layers


TEXT = dict(
    vocab_size=VOCAB,
    hidden_size=H,
    intermediate_size=INNER,
    num_hidden_layers=NL,
    num_attention_heads=NH,
    num_key_value_heads=NKV,
    max_position_embeddings=256,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
)
VISION = dict(
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=NV,
    num_attention_heads=4,
    image_size=32,
    patch_size=8,
)


def llama(**k):
    return T.LlamaConfig(**TEXT, **k)


def qwen2(**k):
    return T.Qwen2Config(**TEXT, **k)


def mistral(**k):
    return T.MistralConfig(**TEXT, head_dim=H // NH, sliding_window=None, **k)


def clipv(**k):
    return T.CLIPVisionConfig(**VISION, projection_dim=32, **k)


def siglipv(**k):
    return T.SiglipVisionConfig(**VISION, vision_use_head=False, **k)


def ids_for(n_img, seed=0, pre=3, post=6):
    g = torch.Generator().manual_seed(seed)

    def t(n):
        return torch.randint(3, 120, (n,), generator=g)

    return torch.cat([t(pre), torch.full((n_img,), IMG), t(post)])[None]


def px(*s, seed=0):
    return torch.randn(*s, generator=torch.Generator().manual_seed(seed))


def llava():
    c = T.LlavaConfig(vision_config=clipv(), text_config=llama(), image_token_index=IMG)
    return (
        T.LlavaForConditionalGeneration(c),
        dict(input_ids=ids_for(16), pixel_values=px(1, 3, 32, 32)),
    )


def llava_next():
    c = T.LlavaNextConfig(
        vision_config=clipv(),
        text_config=llama(),
        image_token_index=IMG,
        image_grid_pinpoints=[[32, 64], [64, 32]],
    )
    return (
        T.LlavaNextForConditionalGeneration(c),
        dict(
            input_ids=ids_for(16 + 4 * 9),
            pixel_values=px(1, 3, 3, 32, 32),
            image_sizes=torch.tensor([[32, 64]]),
        ),
    )


def llava_onevision():
    c = T.LlavaOnevisionConfig(
        vision_config=siglipv(),
        text_config=qwen2(),
        image_token_index=IMG,
        video_token_index=IMG + 1,
        image_grid_pinpoints=[[32, 64], [64, 32]],
    )
    return (
        T.LlavaOnevisionForConditionalGeneration(c),
        dict(
            input_ids=ids_for(16 + 4 * 9),
            pixel_values=px(1, 3, 3, 32, 32),
            image_sizes=torch.tensor([[32, 64]]),
        ),
    )


def _mrope():
    return {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 2, 2]}


def _qwen_inputs(patch=4):
    ids = ids_for(16)
    ids[0, 2] = IMG + 2
    ids[0, 19] = IMG + 3
    return dict(
        input_ids=ids,
        pixel_values=px(64, 3 * 2 * patch * patch),
        image_grid_thw=torch.tensor([[1, 8, 8]]),
        mm_token_type_ids=(ids == IMG).int(),
    )


def _qcommon():
    return dict(
        image_token_id=IMG,
        video_token_id=IMG + 1,
        vision_start_token_id=IMG + 2,
        vision_end_token_id=IMG + 3,
    )


def qwen2_vl():
    tc = dict(TEXT, rope_parameters=_mrope())
    vc = dict(
        depth=NV,
        embed_dim=32,
        hidden_size=H,
        num_heads=4,
        mlp_ratio=2,
        patch_size=4,
        spatial_merge_size=2,
    )
    c = T.Qwen2VLConfig(text_config=tc, vision_config=vc, **_qcommon())
    return (T.Qwen2VLForConditionalGeneration(c), _qwen_inputs())


def qwen2_5_vl():
    tc = dict(TEXT, rope_parameters=_mrope())
    vc = dict(
        depth=NV,
        hidden_size=32,
        out_hidden_size=H,
        intermediate_size=64,
        num_heads=4,
        patch_size=4,
        spatial_merge_size=2,
        window_size=16,
        fullatt_block_indexes=[1],
    )
    c = T.Qwen2_5_VLConfig(text_config=tc, vision_config=vc, **_qcommon())
    return (T.Qwen2_5_VLForConditionalGeneration(c), _qwen_inputs())


def qwen3_vl():
    tc = dict(TEXT, head_dim=12, rope_parameters={**_mrope(), "mrope_interleaved": True})
    vc = dict(
        depth=NV,
        hidden_size=32,
        out_hidden_size=H,
        intermediate_size=64,
        num_heads=4,
        patch_size=4,
        spatial_merge_size=2,
        num_position_embeddings=64,
        deepstack_visual_indexes=[0, 1],
    )
    c = T.Qwen3VLConfig(text_config=tc, vision_config=vc, **_qcommon())
    return (T.Qwen3VLForConditionalGeneration(c), _qwen_inputs())


def internvl():
    vc = T.InternVLVisionConfig(
        hidden_size=32,
        num_hidden_layers=NV,
        num_attention_heads=4,
        intermediate_size=64,
        image_size=[32, 32],
        patch_size=[8, 8],
        attention_bias=True,
    )
    c = T.InternVLConfig(
        vision_config=vc, text_config=qwen2(), image_token_id=IMG, image_seq_length=4
    )
    return (
        T.InternVLForConditionalGeneration(c),
        dict(input_ids=ids_for(4), pixel_values=px(1, 3, 32, 32)),
    )


def idefics2():
    vc = dict(VISION)
    pc = dict(
        hidden_size=H,
        resampler_n_latents=4,
        resampler_depth=2,
        resampler_n_heads=4,
        resampler_head_dim=12,
        num_key_value_heads=2,
    )
    c = T.Idefics2Config(
        vision_config=vc, perceiver_config=pc, text_config=mistral(), image_token_id=IMG
    )
    return (
        T.Idefics2ForConditionalGeneration(c),
        dict(input_ids=ids_for(4), pixel_values=px(1, 1, 3, 32, 32)),
    )


def idefics3():
    vc = dict(VISION)
    c = T.Idefics3Config(vision_config=vc, text_config=llama(), image_token_id=IMG, scale_factor=2)
    return (
        T.Idefics3ForConditionalGeneration(c),
        dict(input_ids=ids_for(4), pixel_values=px(1, 1, 3, 32, 32)),
    )


def smolvlm():
    vc = dict(VISION)
    c = T.SmolVLMConfig(vision_config=vc, text_config=llama(), image_token_id=IMG, scale_factor=2)
    return (
        T.SmolVLMForConditionalGeneration(c),
        dict(input_ids=ids_for(4), pixel_values=px(1, 1, 3, 32, 32)),
    )


def mllama():
    tc = dict(
        TEXT,
        cross_attention_layers=[1, 3],
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )
    vc = dict(
        hidden_size=32,
        num_hidden_layers=NV,
        num_global_layers=1,
        attention_heads=4,
        intermediate_size=64,
        vision_output_dim=64,
        image_size=32,
        patch_size=8,
        max_num_tiles=2,
        intermediate_layers_indices=[0],
        supported_aspect_ratios=[[1, 1], [1, 2], [2, 1]],
    )
    c = T.MllamaConfig(vision_config=vc, text_config=tc, image_token_index=IMG)
    ids = ids_for(1)
    cam = torch.zeros(1, ids.shape[1], 1, 2, dtype=torch.long)
    cam[:, 3:, 0, 0] = 1
    return (
        T.MllamaForConditionalGeneration(c),
        dict(
            input_ids=ids,
            pixel_values=px(1, 1, 2, 3, 32, 32),
            aspect_ratio_ids=torch.tensor([[1]]),
            aspect_ratio_mask=torch.tensor([[[1, 0]]]),
            cross_attention_mask=cam,
        ),
    )


def _opt():
    return T.OPTConfig(
        vocab_size=VOCAB,
        hidden_size=H,
        ffn_dim=INNER,
        num_hidden_layers=NL,
        num_attention_heads=NH,
        word_embed_proj_dim=H,
        max_position_embeddings=256,
        pad_token_id=1,
        bos_token_id=2,
        eos_token_id=2,
    )


def _t5():
    return T.T5Config(
        vocab_size=VOCAB,
        d_model=H,
        d_kv=12,
        d_ff=INNER,
        num_layers=NL,
        num_decoder_layers=NL,
        num_heads=NH,
        feed_forward_proj="gated-gelu",
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
        tie_word_embeddings=False,
    )


def _bv():
    return dict(VISION)


def _qf(**k):
    return dict(
        vocab_size=60,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        cross_attention_frequency=2,
        max_position_embeddings=64,
        **k,
    )


def blip2_opt():
    c = T.Blip2Config(
        vision_config=_bv(),
        qformer_config=_qf(),
        text_config=_opt(),
        num_query_tokens=4,
        image_token_index=IMG,
    )
    return (
        T.Blip2ForConditionalGeneration(c),
        dict(input_ids=ids_for(4), pixel_values=px(1, 3, 32, 32)),
    )


def instructblip_vicuna():
    c = T.InstructBlipConfig(
        vision_config=_bv(),
        qformer_config=_qf(),
        text_config=llama(),
        num_query_tokens=4,
        image_token_index=IMG,
    )
    return (
        T.InstructBlipForConditionalGeneration(c),
        dict(
            input_ids=ids_for(4),
            pixel_values=px(1, 3, 32, 32),
            qformer_input_ids=torch.randint(
                3, 50, (1, 5), generator=torch.Generator().manual_seed(1)
            ),
        ),
    )


def instructblip_t5():
    c = T.InstructBlipConfig(
        vision_config=_bv(),
        qformer_config=_qf(),
        text_config=_t5(),
        num_query_tokens=4,
        image_token_index=IMG,
    )
    return (
        T.InstructBlipForConditionalGeneration(c),
        dict(
            input_ids=ids_for(4),
            pixel_values=px(1, 3, 32, 32),
            qformer_input_ids=torch.randint(
                3, 50, (1, 5), generator=torch.Generator().manual_seed(1)
            ),
            decoder_input_ids=torch.tensor([[0, 7, 8, 9]]),
        ),
    )


def _gem(cls, **k):
    return cls(
        vocab_size=VOCAB,
        hidden_size=H,
        intermediate_size=INNER,
        num_hidden_layers=NL,
        num_attention_heads=NH,
        num_key_value_heads=NKV,
        head_dim=16,
        max_position_embeddings=256,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        **k,
    )


def paligemma():
    c = T.PaliGemmaConfig(
        vision_config=siglipv(),
        text_config=_gem(T.GemmaConfig),
        image_token_index=IMG,
        projection_dim=H,
        hidden_size=H,
    )
    ids = ids_for(16)
    return (
        T.PaliGemmaForConditionalGeneration(c),
        dict(input_ids=ids, pixel_values=px(1, 3, 32, 32), token_type_ids=torch.zeros_like(ids)),
    )


def paligemma2():
    c = T.PaliGemmaConfig(
        vision_config=siglipv(),
        text_config=_gem(T.Gemma2Config, query_pre_attn_scalar=16, sliding_window=8),
        image_token_index=IMG,
        projection_dim=H,
        hidden_size=H,
    )
    ids = ids_for(16)
    return (
        T.PaliGemmaForConditionalGeneration(c),
        dict(input_ids=ids, pixel_values=px(1, 3, 32, 32), token_type_ids=torch.zeros_like(ids)),
    )


def gemma3():
    tc = _gem(
        T.Gemma3TextConfig,
        query_pre_attn_scalar=16,
        sliding_window=8,
        layer_types=[
            "sliding_attention",
            "sliding_attention",
            "full_attention",
            "sliding_attention",
        ],
    )
    c = T.Gemma3Config(
        vision_config=siglipv(),
        text_config=tc,
        image_token_index=IMG,
        boi_token_index=IMG + 2,
        eoi_token_index=IMG + 3,
        mm_tokens_per_image=4,
    )
    ids = ids_for(4, post=14)
    return (
        T.Gemma3ForConditionalGeneration(c),
        dict(input_ids=ids, pixel_values=px(1, 3, 32, 32), token_type_ids=(ids == IMG).long()),
    )


def kosmos2():
    tc = dict(
        vocab_size=VOCAB,
        embed_dim=H,
        layers=NL,
        ffn_dim=INNER,
        attention_heads=NH,
        max_position_embeddings=256,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )
    vc = dict(VISION)
    c = T.Kosmos2Config(text_config=tc, vision_config=vc, latent_query_num=4)
    ids = ids_for(4)
    return (
        T.Kosmos2ForConditionalGeneration(c),
        dict(
            input_ids=ids,
            pixel_values=px(1, 3, 32, 32),
            image_embeds_position_mask=(ids == IMG).long(),
        ),
    )


def florence2():
    tc = T.BartConfig(
        vocab_size=VOCAB,
        d_model=H,
        encoder_layers=NL,
        decoder_layers=NL,
        encoder_ffn_dim=INNER,
        decoder_ffn_dim=INNER,
        encoder_attention_heads=NH,
        decoder_attention_heads=NH,
        max_position_embeddings=256,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        decoder_start_token_id=2,
        forced_eos_token_id=None,
    )
    vc = T.Florence2VisionConfig(
        depths=[1, 1],
        patch_size=[7, 3],
        patch_stride=[4, 2],
        patch_padding=[3, 1],
        patch_prenorm=[False, True],
        embed_dim=[16, 32],
        num_heads=[2, 4],
        num_groups=[2, 4],
        window_size=4,
        projection_dim=H,
    )
    c = T.Florence2Config(vision_config=vc, text_config=tc, image_token_id=IMG)
    return (
        T.Florence2ForConditionalGeneration(c),
        dict(
            input_ids=ids_for(17),
            pixel_values=px(1, 3, 32, 32),
            decoder_input_ids=torch.tensor([[2, 7, 8, 9, 10]]),
        ),
    )


def aya_vision():
    tc = T.Cohere2Config(
        vocab_size=VOCAB,
        hidden_size=H,
        intermediate_size=INNER,
        num_hidden_layers=NL,
        num_attention_heads=NH,
        num_key_value_heads=NKV,
        max_position_embeddings=256,
        sliding_window=8,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        layer_types=[
            "sliding_attention",
            "sliding_attention",
            "full_attention",
            "sliding_attention",
        ],
    )
    c = T.AyaVisionConfig(vision_config=siglipv(), text_config=tc, image_token_index=IMG)
    return (
        T.AyaVisionForConditionalGeneration(c),
        dict(input_ids=ids_for(4, post=12), pixel_values=px(1, 3, 32, 32)),
    )


def mistral3():
    vc = T.PixtralVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=NV,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
    )
    c = T.Mistral3Config(vision_config=vc, text_config=mistral(), image_token_index=IMG)
    return (
        T.Mistral3ForConditionalGeneration(c),
        dict(
            input_ids=ids_for(4),
            pixel_values=px(1, 3, 32, 32),
            image_sizes=torch.tensor([[32, 32]]),
        ),
    )


def janus():
    vc = dict(
        hidden_size=32,
        num_hidden_layers=NV,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
        mlp_ratio=2.0,
        projection_dim=H,
    )
    vq = dict(
        embed_dim=8,
        num_embeddings=16,
        latent_channels=32,
        base_channels=32,
        channel_multiplier=[1, 1],
        num_res_blocks=1,
        projection_dim=H,
        image_token_embed_dim=H,
    )
    c = T.JanusConfig(text_config=llama(), vision_config=vc, vq_config=vq, image_token_id=IMG)
    return (
        T.JanusForConditionalGeneration(c),
        dict(input_ids=ids_for(16), pixel_values=px(1, 3, 32, 32)),
    )


def reinit(model, seed=0):
    """every parameter made generic: several modules are initialised with zeros (mllama gates,
    gemma3 projector, query tokens...)
    """
    g = torch.Generator().manual_seed(seed)
    for _, p in model.named_parameters():
        if p.numel() == 1:
            p.data.uniform_(0.6, 1.2, generator=g)
        elif p.dim() >= 2:
            p.data.normal_(0, 1.0 / max(p[0].numel(), 1) ** 0.5, generator=g)
        else:
            p.data.add_(torch.randn(p.shape, generator=g) * 0.3)


FAMILIES = {
    build.__name__: build
    for build in (
        llava,
        llava_next,
        llava_onevision,
        qwen2_vl,
        qwen2_5_vl,
        qwen3_vl,
        internvl,
        idefics2,
        idefics3,
        smolvlm,
        mllama,
        blip2_opt,
        instructblip_vicuna,
        instructblip_t5,
        paligemma,
        paligemma2,
        gemma3,
        kosmos2,
        florence2,
        aya_vision,
        mistral3,
        janus,
    )
}


def family(name):
    """A model of the family, every parameter random, and its inputs. Families that start with zeros
    would hide errors.
    """
    model, inputs = FAMILIES[name]()
    reinit(model)
    return model.eval(), inputs


def built(name, dtype=torch.float32):
    """A family's model, inputs and anatomy, made once."""
    return _built(name, dtype)


@cache
@torch.inference_mode(False)
def _built(name, dtype):
    model, inputs = family(name)
    inputs = {
        key: value.to(dtype) if value.is_floating_point() else value
        for key, value in inputs.items()
    }
    return model.to(dtype), inputs, find_anatomy(model)


@torch.inference_mode()
def logits(name, dtype=torch.float32):
    model, inputs, _ = built(name, dtype)
    return model(**inputs, use_cache=False).logits


@torch.inference_mode()
def generated(name):
    """Three tokens of greedy generation for a left-padded pair of questions: tokens and logits."""
    model, inputs, _ = built(name)
    return model.generate(
        **left_padded_pair(inputs),
        do_sample=False,
        max_new_tokens=3,
        min_new_tokens=3,
        return_dict_in_generate=True,
        output_logits=True,
    )


def attentions_and_mlps(name):
    """One (stack, layer, part) of each kind of part in each stack of a family, in its last layer
    that has it and is read.
    """
    anatomy, found = built(name)[2], {}
    for stack, layers in anatomy.stacks.items():
        for i, layer in enumerate(layers):
            found.update(
                {(stack, part): (stack, i, part) for part in layer.parts if not layer.dead}
            )
    return list(found.values())


def left_padded_pair(inputs):
    """The inputs twice, as one batch: the first a token shorter and padded on the left."""
    length = inputs["input_ids"].shape[1]
    pair = {}
    for name, value in inputs.items():
        if name != "decoder_input_ids" and value.ndim >= 2 and value.shape[:2] == (1, length):
            shorter = torch.cat([torch.zeros_like(value[:, :1]), value[:, :-1]], 1)
            pair[name] = torch.cat([shorter, value])
        else:
            pair[name] = torch.cat([value, value])
    pair["attention_mask"] = torch.ones(2, length, dtype=torch.long)
    pair["attention_mask"][0, 0] = 0
    return pair
