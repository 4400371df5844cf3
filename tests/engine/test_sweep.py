import copy
import dataclasses
import importlib
import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
import transformers

from talo_mini import BadInput, Knockout, Written, knockout, load_benchmark, sweep
from talo_mini.benchmarks.prompts import PROMPTS, prompt_key
from talo_mini.benchmarks.questions import Task
from talo_mini.engine.batches import batches
from talo_mini.engine.key import MEANING
from talo_mini.engine.logits import hooked_logits, replayed_logits
from talo_mini.engine.replay import CannotReplay
from talo_mini.engine.sweep import kept_outcomes
from talo_mini.interventions import zeroed_weights
from talo_mini.interventions.effects import EFFECTS
from talo_mini.models.asked import Wanted
from talo_mini.models.scoring import scores
from talo_mini.outcomes import check_outcomes
from talo_mini.outcomes.table import UNSCORED, correctness

module = importlib.import_module(
    "talo_mini.engine.sweep"
)  # the package's name `sweep` is the function


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", tasks=["object_colour", "more"], per_task=5)


@pytest.fixture(scope="module")
def table(tiny, benchmark):
    return sweep(tiny, benchmark, parts=("self-attention", "layer"))


def test_a_row_a_question_and_knockout(table, benchmark):
    check_outcomes(table)
    assert len(table) == len(benchmark.questions) * (1 + 2 * 4)
    assert set(table.part) == {"base", "self-attention", "layer"}
    assert list(table[table.part == "base"].question) == [q.id for q in benchmark.questions]


def test_scores_are_those_of_the_hooked_model(tiny, benchmark, table):
    for q in benchmark.questions[::7]:
        with knockout(tiny.anatomy, Knockout("layer", 2)):
            expected = scores(tiny, [q], tiny.last_logits(tiny.inputs([q])))[0]
        row = table[(table.question == q.id) & (table.part == "layer") & (table.layer == 2)].iloc[0]
        assert np.allclose(row.scores, expected, atol=1e-4)
        assert row.answer == expected.argmax() and row.correct == (row.answer == q.answer)


def test_scores_are_the_log_probabilities_of_the_options(tiny, benchmark, monkeypatch):
    """Questions of both forms in one batch, with options of one token and of two."""
    questions = [
        *benchmark.subset(form="choice").questions[:3],
        *benchmark.subset(form="direct").questions[:3],
    ]
    logits = torch.randn(6, len(tiny.processor.tokenizer), dtype=torch.float64) * 5
    for own in (
        type(tiny).option_tokens,
        lambda vlm, q: [(3 * i, 3 * i + 2)[: 1 + i % 2] for i in range(len(q.options))],
    ):
        monkeypatch.setattr(type(tiny), "option_tokens", own)
        for q, row, found in zip(
            questions, torch.log_softmax(logits, -1), scores(tiny, questions, logits), strict=True
        ):
            assert np.allclose(found, tiny.option_logs(q, row), atol=1e-12)


def test_nothing_is_asked_twice(tiny, benchmark, table, tmp_path, monkeypatch):
    half = benchmark.subset(per_task=2)
    sweep(tiny, half, parts=("self-attention",), cache=tmp_path)
    asked = []
    monkeypatch.setattr(
        module,
        "replayed_logits",
        lambda vlm, inputs, cells, check, *more: (
            asked.extend(cells) or replayed_logits(vlm, inputs, cells, check)
        ),
    )
    whole = sweep(tiny, benchmark, parts=("self-attention", "layer"), cache=tmp_path)
    columns = ["question", "part", "layer", "answer", "correct"]
    pd.testing.assert_frame_equal(whole[columns], table[columns])
    assert len(asked) == 4 + 9  # of the half that was asked before, in one batch, the layers alone
    assert np.allclose(
        np.concatenate(list(whole.scores)), np.concatenate(list(table.scores)), atol=1e-4
    )
    asked.clear()
    again = sweep(tiny, benchmark, parts=("self-attention", "layer"), cache=tmp_path)
    pd.testing.assert_frame_equal(again[columns], table[columns])
    assert not asked


