from dataclasses import replace

import pytest
from drawings import png

from talo_mini import BadInput, Question
from talo_mini.benchmarks.prompts import PROMPTS, find_prompt, write_prompt


def ask(form="choice", hint=""):
    return Question("q", "t", png(), "what colour is the circle?", ("red", "blue"), 0, form, hint)


@pytest.mark.parametrize(
    "template,expected",
    [
        ("bare", "what colour is the circle?\nA. red\nB. blue"),
        (
            "vlmevalkit",
            "Hint: look\nQuestion: what colour is the circle?\nOptions:\nA. red\nB. blue\n"
            "Please select the correct answer from the options above.",
        ),
        (
            "lmms-eval",
            "Context: look\nwhat colour is the circle?\nA. red\nB. blue\n"
            "Answer with the option's letter from the given choices directly.",
        ),
        (
            "lmms-eval-mmstar",
            "what colour is the circle?\nOptions: A: red, B: blue\n"
            "Answer with the option's letter from the given choices directly",
        ),
        (
            "lmms-eval-mmbench",
            "look what colour is the circle? There are several options:\nA. red\nB. blue\n"
            "Answer with the option's letter from the given choices directly.",
        ),
        (
            "lmms-eval-mmmu",
            "what colour is the circle?\nA. red\nB. blue\n\n"
            "Answer with the option's letter from the given choices directly.",
        ),
    ],
)
def test_templates(template, expected):
    hint = "look" if "look" in expected else ""
    assert write_prompt(ask(hint=hint), template) == expected


def test_direct_questions_show_no_options():
    assert write_prompt(ask("direct")) == "what colour is the circle?"
    assert write_prompt(ask("direct"), "lmms-eval") == (
        "what colour is the circle?\nAnswer the question using a single word or phrase."
    )


def test_a_benchmark_has_its_own_variant():
    assert find_prompt("lmms-eval", "mmstar") == "lmms-eval-mmstar"
    assert find_prompt("vlmevalkit", "mmstar") == "vlmevalkit"
    assert find_prompt("lmms-eval", "mmbench") in PROMPTS


def test_unknown_template():
    with pytest.raises(BadInput, match="unknown prompt 'shout'; use one of bare, vlmevalkit"):
        write_prompt(ask(), "shout")


def test_a_text_as_written_is_shown_as_it_is_and_never_made_up():
    for form in ("choice", "direct"):
        assert (
            write_prompt(
                replace(ask(form), written="Which?\nA. red\nB. blue"), "lmms-eval-realworldqa"
            )
            == "Which?\nA. red\nB. blue"
        )
    with pytest.raises(BadInput, match="question 'q' has no text as its benchmark wrote it"):
        write_prompt(ask(), "lmms-eval-realworldqa")
    assert replace(ask(), written="a").digest != replace(ask(), written="b").digest != ask().digest
