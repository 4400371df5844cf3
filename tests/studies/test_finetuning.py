import dataclasses

import pytest
import torch

from talo_mini import BadInput, load_benchmark, load_vlm, sweep
from talo_mini.studies.finetuning import RATES, answer_loss, fine_tune, merged


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds-train", tasks=["chart_shortest"], per_task=12, form="choice")


@pytest.mark.parametrize("method", RATES)
def test_the_loss_falls_and_the_model_itself_is_untouched(tiny, benchmark, method):
    before = {name: tensor.clone() for name, tensor in tiny.model.state_dict().items()}
    inputs = tiny.inputs(benchmark.questions)
    tuned = fine_tune(tiny, benchmark, method, passes=8, batch=6)
    losses = [
        answer_loss(vlm, benchmark.questions, vlm.last_logits(inputs)).item()
        for vlm in (tiny, tuned)
    ]
    assert losses[1] < losses[0] - 0.02
    assert all(
        torch.equal(before[name], tensor) for name, tensor in tiny.model.state_dict().items()
    )
    assert tuned.digest != tiny.digest and set(tuned.model.state_dict()) == set(
        before
    )  # adapters are merged


def test_the_loss_is_the_answers_own(tiny, benchmark):
    question = benchmark.questions[0]
    logits = torch.full((1, len(tiny.processor.tokenizer)), -20.0)
    logits[0, tiny.option_tokens(question)[question.answer][0]] = 20.0
    assert answer_loss(tiny, [question], logits).item() == pytest.approx(0, abs=1e-4)
    assert answer_loss(tiny, [question], -logits).item() > 30


def test_few_shots_teach_a_mini_a_question_it_was_never_asked():
    vlm = load_vlm("llava-mini")
    train = load_benchmark(
        "mini-worlds-train", tasks=["chart_shortest"], per_task=20, form="direct"
    )
    test = load_benchmark("mini-worlds", tasks=["chart_shortest"], per_task=40, form="direct")
    before, after = (
        sweep(model, test, layers=[]).correct.mean()
        for model in (vlm, fine_tune(vlm, train, "lora", passes=10))
    )
    assert before < 0.2 and after > before + 0.2


def test_merging_goes_from_one_to_the_other(tiny, benchmark):
    tuned = fine_tune(tiny, benchmark, "full", steps=2)
    ends = [merged(tiny, tuned, amount).model.state_dict() for amount in (0.0, 1.0)]
    for found, wanted in zip(ends, (tiny, tuned), strict=True):
        assert all(
            torch.allclose(found[name], tensor, atol=1e-6)
            for name, tensor in wanted.model.state_dict().items()
        )
    half = merged(tiny, tuned, 0.5).model.lm_head.weight
    assert torch.allclose(
        half, (tiny.model.lm_head.weight + tuned.model.lm_head.weight) / 2, atol=1e-6
    )


def test_an_unknown_method(tiny, benchmark):
    with pytest.raises(BadInput, match="unknown method 'prefix'; use one of lora, oft, full"):
        fine_tune(tiny, benchmark, "prefix")


def test_questions_of_one_and_of_several_pictures_train_together(tiny, benchmark):
    first, second, *_ = benchmark.questions
    two = dataclasses.replace(first, id="two", more=(second.image_bytes,))
    mixed = benchmark.only([first, second, two])
    tuned = fine_tune(tiny, mixed, method="full", steps=1, batch=3)
    changed = zip(tiny.model.parameters(), tuned.model.parameters(), strict=True)
    assert any(not torch.equal(one, other) for one, other in changed)
