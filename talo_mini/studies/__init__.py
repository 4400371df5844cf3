"""What needs a model and an analysis: selection, attribution, explaining, plants, fine-tuning."""

from .attribution import attribution, confirm, exact_change, neuron_attribution, ranking
from .explain import attention_shares, lens_with, logit_lens, written_words
from .fewshot import few_shot, few_shot_runs
from .finetuning import fine_tune, merged
from .planting import Plant, load_plants, make_plant, mark, planted, save_plants, to_spoil
from .selection import bypass_gain, greedy_layers, select_layer

__all__ = [
    "Plant",
    "attention_shares",
    "attribution",
    "bypass_gain",
    "confirm",
    "exact_change",
    "few_shot",
    "few_shot_runs",
    "fine_tune",
    "greedy_layers",
    "lens_with",
    "load_plants",
    "logit_lens",
    "make_plant",
    "mark",
    "merged",
    "neuron_attribution",
    "planted",
    "ranking",
    "save_plants",
    "select_layer",
    "to_spoil",
    "written_words",
]