def test_an_interrupted_sweep_goes_on(tiny, benchmark, table, tmp_path, monkeypatch):
    calls = []

    def failing(vlm, inputs, cells, check, *more):
        calls.append(cells)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return replayed_logits(vlm, inputs, cells, check)

    monkeypatch.setattr(module, "replayed_logits", failing)
    with pytest.raises(KeyboardInterrupt):
        sweep(tiny, benchmark, parts=("self-attention", "layer"), cache=tmp_path, batch=4)
    assert torch.isfinite(tiny.last_logits(tiny.inputs(benchmark.questions[:1]))).all()
    resumed = sweep(tiny, benchmark, parts=("self-attention", "layer"), cache=tmp_path, batch=4)
    columns = ["question", "part", "layer", "answer", "correct"]
    pd.testing.assert_frame_equal(resumed[columns], table[columns])


def test_other_weights_never_meet_old_outcomes(benchmark, tmp_path):
    from conftest import tiny_llava

    one = sweep(tiny_llava(0), benchmark, cache=tmp_path)
    other = sweep(tiny_llava(1), benchmark, cache=tmp_path)
    assert not np.allclose(
        np.concatenate(list(one.scores)), np.concatenate(list(other.scores)), atol=1e-3
    )


@pytest.mark.parametrize(
    "options,message",
    [
        (dict(parts=("nose",)), "unknown part 'nose'"),
        (dict(layers=[7]), "no layer 7"),
        (dict(effect="shout"), "unknown effect 'shout'"),
        (dict(effect="scale"), "effect 'scale' needs an amount, for example 'scale 0.5'"),
        (dict(effect="mean"), "effect 'mean' needs reference="),
    ],
)
def test_bad_input_before_any_question(tiny, benchmark, options, message):
    with pytest.raises(BadInput, match=message):
        sweep(tiny, benchmark, **options)


def test_scores_that_are_not_finite_are_counted_and_not_wrong(benchmark, tmp_path, monkeypatch):
    from conftest import tiny_llava

    vlm = tiny_llava(2)
    knocked = Knockout("self-attention", 2)
    target = next(iter(vlm.anatomy.part("self-attention", 2).modules.values()))

    def spoil(module, args, output):  # the first question of each batch of eight
        spoiled = output[0].clone()
        spoiled[::8] = float("nan")
        return (spoiled, *output[1:])

    # kept answers are refused under anybody's hook
    monkeypatch.setattr("talo_mini.engine.key.strange_code", lambda model: None)
    questions = sorted(benchmark.subset(form="choice").questions, key=lambda q: len(q.text))
    hook = target.register_forward_hook(spoil)
    try:
        with pytest.warns(
            UserWarning, match=r"answers could not be scored, .* of the whole model, with not"
        ):
            table = sweep(vlm, benchmark.subset(form="choice"), batch=8, cache=tmp_path)
    finally:
        hook.remove()
    with pytest.warns(
        UserWarning, match=f"{(table.answer == UNSCORED).sum()} answers could not be scored"
    ):  # told again of kept answers
        sweep(vlm, benchmark.subset(form="choice"), batch=8, cache=tmp_path)
    unscored = table[table.answer == UNSCORED]
    assert len(unscored) and not unscored.correct.any() and len(table) == len(questions) * 5
    assert set(table[(table.layer == knocked.layer) & (table.part == "self-attention")].answer) != {
        UNSCORED
    }
    for task in ("object_colour", "more"):
        lost = unscored[unscored.task == task].question.nunique()
        right, wide = correctness(table, task, "self-attention")
        assert len(right) == 5 - lost and wide.shape == (5 - lost, 4)


def test_a_task_without_any_score_is_refused(table):
    table = table[table.form == "direct"]
    spoiled = table.assign(answer=table.answer.where(table.layer != 1, UNSCORED))
    with pytest.raises(
        BadInput,
        match="no question of task 'more' could be scored, for example with layer of layer 1",
    ):
        correctness(spoiled, "more", "layer")


def test_each_set_of_cells_is_compared_with_hooks_once(tiny, benchmark, tmp_path, monkeypatch):
    """A later set may hold layers that the first did not: some questions lack fewer."""
    sweep(tiny, benchmark.subset(per_task=2), layers=[0, 1], cache=tmp_path)
    seen = []

    def noted(vlm, inputs, cells, check, *more):
        seen.append((cells, check))
        return replayed_logits(vlm, inputs, cells, check, *more)

    monkeypatch.setattr(module, "replayed_logits", noted)
    sweep(tiny, benchmark, cache=tmp_path, batch=4)
    sets = list(dict.fromkeys(cells for cells, _ in seen))
    assert len(sets) == 2 < len(seen)
    for cells in sets:
        assert [check for own, check in seen if own == cells].count(True) == 1


