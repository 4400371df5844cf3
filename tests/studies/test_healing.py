import pytest

from talo_mini import load_vlm
from talo_mini.studies import load_plants
from talo_mini.studies.healing import healed, steps_for


def test_a_planted_layer_costs_most_before_training():
    """Ten questions of the spoiled task, on one plant; the dose of 0 is the planted model."""
    vlm = load_vlm("llava-mini")
    plant = load_plants("llava-mini")[0]
    found = healed(vlm, [plant], [10], per_task=24).set_index("questions")
    assert list(found.index) == [0, 10] and (found.plant == plant.name).all()
    assert found.delta[0] > 0.2 and found.base[10] > found.base[0]


@pytest.mark.parametrize("per_task,tasks,steps", [(1, 1, 10), (50, 2, 62), (200, 2, 75)])
def test_few_questions_are_read_ten_times_and_many_three_times(per_task, tasks, steps):
    assert steps_for(per_task, tasks) == steps
