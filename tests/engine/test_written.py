"""Sweeps over what a model writes equal generation under each knockout, scored by hand."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from drawings import png

from talo_mini import (
    BadInput,
    Knockout,
    Question,
    Written,
    evaluate,
    interaction_vectors,
    knockout,
    load_benchmark,
    sweep,
    talo,
)
from talo_mini.benchmarks.answers import parse_answer
from talo_mini.benchmarks.judging import UNPARSED, close, contains, exact, judged, option, relaxed
from talo_mini.outcomes.table import BASE


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", ["object_colour", "more"], 8, "choice")


def test_each_answer_is_what_the_model_writes_under_its_knockout(tiny, benchmark, tmp_path):
    parts = ["self-attention", "head 1"]
    table = sweep(
        tiny, benchmark, parts, written=Written(max_new_tokens=3), cache=tmp_path, batch=5
    )
    assert len(table) == 16 * 9 and set(table.scoring) == {"written, option"}
    for (part, layer), own in table.groupby(["part", "layer"]):
        head = 1 if part == "head 1" else None
        known = () if layer == BASE else (Knockout("self-attention", layer, head=head),)
        with knockout(tiny, *known):
            texts = tiny.generate(benchmark, max_new_tokens=3)
        assert own.written.tolist() == texts
        for row, question, text in zip(own.itertuples(), benchmark.questions, texts, strict=True):
            found = parse_answer(question, text)
            assert row.answer == (UNPARSED if found is None else found)
            assert row.correct == (found == question.answer)
    assert table.attrs["unparsed"] == (table.answer == UNPARSED).mean()
    vectors = interaction_vectors(table)
    assert list(vectors.questions.unique()) == [8] and vectors.delta.between(-1, 1).all()
    again = sweep(tiny, benchmark, parts, written=Written("contains", 3), cache=tmp_path)
    assert again.written.tolist() == table.written.tolist()  # texts are kept, not verdicts
    assert set(again.scoring) == {"written, contains"}


def test_what_is_kept_is_not_asked_again(tiny, benchmark, tmp_path, monkeypatch):
    first = sweep(tiny, benchmark, layers=[0], written=Written(max_new_tokens=2), cache=tmp_path)
    monkeypatch.setattr(type(tiny), "generate", None)
    again = sweep(tiny, benchmark, layers=[0], written=Written(max_new_tokens=2), cache=tmp_path)
    pd.testing.assert_frame_equal(first, again)
    with pytest.raises(BadInput, match="cannot be put"):  # another length is another answer
        sweep(tiny, benchmark, layers=[0], written=Written(max_new_tokens=3), cache=tmp_path)


def opened(answers, task="read"):
    return [
        Question(f"q{i}", task, png((9 * i, 50, 50)), f"what is number {i}?", answers, 0, "open")
        for i in range(12)
    ]


def test_open_questions(tiny):
    benchmark = load_benchmark(opened(("a", "red")))
    with pytest.raises(BadInput, match="is open: it has no options to score"):
        sweep(tiny, benchmark)
    with pytest.raises(BadInput, match="is open, so that no option can be named"):
        sweep(tiny, benchmark, written=Written())
    table = sweep(tiny, benchmark, written=Written(lambda q, text: len(text) % 2 == 0, 3))
    assert (table.correct == (table.written.str.len() % 2 == 0)).all()
    assert (table.chance == 0).all() and (table.informed == 0).all()
    rule = Written(even, 3)
    choice = talo(tiny, benchmark, shots=4, written=rule)
    assert choice.asked == "written, even, at most 3 tokens"
    assert evaluate(tiny, benchmark, choice, written=rule) == choice.tasks
    with pytest.raises(BadInput, match="here they are scored by their options"):
        evaluate(tiny, benchmark, choice)


def even(question, text):
    return len(text) % 2 == 0


def test_open_tables(tmp_path):
    """The columns of ChartQA, DocVQA and OCRBench in VLMEvalKit's files, made here."""
    (tmp_path / "p.png").write_bytes(png())
    rows = [
        dict(index=0, question="how much?", answer="14%", image="p.png", split="human"),
        dict(index=1, question="which?", answer="['Itc Limited', 'ITC']", image="p.png"),
        dict(index=2, question="what?", answer="[]x", image="p.png", category="Scene"),
    ]
    path = tmp_path / "open.tsv"
    pd.DataFrame(rows).to_csv(path, sep="\t", index=False)
    benchmark = load_benchmark(path, form="open")
    assert [q.options for q in benchmark.questions] == [("14%",), ("Itc Limited", "ITC"), ("[]x",)]
    assert {q.form for q in benchmark.questions} == {"open"}
    with pytest.raises(BadInput, match="form='open'"):
        load_benchmark(path)
    frame = pd.DataFrame(dict(question=["?"], answer=[[3, "three"]], image=[png()]))
    assert load_benchmark(frame, form="open").questions[0].options == ("3", "three")