def test_memory_may_run_out_only_when_scores_are_computed(tiny, benchmark, table, monkeypatch):
    asked, own = [], Wanted.scores

    def noted(vlm, inputs, cells, *more):
        asked.append((len(inputs["input_ids"]), len(cells)))
        return replayed_logits(vlm, inputs, cells, *more)

    def small(wanted, logits):
        if len(wanted.options) > 10:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return own(wanted, logits)

    monkeypatch.setattr(module, "replayed_logits", noted)
    monkeypatch.setattr(module, "CHECKED", 20)
    monkeypatch.setattr(Wanted, "scores", small)
    with pytest.warns(UserWarning, match="memory ran out; going on with 10 questions at once"):
        found = sweep(tiny, benchmark, parts=("self-attention", "layer"), batch=20)
    assert asked == [(10, 9), (5, 9), (5, 9)]  # both forms of a question share a row
    columns = ["question", "part", "layer", "answer", "correct"]
    pd.testing.assert_frame_equal(found[columns], table[columns])
    assert np.allclose(
        np.concatenate(list(found.scores)), np.concatenate(list(table.scores)), atol=1e-4
    )


def test_questions_about_one_picture_stand_side_by_side(tiny, benchmark):
    questions = load_benchmark("easy-vqa", per_task=20).questions
    made = [batch.questions for batch in batches(tiny, {(): list(questions)}, benchmark.prompt, 7)]
    order = [q.image_bytes for batch in made for q in batch]
    assert sorted(q.id for batch in made for q in batch) == sorted(q.id for q in questions)
    assert max(map(len, made)) == 7
    assert (
        len([1 for a, b in itertools.pairwise(order) if a != b])
        == len(set(order)) - 1
        < len(order) - 1
    )


def test_a_model_in_training_mode_is_refused(tiny, benchmark):
    tiny.model.train()
    try:
        with pytest.raises(BadInput, match=r"is in training mode.*call vlm.model.eval\(\) first"):
            sweep(tiny, benchmark)
    finally:
        tiny.model.eval()


def test_answers_of_another_meaning_are_asked_again(tiny, benchmark, tmp_path, monkeypatch):
    sweep(tiny, benchmark, layers=[0], cache=tmp_path)
    monkeypatch.setattr("talo_mini.engine.key.MEANING", MEANING + 1)
    assert module.kept_outcomes(tiny, benchmark, layers=[0], cache=tmp_path)[1] == 2 * len(
        benchmark.questions
    )


def test_options_that_cannot_be_told_apart_are_told_before_any_question_is_asked(
    tiny, benchmark, monkeypatch
):
    bad = dataclasses.replace(
        benchmark.questions[-1], form="direct", options=("red circle", "red circle "), answer=0
    )
    mixed = dataclasses.replace(benchmark, questions=(*benchmark.questions[:-1], bad))
    monkeypatch.setattr(
        module, "replayed_logits", lambda *args: pytest.fail("a question was asked")
    )
    with pytest.raises(BadInput, match="are the same tokens to tiny-0; ask it in the choice form"):
        sweep(tiny, mixed)


def test_where_memory_runs_out_the_batch_is_halved(tiny, benchmark, table, monkeypatch):
    sizes = []

    def small(vlm, inputs, cells, check, *more):
        sizes.append(len(inputs["input_ids"]))
        if sizes[-1] > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return replayed_logits(vlm, inputs, cells, check)

    monkeypatch.setattr(module, "replayed_logits", small)
    with pytest.warns(UserWarning, match="memory ran out; going on with 4 questions at once"):
        found = sweep(tiny, benchmark, parts=("self-attention", "layer"), batch=8)
    columns = ["question", "part", "layer", "answer", "correct"]
    pd.testing.assert_frame_equal(found[columns], table[columns])
    assert sizes[0] == 4 and max(sizes[1:]) == 2  # rows of both forms of a question
    monkeypatch.setattr(
        module,
        "replayed_logits",
        lambda *args, **options: (_ for _ in ()).throw(
            torch.OutOfMemoryError("CUDA out of memory")
        ),
    )
    with (
        pytest.warns(UserWarning),
        pytest.raises(BadInput, match="memory does not suffice for one question"),
    ):
        sweep(tiny, benchmark)


