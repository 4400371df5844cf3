from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from drawings import png
from hypothesis import given
from hypothesis import strategies as st

from talo_mini import BadInput, Benchmark, Question, Task, load_benchmark
from talo_mini.benchmarks.questions import (
    by_picture_group,
    by_pictures,
    parted,
    picture_groups,
    pictures_each,
)


def question(
    id="q", task="t", options=("red", "blue"), answer=0, form="choice", image=None, text="what?"
):
    return Question(id, task, image or png(), text, options, answer, form)


def test_answer_not_among_options():
    with pytest.raises(BadInput, match=r"'q'.*not among its 2 options"):
        question(answer=2)


def test_equal_options():
    with pytest.raises(BadInput, match="two options are the same"):
        question(options=("red", "red"))


def test_unknown_form():
    with pytest.raises(BadInput, match="unknown form 'essay'"):
        question(form="essay")


def test_a_hint_and_a_whole_text_of_the_same_words_are_two_questions():
    """Kept answers are found by the digest, and a prompt shows them otherwise."""
    plain = Question("q", "t", png(), "what?", ("a", "b"), 0)
    told = [replace(plain, **{name: "It is blue."}) for name in ("hint", "written")]
    assert len({question.digest for question in (plain, *told)}) == 3


@pytest.mark.parametrize("image", [b"no picture", png()[:60]])
def test_corrupt_image_names_the_question(image):
    with pytest.raises(
        BadInput, match="'q': its image cannot be used: it is no picture that can be decoded"
    ):
        _ = question(image=image).image


def test_digest_changes_with_every_field():
    changed = [
        question(),
        question(id="r"),
        question(task="u"),
        question(options=("red", "green")),
        question(answer=1),
        question(form="direct"),
        question(image=png("blue")),
        question(text="who?"),
    ]
    assert len({q.digest for q in changed}) == len(changed)
    assert question().digest == question().digest


def test_empty_task():
    with pytest.raises(BadInput, match="task 'u' has no questions"):
        Benchmark("b", (Task("t", "a"), Task("u", "a")), (question(),))


def test_unlisted_task():
    with pytest.raises(BadInput, match="'t', which it does not list"):
        Benchmark("b", (Task("u", "a"),), (question(),))


def test_doubled_ids():
    with pytest.raises(BadInput, match="'q' occurs more than once"):
        Benchmark("b", (Task("t", "a"),), (question(), question()))


def test_subset():
    questions = tuple(
        question(f"{task}{i}{form}", task, form=form)
        for task in "tu"
        for i in range(3)
        for form in ("choice", "direct")
    )
    whole = Benchmark("b", (Task("t", "a"), Task("u", "a")), questions)
    part = whole.subset(tasks=["u"], per_task=2, form="direct")
    assert [q.id for q in part.questions] == ["u0direct", "u1direct"]
    assert [t.name for t in part.tasks] == ["u"]
    assert part.digest != whole.digest
    with pytest.raises(BadInput, match="no task 'x'; it has: t, u"):
        whole.subset(tasks=["x"])


def test_a_decoded_picture_is_not_kept():
    question = Question("q", "t", png(), "?", ("a", "b"), 0)
    assert question.image is not question.image
    assert question.pixels == question.image.width * question.image.height


def test_questions_of_several_pictures():
    """What changes one is another question; a shared picture joins groups, also through others."""
    a, b, c, d = (png((i, i, 0)) for i in range(4))
    asked = [
        Question(str(i), "t", first, "?", ("x", "y"), 0, more=more)
        for i, (first, more) in enumerate([(a, ()), (b, (c,)), (c, (b,)), (d, ()), (d, (a, c))])
    ]
    one, two, three, four, _ = asked
    assert len({question.digest for question in asked}) == 5
    assert two.images[1].tobytes() == three.image.tobytes()
    assert two.pixels == 2 * one.pixels
    assert by_pictures(asked) == [[0], [1], [2], [3], [4]]
    assert by_pictures([two, replace(two, id="z")]) == [[0, 1]]
    assert picture_groups(asked[:4]) == {
        one.pictures[0]: one.pictures[0],
        **dict.fromkeys(two.pictures, two.pictures[0]),
        four.pictures[0]: four.pictures[0],
    }
    assert len(set(picture_groups(asked).values())) == 1
    assert by_picture_group(asked) == [[0, 1, 2, 3, 4]]
    assert by_picture_group(asked[:4]) == [[0], [1, 2], [3]]
    assert [[q.id for q in some] for some in parted(asked, 9)] == [["0"], ["1", "2"], ["3"], ["4"]]
    with pytest.raises(BadInput, match="'0' shows 1 and question '1' 2 pictures; ask them in two"):
        pictures_each(asked)


def test_a_question_of_one_option_is_refused():
    with pytest.raises(BadInput, match="has a single option"):
        Question("q", "t", png(), "?", ("yes",), 0)


def test_a_benchmark_shows_itself_in_a_line():
    assert len(repr(Benchmark("b", (Task("t", "a"),), (question(),)))) < 200