@pytest.mark.parametrize(
    "rule, accepted, text, right",
    [
        (exact, ("The Cat",), " cat. ", True),
        (exact, ("cat",), "cats", False),
        (exact, ("a",), "the", False),
        (exact, ("red", "b"), "B", True),
        (relaxed, ("100",), "104.9", True),
        (relaxed, ("100",), "105.1", False),
        (relaxed, ("-3",), "-3.1", True),
        (relaxed, ("1,000",), "$ 990", True),
        (relaxed, ("12%",), "12.3 %", True),
        (relaxed, ("0",), "0.01", False),
        (relaxed, ("15",), "1,5", False),
        (relaxed, ("122",), "1,2,2", False),
        (relaxed, ("1234567",), "1,234,567.0", True),
        (relaxed, ("1234567",), "12,34,567", True),
        (relaxed, ("0.5",), ".51", True),
        (relaxed, ("blue",), "Blue", True),
        (contains, ("ITC Limited",), "it is itc limited!", True),
        (contains, ("ITC",), "it", False),
    ],
)
def test_rules(rule, accepted, text, right):
    question = opened(accepted)[0]
    assert rule(question, text) is right
    assert judged(question, text, rule) == ((0, True) if right else (UNPARSED, False))


def test_an_option_is_named_or_not():
    question = Question("q", "t", png(), "?", ("red", "blue"), 1)
    assert [judged(question, t, option) for t in ("B.", "A", "purple")] == [
        (1, True),
        (0, False),
        (UNPARSED, False),
    ]
    with pytest.raises(BadInput, match="a score gives True or False, or"):
        judged(question, "B", lambda question, text: "yes")


@pytest.mark.parametrize("verdict", [0, 1, -2, np.int64(1), 1.0, None])
def test_an_open_question_is_right_or_wrong_and_no_number(tiny, verdict, monkeypatch):
    """0 would be its first accepted answer, and right. Told before anything is written."""
    monkeypatch.setattr(type(tiny), "generate", None)
    with pytest.raises(BadInput, match=r"of question 'q0' is .*; a score gives True or False$"):
        sweep(tiny, load_benchmark(opened(("never", "no"))), written=Written(lambda q, t: verdict))


def test_numbers_that_name_no_option_are_refused_and_numpys_are_read():
    question = Question("q", "t", png(), "?", ("red", "blue"), 1)
    for verdict in (-1, -3, 2):  # -1 would be unscored, and so be left out
        with pytest.raises(BadInput, match=rf"is {verdict}; .*the number of an option \(-2 for"):
            judged(question, "B", lambda q, t, verdict=verdict: verdict)
    for verdict, wanted in ((np.bool_(True), (1, True)), (np.int64(0), (0, False))):
        assert judged(question, "B", lambda q, t, verdict=verdict: verdict) == wanted


def test_a_score_that_fails_is_told_before_anything_is_written(tiny, benchmark, monkeypatch):
    monkeypatch.setattr(type(tiny), "generate", None)
    for score in (lambda text: True, lambda q, text: text.split()[0] == "A"):
        with pytest.raises(BadInput, match=r"of question '.*' fails on the text '' \(\w+Error"):
            sweep(tiny, benchmark, layers=[0], written=Written(score))
    with pytest.raises(BadInput, match=r"written is 'exact', not Written; Written\('exact'\)"):
        sweep(tiny, benchmark, written="exact")