def test_one_pass_and_hooks_agree(tiny, benchmark, table, monkeypatch):
    monkeypatch.setattr(
        module,
        "replayed_logits",
        lambda vlm, inputs, cells, *more: hooked_logits(vlm, inputs, cells),
    )
    hooked = sweep(tiny, benchmark, parts=("self-attention", "layer"))
    columns = ["question", "part", "layer", "answer", "correct"]
    pd.testing.assert_frame_equal(hooked[columns], table[columns])
    assert np.allclose(
        np.concatenate(list(hooked.scores)), np.concatenate(list(table.scores)), atol=1e-4
    )


def test_a_model_that_cannot_be_replayed_is_swept_with_hooks_and_says_so(
    tiny, benchmark, table, monkeypatch
):
    def refuse(*args, **options):
        raise CannotReplay("its layers are odd")

    monkeypatch.setattr("talo_mini.engine.logits.one_pass", refuse)
    with pytest.warns(
        UserWarning, match="swept with hooks, at about twice the price: its layers are odd"
    ):
        hooked = sweep(tiny, benchmark, parts=("self-attention", "layer"))
    assert list(hooked.answer) == list(table.answer)


@pytest.mark.parametrize("effect", [e.example for e in EFFECTS.values() if e.name != "zero"])
def test_every_effect_in_one_pass_and_by_hooks(tiny, benchmark, effect, monkeypatch):
    reference = load_benchmark("mini-worlds", tasks=["map_name"], per_task=2)
    options = dict(effect=effect, reference=reference if effect == "mean" else None)
    found = sweep(tiny, benchmark, **options)
    monkeypatch.setattr(
        module,
        "replayed_logits",
        lambda vlm, inputs, cells, check, means, pictures, seeds: hooked_logits(
            vlm, inputs, cells, means=means, seeds=seeds
        ),
    )
    hooked = sweep(tiny, benchmark, **options)
    assert np.allclose(
        np.concatenate(list(found.scores)), np.concatenate(list(hooked.scores)), atol=1e-4
    )
    zeroed = sweep(tiny, benchmark)
    assert not np.allclose(
        np.concatenate(list(found.scores)), np.concatenate(list(zeroed.scores)), atol=1e-3
    )
    assert set(found.effect) == {
        "none",
        f"mean {reference.digest} {prompt_key('bare')}" if effect == "mean" else effect,
    }


def test_heads_sets_and_vision_layers_by_both_ways(tiny, benchmark, monkeypatch):
    parts = ("head 1", "mlp and 0, 1", "layer and 2", "vision: mlp")
    found = sweep(tiny, benchmark, parts=parts)
    monkeypatch.setattr(
        module,
        "replayed_logits",
        lambda vlm, inputs, cells, check, means, pictures, seeds: hooked_logits(
            vlm, inputs, cells, means=means, seeds=seeds
        ),
    )
    hooked = sweep(tiny, benchmark, parts=parts)
    assert np.allclose(
        np.concatenate(list(found.scores)), np.concatenate(list(hooked.scores)), atol=1e-4
    )
    assert found.groupby("part").layer.nunique().to_dict() == {
        "base": 1,
        "head 1": 4,
        "mlp and 0, 1": 2,
        "layer and 2": 1,
        "vision: mlp": 3,
    }
    means = {
        key: np.concatenate(list(group.scores)).mean()
        for key, group in found.groupby(["part", "layer"])
    }
    assert len({round(value, 6) for value in means.values()}) == len(means)


@pytest.mark.parametrize(
    "parts,effect", [(["mlp", "self-attention"], "noise 1"), (["mlp and 0", "vision: mlp"], "mean")]
)
def test_noise_in_the_last_layer_and_means_of_sets_and_stacks(
    tiny, benchmark, parts, effect, monkeypatch
):
    options = dict(
        parts=parts,
        effect=effect,
        reference=benchmark.subset(per_task=1) if effect == "mean" else None,
    )
    found = sweep(tiny, benchmark, **options)
    monkeypatch.setattr(
        module,
        "replayed_logits",
        lambda vlm, inputs, cells, check, means, pictures, seeds: hooked_logits(
            vlm, inputs, cells, means=means, seeds=seeds
        ),
    )
    hooked = sweep(tiny, benchmark, **options)
    assert np.allclose(
        np.concatenate(list(found.scores)), np.concatenate(list(hooked.scores)), atol=1e-4
    )


