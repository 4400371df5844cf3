import json
from dataclasses import replace

import pytest
from checkpoints import git
from families import reinit

from talo_mini import (
    VLM,
    BadInput,
    Choice,
    Knockout,
    evaluate,
    knockout,
    load_benchmark,
    load_vlm,
    sweep,
    talo,
)
from talo_mini.analysis.rules import choose_layer
from talo_mini.outcomes.table import BASE, aligned

TASKS = ["more", "object_colour", "digit_left"]


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", TASKS, 24, "choice")


@pytest.fixture(scope="module")
def choice(tiny, benchmark):
    """Random weights are as good as chance, so that luck lets something win at most tasks."""
    return talo(tiny, benchmark, ["self-attention", "mlp", "head 1"], shots=6)


def test_chosen_on_the_probe_and_measured_on_the_rest(tiny, benchmark, choice):
    probe, rest = benchmark.split(6)
    assert any(task.layer is not None for task in choice.tasks)
    for chosen in choice.tasks:
        wide = aligned(
            sweep(tiny, probe.subset([chosen.task]), ["self-attention", "mlp", "head 1"])
        )
        base = wide.pop(("base", BASE))
        order = [(p, i) for p in ("self-attention", "mlp", "head 1") for i in range(4)]
        best = choose_layer(base.to_numpy(), wide[order].to_numpy())
        own = rest.subset([chosen.task])
        before = [a == q.answer for a, q in zip(answers(tiny, own), own.questions, strict=True)]
        assert chosen.questions == len(own.questions) and chosen.base == sum(before) / len(before)
        if best == -1:
            assert chosen.layer is None and chosen.gain == 0 and chosen.p is None
            continue
        assert (chosen.part, chosen.layer) == order[best]
        with choice(tiny, chosen.task):
            after = [a == q.answer for a, q in zip(answers(tiny, own), own.questions, strict=True)]
        assert chosen.accuracy == pytest.approx(sum(after) / len(after))
        assert chosen.gain == pytest.approx(chosen.accuracy - chosen.base)
        assert chosen.low <= chosen.gain <= chosen.high and 0 <= chosen.p <= chosen.q <= 1


def answers(vlm, benchmark):
    """The option each question is answered with, by a sweep of no part."""
    table = sweep(vlm, benchmark, parts=[])
    return table.answer.tolist()


def test_no_picture_both_chooses_and_measures(tiny, benchmark, choice):
    probe, rest = benchmark.split(6)
    assert set(choice.probe_pictures) == {question.pictures[0] for question in probe.questions}
    assert not set(choice.probe_pictures) & {question.pictures[0] for question in rest.questions}
    again = evaluate(tiny, benchmark, choice)
    assert again == choice.tasks
    with pytest.raises(BadInput, match="all its questions are about pictures that chose"):
        evaluate(tiny, probe, choice)


def test_a_file_says_the_same(tmp_path, choice):
    path = choice.save(tmp_path / "choice.json")
    assert Choice.load(path) == choice
    assert json.loads(path.read_text())["tasks"][0]["task"] == choice.tasks[0].task
    assert str(choice.shots) in str(choice) and TASKS[0] in str(choice)
    assert list(choice.table().task) == [task.task for task in choice.tasks]


def test_what_cannot_be_told_is_no_number_and_a_file_is_whole_or_as_it_was(tmp_path, choice):
    path = choice.save(tmp_path / "choice.json")
    unsure = replace(choice.tasks[0], low=float("nan"), high=float("nan"))
    told = replace(choice, tasks=(unsure, *choice.tasks[1:]))
    again = Choice.load(told.save(path))
    assert again.tasks[0].low is None and again.tasks[1:] == choice.tasks[1:]
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(BadInput, match="cannot be written"):
        choice.save(tmp_path / "no folder" / "choice.json")


def with_task(file, **fields):
    """A file whose first task tells other numbers; it gains nothing but what they say."""
    first = file["tasks"][0] | dict(base=0.5, accuracy=0.5, gain=0.0) | fields
    return file | {"tasks": [first, *file["tasks"][1:]]}


