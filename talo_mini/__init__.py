"""talo-mini: see, check and use task-interfering layers in vision-language models (arXiv 2602.01167)."""

from .benchmarks import load_benchmark
from .headline import save_headline
from .interaction import (ability_contrast, cluster_order, gain_kind, interaction_vectors, matrix, shared_structure, similarity,
                          similarity_ceiling, task_accuracy, transfer)
from .knockout import Knockout, knockout, zeroed_weights
from .outcomes import check_outcomes
from .prompts import write_prompt
from .questions import BadInput, Benchmark, Question, Task
from .selection import select_layer
from .sweep import sweep
from .talo import choose_layer, shots_curve, talo_draws, talo_gains
from .vlm import VLM, load_vlm, parse_answer

__version__ = "0.1.0"
__all__ = ["VLM", "BadInput", "Benchmark", "Knockout", "Question", "Task", "ability_contrast", "check_outcomes",
           "choose_layer", "cluster_order", "gain_kind", "interaction_vectors", "knockout", "load_benchmark", "load_vlm", "matrix",
           "parse_answer", "save_headline", "select_layer", "shared_structure", "shots_curve", "similarity", "similarity_ceiling", "sweep", "talo_draws", "talo_gains", "task_accuracy",
           "transfer", "write_prompt", "zeroed_weights"]