def test_a_scale_of_one_is_the_base_model_and_of_zero_the_knockout(tiny, benchmark):
    for effect, other in (("scale 1", "base"), ("scale 0", "self-attention")):
        scaled = sweep(tiny, benchmark, effect=effect)
        zeroed = sweep(tiny, benchmark)
        for layer in range(4):
            mine = scaled[scaled.layer == layer]
            theirs = zeroed[(zeroed.part == other) & ((zeroed.layer == layer) | (other == "base"))]
            assert np.allclose(
                np.concatenate(list(mine.scores)), np.concatenate(list(theirs.scores)), atol=1e-4
            )


def all_scores(table):
    return np.concatenate(list(table.scores))


@pytest.mark.parametrize("parts", [("self-attention", "mlp"), ("vision: mlp",)])
def test_noise_does_not_depend_on_what_else_is_in_a_batch(tiny, benchmark, parts):
    """So that a resumed or shared sweep ends with the same table; every question and layer has
    noise of its own.
    """
    found = [sweep(tiny, benchmark, parts=parts, effect="noise 1", batch=batch) for batch in (8, 3)]
    assert np.allclose(*map(all_scores, found), atol=1e-4)
    changes = (
        found[0]
        .groupby("layer")
        .scores.apply(lambda scores: float(np.concatenate(list(scores)).sum()))
    )
    assert changes.round(6).nunique() == len(changes)


def test_answers_under_a_knockout_are_never_kept_as_the_models_own(tiny, benchmark, tmp_path):
    few = benchmark.subset(per_task=2)
    clean = sweep(tiny, few)
    with knockout(tiny.anatomy, Knockout("mlp", 1)):
        with pytest.raises(BadInput, match="would be kept as those of the whole model"):
            sweep(tiny, few, cache=tmp_path)
        assert not np.allclose(all_scores(sweep(tiny, few)), all_scores(clean), atol=1e-3)
    with zeroed_weights(tiny.anatomy, Knockout("mlp", 1)):
        zeroed = sweep(tiny, few, cache=tmp_path)
    assert not np.allclose(all_scores(zeroed), all_scores(clean), atol=1e-3)
    assert np.allclose(all_scores(sweep(tiny, few, cache=tmp_path)), all_scores(clean), atol=1e-4)


def test_another_wording_another_picture_size_or_another_ability_is_not_answered_from_the_cache(
    tiny, benchmark, tmp_path, monkeypatch
):
    few = benchmark.subset(per_task=2, form="choice").with_prompt("vlmevalkit")
    first = sweep(tiny, few, cache=tmp_path)
    renamed = dataclasses.replace(
        few, tasks=tuple(Task(task.name, "another", task.trained) for task in few.tasks)
    )
    assert set(sweep(tiny, renamed, cache=tmp_path).ability) == {"another"} != set(first.ability)
    with monkeypatch.context() as patch:
        patch.setitem(
            PROMPTS, "vlmevalkit", dataclasses.replace(PROMPTS["vlmevalkit"], ending="blue red")
        )
        assert not np.allclose(
            all_scores(sweep(tiny, few, cache=tmp_path)), all_scores(first), atol=1e-3
        )
    with monkeypatch.context() as patch:
        patch.setattr(tiny.processor.image_processor, "image_mean", [0.1, 0.2, 0.3])
        assert not np.allclose(
            all_scores(sweep(tiny, few, cache=tmp_path)), all_scores(first), atol=1e-3
        )
    assert np.allclose(all_scores(sweep(tiny, few, cache=tmp_path)), all_scores(first), atol=1e-4)


def test_half_precision_is_swept_in_one_pass(tiny, benchmark):
    """Two ways to multiply differ in bfloat16; that is no reason to take the slow way."""
    half = type(tiny)("half", copy.deepcopy(tiny.model).to(torch.bfloat16), tiny.processor)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = sweep(half, benchmark, parts=("self-attention", "layer"))
    assert np.allclose(
        all_scores(found),
        all_scores(sweep(tiny, benchmark, parts=("self-attention", "layer"))),
        atol=0.3,
    )