@pytest.mark.parametrize(
    "spoil, told",
    [
        (lambda file: file | {"schema": "another"}, "this version reads"),
        (lambda file: {k: v for k, v in file.items() if k != "digest"}, "'digest'"),
        (lambda file: file | {"more": 1}, "'more'"),
        (lambda file: file | {"tasks": [{"task": "t"}]}, "TaskChoice"),
        (lambda file: file | {"effect": "zzz"}, "unknown effect"),
        (lambda file: [], "no choice"),
        (lambda file: file | {"tasks": [file["tasks"][0] | {"part": None, "layer": 0}]}, "both"),
        (lambda file: file | {"tasks": [file["tasks"][0] | {"layer": "1"}]}, "a whole number or"),
        (
            lambda file: file | {"tasks": [file["tasks"][0] | {"layer": True}]},
            "'layer' in its T",
        ),
        (lambda file: file | {"tasks": [file["tasks"][0] | {"task": None}]}, "has a text there"),
        (lambda file: file | {"tasks": [file["tasks"][0] | {"gain": float("nan")}]}, "a number th"),
        (lambda file: file | {"tasks": file["tasks"][:1] * 2}, "names task .* twice"),
        (lambda file: file | {"tasks": None}, "'tasks' in its Choice is 'None'"),
        (lambda file: file | {"tasks": {"x": 1}}, "has a list there"),
        (lambda file: file | {"probe_pictures": "abc"}, "'probe_pictures' in .* has a list there"),
        (lambda file: file | {"probe_pictures": None}, "'probe_pictures' in its Choice is 'None'"),
        (lambda file: file | {"probe_pictures": []}, "names no picture that chose"),
        (lambda file: file | {"versions": ["x"]}, "has an object there"),
        (lambda file: with_task(file, accuracy=1.5, base=1.0, gain=0.5), "has accuracy 1.5"),
        (lambda file: with_task(file, chance=25.0), "has chance 25.0"),
        (lambda file: with_task(file, gain=0.9, base=0.0, accuracy=0.1), "a gain of 0.9 from 0.0"),
        (lambda file: with_task(file, low=0.5, high=0.7), "outside its interval"),
        (lambda file: with_task(file, questions=3, pictures=4), "3 questions about 4 pictures"),
        (lambda file: with_task(file, probe_gain=-2.0), "probe_gain -2.0"),
    ],
)
def test_a_spoiled_file_is_refused(tmp_path, choice, spoil, told):
    path = choice.save(tmp_path / "choice.json")
    path.write_text(json.dumps(spoil(json.loads(path.read_text()))))
    with pytest.raises(BadInput, match=told):
        Choice.load(path)
    path.write_text("{")
    with pytest.raises(BadInput, match="is no choice"):
        Choice.load(path)
    path.write_text('{"model": "a", "model": "b"}')
    with pytest.raises(BadInput, match="'model' is written twice"):
        Choice.load(path)
    with pytest.raises(BadInput, match="cannot be read"):
        Choice.load(tmp_path / "none.json")


def test_a_stream_of_tasks_in_one_call(tiny, benchmark, choice):
    _, rest = benchmark.split(6)
    mixed = rest.only(sorted(rest.questions, key=lambda question: question.digest))
    written = choice.generate(tiny, mixed, max_new_tokens=3, batch=7)
    for task in TASKS:
        own = [question for question in mixed.questions if question.task == task]
        with choice(tiny, task):
            alone = tiny.generate(own, mixed.prompt, max_new_tokens=3)
        asked = zip(mixed.questions, written, strict=True)
        assert [text for question, text in asked if question.task == task] == alone


def test_a_model_that_padding_changes_is_asked_questions_of_one_length_at_once(benchmark, choice):
    model, processor = git()
    reinit(model)
    vlm = VLM("git", model.eval(), processor)
    questions = benchmark.subset(per_task=2).questions
    assert len(set(map(len, vlm.tokens(questions, "bare")))) > 1
    together = choice.generate(vlm, questions, max_new_tokens=3, strict=False)
    alone = choice.generate(vlm, questions, max_new_tokens=3, batch=1, strict=False)
    assert together == alone and len(set(alone)) > 1


def test_attached_until_detached(tiny, benchmark, choice):
    task = next(task.task for task in choice.tasks if task.layer is not None)
    questions = benchmark.subset([task], 4).questions
    whole = tiny.last_logits(tiny.inputs(questions))
    with knockout(tiny, *choice.knockouts(task)):
        without = tiny.last_logits(tiny.inputs(questions))
    held = choice.attach(tiny, task)
    assert (tiny.last_logits(tiny.inputs(questions)) == without).all()
    held.detach()
    assert (tiny.last_logits(tiny.inputs(questions)) == whole).all()


