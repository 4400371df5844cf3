"""What a chat template may do to a question without a word is told."""

import copy

import pytest
from conftest import tiny_llava

from talo_mini import BadInput, load_benchmark, sweep

PART = "{% if part.type == 'image' %}<image>{% else %}TEXT{% endif %}"
EACH = "{% for m in messages %}{% for part in m.content %}" + PART + "{% endfor %}{% endfor %}"


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", tasks=["object_colour"], per_task=2, form="choice")


def with_template(template):
    vlm = tiny_llava()
    vlm.processor.chat_template = template
    return vlm


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}<image>{{ m.content }}{% endfor %}",
        "{% for m in messages %}<image>{{ m.content | tojson }}{% endfor %}",
        EACH.replace("TEXT", "{{ part.content }}"),
        EACH.replace("TEXT", "{{ part.text | upper }}"),
        EACH.replace("TEXT", "{{ part.text.split('\\n')[0] }}"),
    ],
)
def test_a_template_that_loses_the_question_is_refused(benchmark, template):
    vlm = with_template(template)
    with pytest.raises(BadInput, match="does not write the question's text"):
        sweep(vlm, benchmark, layers=[0])
    with pytest.raises(BadInput, match="does not write the question's text"):
        vlm.generate(benchmark)


@pytest.mark.parametrize("text", ["{{ part.text | trim }}", "{{ part.text | wordwrap(9) }}"])
def test_white_space_is_the_templates_own(benchmark, text):
    sweep(with_template(EACH.replace("TEXT", text)), benchmark, layers=[0])


def test_a_question_may_speak_of_parts(tiny):
    text = "what is {'type': 'text'} here"
    assert text in tiny.chat(text)


def test_a_template_that_cannot_add_parts_to_words_is_told(tiny):
    vlm = copy.copy(with_template("{% for m in messages %}{{ m.role + m.content }}{% endfor %}"))
    with pytest.raises(BadInput, match="the chat template of tiny-0 is broken"):
        vlm.chat("?")