@pytest.fixture
def adapted(benchmark):
    """A tiny model with an adapter that changes its answers."""
    from conftest import tiny_llava
    from peft import LoraConfig, inject_adapter_in_model

    vlm = tiny_llava(4)
    config = LoraConfig(r=2, target_modules=["o_proj"], init_lora_weights=False)
    inject_adapter_in_model(config, vlm.model)
    vlm.model.eval()
    return vlm


def test_the_key_of_kept_answers_knows_whether_an_adapter_is_on(adapted, benchmark, tmp_path):
    from peft.tuners.tuners_utils import BaseTunerLayer

    tuners = [m for m in adapted.model.modules() if isinstance(m, BaseTunerLayer)]
    with_adapter = sweep(adapted, benchmark, layers=[0], cache=tmp_path)
    for tuner in tuners:
        tuner.set_scale("default", 7.0)
    scaled = sweep(adapted, benchmark, layers=[0], cache=tmp_path)
    for tuner in tuners:
        tuner.enable_adapters(False)
    without = sweep(adapted, benchmark, layers=[0], cache=tmp_path)
    for found, again in ((scaled, with_adapter), (without, scaled)):
        assert not np.allclose(all_scores(found), all_scores(again))
    pd.testing.assert_frame_equal(without, sweep(adapted, benchmark, layers=[0]))


def test_the_key_of_kept_answers_knows_autocast(tiny, benchmark, tmp_path):
    plain = sweep(tiny, benchmark, layers=[0], cache=tmp_path)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = sweep(tiny, benchmark, layers=[0], cache=tmp_path)
    assert not np.allclose(all_scores(plain), all_scores(rounded), atol=1e-6)


def test_answers_under_somebody_elses_hook_are_not_kept(tiny, benchmark, tmp_path):
    module = tiny.anatomy.stacks["decoder"][0].module
    handle = module.register_forward_hook(lambda module, args, output: output * 2)
    try:
        with pytest.raises(BadInput, match=r"someone put a hook on .*layers.0.*without cache="):
            sweep(tiny, benchmark, cache=tmp_path)
        sweep(tiny, benchmark, layers=[0])
    finally:
        handle.remove()


def test_half_a_model_in_training_mode_is_refused(tiny, benchmark):
    tiny.model.get_decoder().train()
    try:
        with pytest.raises(BadInput, match=r"training mode .its module 'model.language_model'"):
            sweep(tiny, benchmark)
    finally:
        tiny.model.eval()


def test_two_threads_that_sweep_one_model_give_what_each_gives_alone(tiny, benchmark):
    from concurrent.futures import ThreadPoolExecutor

    tasks = [benchmark.subset(tasks=[task.name]) for task in benchmark.tasks]
    alone = [sweep(tiny, one) for one in tasks]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            together = list(pool.map(lambda one: sweep(tiny, one), tasks))
            for found, expected in zip(together, alone, strict=True):
                pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize("size", [0, -3, 2.5, True])
def test_a_batch_that_is_no_number_of_questions_is_refused(tiny, benchmark, size):
    with pytest.raises(BadInput, match=f"batch is {size}; it is a whole number from 1 on"):
        sweep(tiny, benchmark, batch=size)


@pytest.mark.parametrize("number", [0, 1])  # two about one picture, of which one brings it
def test_a_question_that_the_processor_refuses_is_named_and_the_others_are_kept(
    tiny, benchmark, tmp_path, monkeypatch, number
):
    benchmark = benchmark.only(benchmark.questions[:2])
    bad, own = benchmark.questions[number], type(tiny).inputs

    def inputs(self, questions, template="bare"):
        if bad in questions:
            raise ZeroDivisionError("aspect ratio")
        return own(self, questions, template)

    monkeypatch.setattr(type(tiny), "inputs", inputs)
    with pytest.raises(BadInput, match=rf"question '{bad.id}' cannot be put .* aspect ratio"):
        sweep(tiny, benchmark, layers=[0], cache=tmp_path)
    _, missing = kept_outcomes(tiny, benchmark, layers=[0], cache=tmp_path)
    assert missing == 2