@given(st.integers(1, 40), st.integers(1, 12))
def test_the_shares_of_processes_are_a_partition(questions, of):
    asked = tuple(question(id=str(i)) for i in range(questions))
    benchmark = Benchmark("b", (Task("t", "a"),), asked)
    shares = [benchmark.share(i, of).questions for i in range(min(of, questions))]
    assert sorted(q.id for share in shares for q in share) == sorted(q.id for q in asked)


pictures = [png((i, 0, 0)) for i in range(12)]


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 11)), min_size=2, max_size=40),
    st.integers(1, 4),
    st.integers(0, 3),
)
def test_no_picture_is_on_both_sides_of_a_split(asked, shots, seed):
    tasks = sorted({task for task, _ in asked})
    questions = [
        question(id=f"{i}", task=task, image=pictures[number])
        for i, (task, number) in enumerate(asked)
    ]
    whole = Benchmark("b", tuple(Task(task, "see") for task in tasks), tuple(questions))
    try:
        probe, rest = whole.split(shots, seed)
    except BadInput as error:
        assert "has too few questions or pictures" in str(error)
        return
    assert not {q.image_bytes for q in probe.questions} & {q.image_bytes for q in rest.questions}
    assert [t.name for t in probe.tasks] == [t.name for t in rest.tasks] == tasks
    for task in tasks:
        assert sum(q.task == task for q in probe.questions) == shots
    shown = {q.image_bytes for q in probe.questions}
    assert rest.questions == tuple(q for q in questions if q.image_bytes not in shown)
    assert whole.split(shots, seed) == (probe, rest)


def test_a_split_follows_its_seed_and_keeps_other_tasks_apart():
    whole = load_benchmark("mini-worlds", tasks=["more", "object_colour"], per_task=20)
    probe, rest = whole.split(5)
    for task in ("more", "object_colour"):
        for form in ("choice", "direct"):
            assert len(probe.subset(tasks=[task], form=form).questions) == 5
            assert len(rest.subset(tasks=[task], form=form).questions) > 0
    assert whole.split(5, seed=1)[0] != probe
    with pytest.raises(BadInput, match="has too few questions or pictures in the"):
        whole.split(20)
    with pytest.raises(BadInput, match="shots"):
        whole.split(0)


def test_a_task_that_is_named_twice_is_asked_once():
    once = load_benchmark("mini-worlds", tasks=["more"], per_task=2)
    assert load_benchmark("mini-worlds", tasks=["more", "more"], per_task=2) == once


@pytest.mark.parametrize(
    "options,message",
    [
        (dict(form="Choice"), "unknown form 'Choice'"),
        (dict(per_task=1.5), "per_task is 1.5"),
        (dict(per_task=True), "per_task is True"),
        (dict(tasks=[]), "has no questions|names no task"),
        (dict(source="/nowhere"), "source= and revision= are for benchmarks of the Hub"),
    ],
)
def test_arguments_of_loading_are_checked(options, message):
    with pytest.raises(BadInput, match=message):
        load_benchmark("mini-worlds", **options)


@pytest.mark.parametrize("number,of", [(0, -1), (-1, 2), (2, 2), (0, 0)])
def test_shares_that_do_not_exist_are_told(number, of):
    benchmark = load_benchmark("mini-worlds", tasks=["more"], per_task=4)
    with pytest.raises(BadInput, match=r"there is no share|it is a whole number"):
        benchmark.share(number, of)


@pytest.mark.parametrize(
    "change,told",
    [
        (dict(answer=1.0), "its answer 1.0 is no option's place"),
        (dict(answer="B"), "its answer 'B' is no option's place"),
        (dict(answer=True), "its answer True is no option's place"),
        (dict(hint=None), "its hint None is no text"),
        (dict(task=7), "its task 7 is no text"),
        (dict(options="AB"), "its options are a tuple of texts"),
        (dict(image_bytes="x.png"), "its picture is a str; give the bytes"),
        (dict(more=(bytearray(b"x"),)), "its picture is a bytearray; give the bytes"),
    ],
)
def test_a_field_of_another_kind_is_refused_when_the_question_is_made(change, told):
    """Not after a sweep that asked it."""
    fields = dict(id="q", task="t", image_bytes=png(), text="?", options=("a", "b"), answer=1)
    assert Question(**fields | dict(answer=np.int64(1))).answer == 1
    with pytest.raises(BadInput, match=f"question 'q': {told}"):
        Question(**fields | change)


@pytest.mark.parametrize("tasks", [3, [["more"]]])
def test_tasks_that_are_no_names_are_told(tasks):
    whole = Benchmark("b", (Task("t", "t"),), (question(),))
    for load in (whole.subset, partial(load_benchmark, "mini-worlds")):
        with pytest.raises(BadInput, match=r"tasks= is .*; it is a task's name or a list of them"):
            load(tasks)


def test_a_form_that_is_not_asked_is_told():
    choice = load_benchmark("mini-worlds", tasks=["more"], per_task=2, form="choice")
    with pytest.raises(BadInput, match="'mini-worlds' is asked in the form choice, not 'direct'"):
        choice.subset(form="direct")
    with pytest.raises(BadInput, match="is asked in the form choice or direct, not 'open'"):
        load_benchmark("mini-worlds", tasks=["more"], form="open")
