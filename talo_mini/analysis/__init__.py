"""Where numbers are read: vectors, similarity, TaLo and statistics over a table of outcomes; no
torch.
"""

from .room import room_to_gain
from .similarity import (
    ability_contrast,
    carried_over,
    cluster_order,
    nearest_in_ability,
    shared_structure,
    similarity,
    similarity_ceiling,
    transfer,
    vector_agreement,
)
from .talo import choose_layer, shots_curve, talo_draws, talo_gains
from .vectors import (
    above_chance,
    gain_kind,
    has_room,
    interaction_vectors,
    matrix,
    task_accuracy,
    tasks_above_chance,
)

__all__ = [
    "ability_contrast",
    "above_chance",
    "carried_over",
    "choose_layer",
    "cluster_order",
    "gain_kind",
    "has_room",
    "interaction_vectors",
    "matrix",
    "nearest_in_ability",
    "room_to_gain",
    "shared_structure",
    "shots_curve",
    "similarity",
    "similarity_ceiling",
    "talo_draws",
    "talo_gains",
    "task_accuracy",
    "tasks_above_chance",
    "transfer",
    "vector_agreement",
]
