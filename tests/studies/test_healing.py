import pytest

from talo_mini import load_benchmark, load_vlm
from talo_mini.studies import load_plants
from talo_mini.studies.healing import healed, steps_for, tuned_by_dose, untaught


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


def test_a_model_is_tuned_on_each_dose(tiny, monkeypatch):
    """How it is tuned is held elsewhere: here, on what and for how long."""

    def fine_tune(vlm, lesson, method, steps):
        assert vlm is tiny and lesson.forms == ("direct",)
        return method, [question.id for question in lesson.questions], steps

    monkeypatch.setattr("talo_mini.studies.healing.fine_tune", fine_tune)
    tasks = ["more", "object_colour"]
    models = tuned_by_dose(tiny, "mini-worlds-train", tasks, [2, 50], "direct", "lora")
    assert list(models) == [0, 2, 50] and models[0] is tiny
    for dose in (2, 50):
        lesson = load_benchmark("mini-worlds-train", tasks=tasks, per_task=dose, form="direct")
        ids = [question.id for question in lesson.questions]
        assert models[dose] == ("lora", ids, steps_for(dose, 2)) and len(ids) == 2 * dose


def test_what_is_untaught_is_in_no_lesson():
    tasks = ["more", "object_colour"]
    lesson = load_benchmark("mini-worlds-train", tasks=tasks, per_task=5, form="direct")
    rest = untaught("mini-worlds-train", tasks, "direct", taught=5, per_task=3)
    assert not {q.id for q in rest.questions} & {q.id for q in lesson.questions}
    assert [q.task for q in rest.questions].count("more") == 3 and len(rest.questions) == 6
    assert rest.forms == ("direct",)
