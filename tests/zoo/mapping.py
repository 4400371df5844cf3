"""Every family of `AutoModelForImageTextToText` by its default configuration, made tiny."""

import torch
from families import px, reinit
from transformers import PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

SMALL = dict(
    hidden_size=48,
    d_model=48,
    embed_dim=48,
    n_embd=48,
    dim=48,
    width=48,
    out_hidden_size=48,
    projection_dim=48,
    output_dim=48,
    intermediate_size=64,
    ffn_dim=64,
    encoder_ffn_dim=64,
    decoder_ffn_dim=64,
    d_ff=64,
    moe_intermediate_size=32,
    shared_expert_intermediate_size=32,
    moe_shared_expert_intermediate_size=32,
    intermediate_size_mlp=64,
    dense_intermediate_size=64,
    num_hidden_layers=4,
    num_layers=4,
    n_layers_per_attn_res_block=2,
    num_kv_shared_layers=0,  # zeroed weights would change what later layers reuse, too
    encoder_layers=3,
    decoder_layers=3,
    layers=4,
    n_layer=4,
    depth=3,
    num_decoder_layers=3,
    num_attention_heads=4,
    attention_heads=4,
    n_head=4,
    num_heads=4,
    encoder_attention_heads=4,
    decoder_attention_heads=4,
    num_key_value_heads=2,
    num_kv_heads=2,
    head_dim=12,
    d_kv=12,
    vocab_size=300,
    max_position_embeddings=256,
    num_experts=4,
    num_local_experts=4,
    n_routed_experts=4,
    num_experts_per_tok=2,
    n_group=1,
    topk_group=1,
    moe_topk=2,
    image_size=32,
    patch_size=8,
    num_global_layers=1,
    n_layers=4,
    moe_num_experts=4,
    moe_k=2,
    hidden_size_per_layer_input=16,
    vocab_size_per_layer_input=300,
    text_hidden_size=48,
    encoder_hidden_size=48,
    decoder_hidden_size=48,
    word_embed_proj_dim=48,
    projector_hidden_size=48,
    merged_hidden_size=192,
    moe_hidden_size=48,
    shared_intermediate_size=32,
    hidden_sizes=48,
    base_channels=32,
    adapter_in_dim=48,
    adapter_out_dim=48,
    adapter_input_size=48,
    num_query_tokens=4,
    linear_num_heads=4,
    linear_num_key_heads=4,
    linear_num_value_heads=4,
    linear_head_dim=12,
    linear_key_head_dim=12,
    linear_value_head_dim=12,
)
LATENT = {
    **SMALL,
    "head_dim": 999,
    "num_key_value_heads": 4,
}  # a latent attention: head sizes that fit each other, no groups
UNSET = dict(  # what a default configuration leaves open and every checkpoint sets
    vocabulary_map={"<image>": 290, "<|extra_200|>": 291},
    num_experts=4,
    top_k_experts=2,
    moe_intermediate_size=32,
    num_experts_per_tok=2,
    mlp_layer_types=["dense", "sparse", "sparse", "sparse"],
    head_dim=12,
    downsample_rate="1/2",
    deepstack_layer_map=[[0, 0]],
    indexer_n_heads=4,
    indexer_kv_heads=1,
    indexer_head_dim=12,
    indexer_budget=8,
    indexer_compress_ratio=2,
    sliding_window=8,
    video_token_index=290,
)
TIMM = {  # vision towers that are timm's: small ones of its own, for its tests
    "fast_vlm": dict(architecture="test_byobnet", model_args={}),
    "gemma3n": dict(architecture="test_efficientnet", model_args={}),
    "perception_lm": dict(architecture="test_vit", model_args=dict(embed_dim=48, num_heads=4)),
}
BY_HAND = {
    "blip-2": "blip2_opt",
    "instructblip": "instructblip_vicuna",
    "kosmos-2": "kosmos2",
}  # names in families.py
PICTURE = px(1, 1, 3, 32, 32)
INPUTS = {  # where text alone does not run
    "blip": dict(pixel_values=PICTURE[0]),
    "idefics": dict(pixel_values=PICTURE, image_attention_mask=torch.ones(1, 10, 1)),
    "instructblipvideo": dict(
        pixel_values=PICTURE,
        input_ids=torch.tensor([[290] * 4 + [3, 4, 5]]),
        qformer_input_ids=torch.tensor([[3, 4]]),
    ),
    "pi0": dict(
        pixel_values=PICTURE, pixel_attention_mask=torch.tensor([[True]]), state=torch.ones(1, 32)
    ),
    "pix2struct": dict(flattened_patches=torch.cat([torch.ones(1, 4, 2), px(1, 4, 768)], -1)),
    "pp_formulanet": dict(pixel_values=PICTURE[0]),
    "udop": dict(bbox=torch.arange(40).reshape(1, 10, 4) / 40),
    "vision-encoder-decoder": dict(pixel_values=PICTURE[0]),
}
NAMES = sorted(config.model_type for config in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING)


def shrink(config):
    """The same configuration with small sizes, in place."""
    config.per_layer_config = None  # it speaks of layers by number, most of which are gone
    small = LATENT if hasattr(config, "qk_rope_head_dim") else SMALL
    for key, value in list(vars(config).items()):
        if isinstance(value, PreTrainedConfig):
            shrink(value)
        elif value is None and key in UNSET:
            setattr(config, key, UNSET[key])
        elif key in small and isinstance(value, (list, tuple)):
            setattr(config, key, type(value)(min(v, small[key]) for v in value))
        elif key in small and type(value) is int:
            setattr(config, key, min(value, small[key]))
        elif key.endswith("token_id") and isinstance(value, int) and value >= 300:
            setattr(config, key, 290)
        elif key.endswith("layer_types") and isinstance(value, list):
            kinds = list(dict.fromkeys(value))  # every kind of layer is kept
            setattr(config, key, (kinds + value)[:4])
    if isinstance(getattr(config, "rope_parameters", None), dict):
        ropes = config.rope_parameters or {
            kind: dict(rope_type="default", rope_theta=1e4) for kind in config.layer_types
        }
        for rope in (
            ropes.values() if all(isinstance(rope, dict) for rope in ropes.values()) else [ropes]
        ):
            half = int(SMALL["head_dim"] * rope.get("partial_rotary_factor", 1)) // 2
            rope["mrope_section"] = [half - 2 * (half // 3), half // 3, half // 3]
        config.rope_parameters = ropes
    return config


def built(name):
    """A model of the family by its default configuration, shrunk, and inputs of text, with a
    picture only where it must.
    """
    config = shrink(CONFIG_MAPPING[name]())
    for key, value in TIMM.get(name, {}).items():
        setattr(config.vision_config, key, value)
    model_class = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING[type(config)]
    with torch.device("meta"):
        size = sum(p.numel() for p in model_class(config).parameters())
    if size > 60e6:
        raise ValueError(f"{size / 1e6:.0f} million parameters after shrinking")
    model = model_class(config).eval()
    reinit(model)
    inputs = {"input_ids": torch.arange(3, 13)[None], **INPUTS.get(name, {})}
    if getattr(config, "is_encoder_decoder", False):
        inputs["decoder_input_ids"] = torch.arange(3, 8)[None]
    return model, inputs