@pytest.mark.parametrize("written", [None, Written("option", 1)])
def test_without_a_cache_the_outcomes_of_the_others_are_the_errors(tiny, benchmark, written):
    first, *others = benchmark.questions[:4]
    long = dataclasses.replace(first, id="long", text="colour " * 400)
    asked, expected = benchmark.only([*others, long]), benchmark.only(others)
    with pytest.raises(BadInput, match=r"'long': its prompt .* this error's `out") as told:
        sweep(tiny, asked, layers=[0], written=written)
    table = sweep(tiny, expected, layers=[0], written=written)
    assert told.value.outcomes.question.tolist() == table.question.tolist()
    assert told.value.outcomes.answer.tolist() == table.answer.tolist()
    with pytest.raises(BadInput, match=r"leave it out$"):  # there are no others
        sweep(tiny, benchmark.only([long]), layers=[0], written=written)


def test_scores_of_the_whole_model_that_are_not_finite(benchmark):
    from conftest import tiny_llava

    vlm = tiny_llava()
    with torch.no_grad():
        next(vlm.model.get_decoder().layers[0].mlp.parameters()).fill_(float("nan"))
    with pytest.warns(UserWarning, match="of the whole model, with nothing knocked out: its score"):
        sweep(vlm, benchmark, layers=[0])


def test_a_cache_that_is_a_file_is_told_before_any_question_is_asked(tiny, benchmark, tmp_path):
    (tmp_path / "kept").write_text("")
    with pytest.raises(BadInput, match="kept is a file; outcomes are kept in a folder"):
        sweep(tiny, benchmark, cache=tmp_path / "kept")


def test_the_libraries_that_computed_answers_are_told(tiny, benchmark, tmp_path, monkeypatch):
    sweep(tiny, benchmark, layers=[0], cache=tmp_path)
    monkeypatch.setattr("talo_mini.engine.rows.LIBRARY", "transformers 5.9.0, torch 2.0.0")
    found = sweep(tiny, benchmark, layers=[0, 1], cache=tmp_path)
    assert found.attrs["libraries"] == sorted(
        {f"transformers {transformers.__version__}, torch {torch.__version__}"}
        | {"transformers 5.9.0, torch 2.0.0"}
    )


@pytest.mark.parametrize(
    "options,message",
    [
        (dict(layers=3), r"layers= is a list of numbers such as \[3\]"),
        (dict(parts=None), "parts= is a list of names"),
        (dict(effect=None), "effect= is a name such as 'zero'"),
        (dict(effect="mean", reference=[]), "reference= is a benchmark, not list"),
        (dict(effect="mean 0123 bare"), "unknown|needs reference|another reference"),
    ],
)
def test_arguments_of_other_types_are_told(tiny, benchmark, options, message):
    if options.get("effect") == "mean 0123 bare":
        options = dict(options, reference=benchmark)
    with pytest.raises(BadInput, match=message):
        sweep(tiny, benchmark, **options)


def test_layers_may_come_one_by_one_and_a_part_alone(tiny, benchmark):
    found = sweep(tiny, benchmark, parts=("mlp", "layer"), layers=(i for i in (0, 2)))
    assert set(zip(found.part, found.layer, strict=True)) == {
        ("base", -1),
        *((part, layer) for part in ("mlp", "layer") for layer in (0, 2)),
    }
    assert set(sweep(tiny, benchmark, parts="mlp", layers=[0]).part) == {"base", "mlp"}


def test_two_names_of_one_knockout_are_one_cell(tiny, benchmark):
    found = sweep(tiny, benchmark, parts=("neuron 7", "neuron 007"), layers=[1])
    assert len(found) == 2 * len(benchmark.questions)


def test_rows_of_similar_length_are_asked_together(tiny):
    """A row holds all questions about a picture; options that are read whole lengthen it."""
    colours = load_benchmark("mini-worlds", ["object_colour"], per_task=18)
    asked = {form: colours.subset(form=form).questions for form in colours.forms}
    short, long, shared = asked["direct"][:6], asked["direct"][6:12], asked["direct"][12:]
    names = ("red", "red New York", "red New Mexico", "red New Jersey", "red New Hampshire")
    long = [dataclasses.replace(one, options=names, answer=0) for one in long]
    assert {tiny.scoring(one) for one in long} == {"whole text"}
    mixed = [*itertools.chain(*zip(short, long, shared, strict=True)), *asked["choice"][12:]]
    made = [set(batch.questions) for batch in batches(tiny, {(): mixed}, colours.prompt, 6)]
    assert made[:2] == [set(short), set(long)]
    assert set.union(*made[2:]) == {*shared, *asked["choice"][12:]}
