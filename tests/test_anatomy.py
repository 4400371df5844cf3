import pytest
from torch import nn

from talo_mini import BadInput
from talo_mini.anatomy import find_anatomy


def test_tree(tiny):
    text = str(tiny.anatomy)
    assert "decoder: 4 layers at model.language_model.layers" in text
    assert "vision: 3 layers at model.vision_tower.encoder.layers" in text
    assert text.count("self-attention (4 heads), mlp") == 4


def test_parts_are_the_models_own_modules(tiny):
    layer = tiny.model.model.language_model.layers[2]
    for part, module in (("self-attention", layer.self_attn), ("mlp", layer.mlp), ("layer", layer)):
        assert [found for found in tiny.anatomy.part(part, 2).modules.values()] == [module]


def test_a_model_without_layers_raises_what_was_looked_for():
    class Odd(nn.Module):
        def get_decoder(self):
            return nn.Linear(2, 2)

    with pytest.raises(BadInput, match="Odd: no decoder layers understood; looked under get_decoder"):
        find_anatomy(Odd())