def test_a_score_that_fails_later_loses_no_text(tiny, benchmark):
    score = Written(lambda q, text: 1 / (len(text) == 0) > 0, 2)
    with pytest.raises(BadInput, match=r"ZeroDivisionError.*is this error's `outcomes`") as told:
        sweep(tiny, benchmark, layers=[0], written=score)
    found = sweep(tiny, benchmark, layers=[0], written=Written("contains", 2))
    columns = ["question", "layer", "written"]
    texts = [table[columns].sort_values(columns) for table in (told.value.outcomes, found)]
    assert texts[0].to_numpy().tolist() == texts[1].to_numpy().tolist()


class Score:
    def __call__(self, question, text):
        return False


def test_a_score_without_a_name_of_its_own_is_no_other_one(tiny, benchmark):
    within = partial(even, None)
    shorter = (lambda most: lambda question, text: len(text) < most)(3)
    names = [Written(score).name for score in (even, Score(), within, shorter, str.isdigit)]
    wanted = ["even", "<Score>", "<partial>", "<lambda>", "<isdigit>"]
    assert names == [f"written, {name}" for name in wanted]
    one, other = Written(lambda q, text: True, 2), Written(lambda q, text: False, 2)
    choice = talo(tiny, benchmark, shots=4, written=one)
    with pytest.raises(BadInput, match="the score <lambda> has no name that tells it from others"):
        evaluate(tiny, benchmark, choice, written=other)
    measured = evaluate(tiny, benchmark, choice, written=other, strict=False)
    assert {own.base for own in measured} == {0.0} and {own.base for own in choice.tasks} == {1.0}


def test_bad_ways_to_write_are_refused(tiny, benchmark):
    with pytest.raises(BadInput, match="unknown score 'nice'"):
        Written("nice")
    with pytest.raises(BadInput, match="max_new_tokens is 0"):
        Written(max_new_tokens=0)
    with pytest.raises(BadInput, match="noise is drawn for the positions"):
        sweep(tiny, benchmark, effect="noise 1", written=Written())


def test_a_smaller_batch_where_memory_runs_out(tiny, benchmark, monkeypatch):
    whole, real = (
        sweep(tiny, benchmark, layers=[1], written=Written(max_new_tokens=2)),
        tiny.generate,
    )

    def short(self, questions, *options):
        if len(questions) > 2:
            raise MemoryError("out of memory")
        return real(questions, *options)

    monkeypatch.setattr(type(tiny), "generate", short)
    with pytest.warns(UserWarning, match="memory ran out"):
        found = sweep(tiny, benchmark, layers=[1], written=Written(max_new_tokens=2))
    assert found.written.tolist() == whole.written.tolist()


@pytest.mark.parametrize(
    ("text", "right", "expected"),
    [
        ("13 May 2019", "13 may 2019 ", True),
        ("13 May 2018", "13 May 2019", True),
        ("may", "maybe!", True),  # three of six letters are missing
        ("ma", "maybe!", False),
        ("", "a", False),
        ("kitten", "sitting", True),  # three edits of seven letters
        ("kitten", "mitigate", False),
    ],
)
def test_close_answers_differ_in_half_of_the_letters_at_most(text, right, expected):
    question = Question("q", "t", png(), "?", ("another", right), 0, "open")
    assert close(question, text) == expected


@pytest.mark.parametrize(
    "right,written,same",
    [
        ("5", "-5", False),
        ("-3", "3", False),
        ("-3", "(\N{MINUS SIGN}3)", True),
        (".5", "5", False),
        ("C", "C++", False),
        ("C++", "\u201cC++\u201d.", True),
        ("A", "A.", True),
        ("B", "(B)", True),
        ("caf\u00e9", "cafe\u0301!", True),
        ("\u732b", "\u732b\u3002", True),
        ("the", "The", True),
        ("5", "$5.", True),
        ("5", "-$5", False),
        ("5", "\u20135", False),
        ("5", "...5", True),
    ],
)
def test_signs_of_numbers_and_names_count_marks_around_words_do_not(right, written, same):
    question = Question("q", "t", png(), "?", (right,), 0, "open")
    assert exact(question, written) is same
