"""Every family of `AutoModelForImageTextToText`: exact, refused with a sentence, or not buildable here and why."""

import pytest
import torch
import transformers
from families import reinit
from transformers import PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

from talo_mini import BadInput, Knockout, knockout, zeroed_weights
from talo_mini.anatomy import find_anatomy

SMALL = dict(
    hidden_size=48, d_model=48, embed_dim=48, n_embd=48, dim=48, width=48, out_hidden_size=48, projection_dim=48, output_dim=48,
    intermediate_size=64, ffn_dim=64, encoder_ffn_dim=64, decoder_ffn_dim=64, d_ff=64, moe_intermediate_size=32,
    shared_expert_intermediate_size=32, moe_shared_expert_intermediate_size=32, intermediate_size_mlp=64,
    dense_intermediate_size=64, num_hidden_layers=4, num_layers=4, encoder_layers=3, decoder_layers=3, layers=4, n_layer=4, depth=3,
    num_decoder_layers=3, num_attention_heads=4, attention_heads=4, n_head=4, num_heads=4, encoder_attention_heads=4,
    decoder_attention_heads=4, num_key_value_heads=2, num_kv_heads=2, head_dim=12, d_kv=12, vocab_size=300,
    max_position_embeddings=256, num_experts=4, num_local_experts=4, n_routed_experts=4, num_experts_per_tok=2, n_group=1,
    topk_group=1, moe_topk=2, image_size=32, patch_size=8, num_global_layers=1)
table = {}


def shrink(config):
    """The same configuration with small sizes, in place."""
    for key, value in list(vars(config).items()):
        if isinstance(value, PreTrainedConfig):
            shrink(value)
        elif key in SMALL and isinstance(value, int) and not isinstance(value, bool):
            setattr(config, key, min(value, SMALL[key]))
        elif key.endswith("token_id") and isinstance(value, int) and value >= 300:
            setattr(config, key, 290)
        elif key == "rope_parameters" and isinstance(value, dict) and "mrope_section" in value:
            half = int(SMALL["head_dim"] * value.get("partial_rotary_factor", 1)) // 2
            value["mrope_section"] = [half - 2 * (half // 3), half // 3, half // 3]
        elif key == "layer_types" and isinstance(value, list):
            kinds = list(dict.fromkeys(value))  # every kind of layer is kept
            setattr(config, key, (kinds + value)[:4])
    return config


def check(name):
    """"exact", or why not."""
    config = CONFIG_MAPPING[name]()
    try:
        shrink(config)
        model_class = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING[type(config)]
        with torch.device("meta"):
            size = sum(p.numel() for p in model_class(config).parameters())
        if size > 60e6:
            return f"not buildable here: {size / 1e6:.0f} million parameters after shrinking"
        model = model_class(config).eval()
    except Exception as error:
        return f"not buildable here: {type(error).__name__}: {str(error).splitlines()[0][:90]}"
    try:
        anatomy = find_anatomy(model)
    except BadInput as error:
        return f"refused: {error}"
    reinit(model)
    inputs = dict(input_ids=torch.arange(3, 13)[None])
    if getattr(config, "is_encoder_decoder", False):
        inputs["decoder_input_ids"] = torch.arange(3, 8)[None]

    @torch.inference_mode()
    def logits():
        return model(**inputs, use_cache=False).logits

    try:
        base = logits()
    except Exception as error:
        return f"not runnable on text alone: {type(error).__name__}: {str(error).splitlines()[0][:90]}"
    if not torch.isfinite(base).all():
        return "not runnable on text alone: logits are not finite"
    for i, layer in enumerate(anatomy.stacks["decoder"]):
        for part in layer.parts if "cross-attention" not in layer.parts else ():  # which needs a picture
            with knockout(anatomy, Knockout(part, i)):
                hooked = logits()
            with zeroed_weights(anatomy, Knockout(part, i)):
                zeroed = logits()
            assert not torch.equal(hooked, base), f"{name}: {part} of layer {i} changes nothing"
            assert torch.equal(hooked, zeroed), f"{name}: {part} of layer {i}, {(hooked - zeroed).abs().max()}"
    assert torch.equal(logits(), base)
    return "exact"


@pytest.mark.parametrize("name", sorted(CONFIG_MAPPING[c].model_type if isinstance(c, str) else c.model_type
                                        for c in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING.keys()))
def test_family(name):
    table[name] = check(name)


def test_table(capsys):
    with capsys.disabled():
        print()
        for name, verdict in table.items():
            print(f"{name:28s} {verdict}")
