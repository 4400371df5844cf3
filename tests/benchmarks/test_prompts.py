from dataclasses import replace

import pandas as pd
import pytest
from drawings import png

from talo_mini import BadInput, Question, load_benchmark
from talo_mini.benchmarks.prompts import PROMPTS, find_prompt, prompt_key, prompt_of, write_prompt


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


def test_a_prompt_of_ones_own():
    own = "Look.\n{question}\n{options}\nAnswer:"
    wanted = "Look.\nwhat colour is the circle?\nA. red\nB. blue\nAnswer:"
    assert write_prompt(ask(), own) == wanted
    assert write_prompt(ask(hint="a hint"), own) == f"a hint\n{wanted}"
    placed = "{question} ({hint}) {options}"
    assert write_prompt(ask(hint="h"), placed).startswith("what colour is the circle? (h\n)")
    assert write_prompt(ask("direct"), "Q: {question}\nA:") == "Q: what colour is the circle?\nA:"
    said = f"Be brief.\n---\n{own}"
    assert write_prompt(ask(), said) == wanted and prompt_of(said).system == "Be brief."
    keys = {prompt_key(prompt) for prompt in (own, said, placed, "bare")}
    assert len(keys) == 4 and prompt_key(own).startswith("own-")


@pytest.mark.parametrize(
    "own, told",
    [
        ("{question} {option}", "shows {option}; it may show hint, question, options"),
        ("{question} {", "cannot be read"),
        ("{question} {0}", "shows {0}"),
    ],
)
def test_a_prompt_of_ones_own_that_cannot_be(own, told):
    with pytest.raises(BadInput, match=told):
        find_prompt(own)


def test_a_prompt_that_hides_the_options_is_refused():
    with pytest.raises(BadInput, match="does not show"):
        write_prompt(ask(), "{question}")


def test_the_keys_of_known_prompts_stay():
    """Answers are kept under them."""
    assert prompt_key("bare") == "bare-1c3e0098"
    assert prompt_key("vlmevalkit") == "vlmevalkit-74dcbd36"


@pytest.mark.parametrize("prompt,told", [("", "unknown prompt ''"), (3, "prompt= is 3; it is a")])
def test_a_prompt_that_is_empty_or_no_text_is_told(prompt, told):
    """An empty one is not the prompt that is taken where none is named."""
    frame = pd.DataFrame([dict(question="?", A="cat", B="dog", answer="A", image=png())])
    for data in ("mini-worlds", frame, load_benchmark(frame)):
        with pytest.raises(BadInput, match=told):
            load_benchmark(data, per_task=1, prompt=prompt)