def test_another_model_or_prompt_is_refused(tiny, benchmark, choice):
    from conftest import tiny_llava

    other, (task, *_) = tiny_llava(1), TASKS
    with pytest.raises(BadInput, match="the choice is of tiny-0"), choice(other, task):
        pass
    with choice(other, task, strict=False):
        other.last_logits(other.inputs(benchmark.subset([task], 2)))
    told = benchmark.with_prompt("vlmevalkit")
    with pytest.raises(BadInput, match="made under the prompt bare-"):
        choice.generate(tiny, told)
    with pytest.raises(BadInput, match="made under the prompt bare-"):
        evaluate(tiny, told, choice)
    with pytest.raises(BadInput, match="another processor"):
        replace(choice, reading="00000000").check(tiny)
    with pytest.raises(BadInput, match="has no task 'map_west'"):
        choice.knockouts("map_west")


def test_questions_of_another_form_are_refused(tiny, choice):
    """Options that are not shown may be answered by other layers."""
    direct = load_benchmark("mini-worlds", TASKS, 24, "direct")
    told = "made on questions in the form 'choice', and these are in the form 'direct'"
    with pytest.raises(BadInput, match=told):
        evaluate(tiny, direct, choice)
    with pytest.raises(BadInput, match=told):
        choice.generate(tiny, direct)
    with pytest.raises(BadInput, match=told):
        choice.generate(tiny, load_benchmark("mini-worlds", TASKS, 2).questions)
    assert len(evaluate(tiny, direct, choice, strict=False)) == len(TASKS)
    assert len(choice.generate(tiny, direct.questions[:2], strict=False)) == 2


def test_another_state_of_the_same_weights_is_refused(benchmark):
    """An adapter that is off or scaled, an attribute: the weights are as they were."""
    from conftest import tiny_llava
    from peft import LoraConfig, get_peft_model
    from peft.tuners.lora import LoraLayer

    plain, few = tiny_llava(), benchmark.subset(per_task=6)
    config = LoraConfig(target_modules=["q_proj"], r=2, init_lora_weights=False)
    model = get_peft_model(plain.model, config).eval()
    vlm = VLM("adapted", model, plain.processor)
    chosen = talo(vlm, few, shots=3)
    chosen.check(vlm)
    layers = [module for module in model.modules() if isinstance(module, LoraLayer)]
    for change, undo in (
        (model.base_model.disable_adapter_layers, model.base_model.enable_adapter_layers),
        (lambda: layers[0].scale_layer(5), lambda: layers[0].unscale_layer(5)),
    ):
        change()
        with pytest.raises(BadInput, match="the choice is of adapted in another state"):
            chosen.check(vlm)
        undo()
        chosen.check(vlm)


def test_a_loaded_model_is_told_as_it_was_loaded(benchmark):
    vlm = load_vlm("llava-mini", device="cpu")
    chosen = talo(vlm, benchmark.subset(per_task=6), shots=3)
    assert chosen.digest == vlm.digest
    vlm.model.get_decoder().layers[0].self_attn.scaling *= 3
    with pytest.raises(BadInput, match="the choice is of llava-mini in another state"):
        chosen.check(vlm)


def test_what_cannot_be_chosen_is_refused(tiny, benchmark):
    both = load_benchmark("mini-worlds", TASKS, 4)
    with pytest.raises(BadInput, match="of 2 forms"):
        talo(tiny, both, shots=2)
    with pytest.raises(BadInput, match="'released' draws several"):
        talo(tiny, benchmark, rule="released")
    with pytest.raises(BadInput, match="parts= is empty"):
        talo(tiny, benchmark, parts=[])
    for effect in ("noise 1", "mean"):
        with pytest.raises(BadInput, match="cannot hold the effect"):
            talo(tiny, benchmark, effect=effect)


def test_a_cautious_choice_abstains_where_luck_would_do(tiny, benchmark):
    cautious = talo(tiny, benchmark, shots=6, rule="cautious")
    assert all(task.layer is None for task in cautious.tasks)
    assert cautious.knockouts(TASKS[0]) == ()


def test_a_scale_is_applied_as_it_was_chosen(tiny, benchmark):
    parts = ["self-attention", "mlp"]
    scaled = talo(tiny, benchmark, parts, shots=3, seed=1, effect="scale -2")
    chosen = next(task for task in scaled.tasks if task.layer is not None)
    wanted = Knockout(chosen.part, chosen.layer, "scale", amount=-2.0)
    assert scaled.knockouts(chosen.task) == (wanted,)
