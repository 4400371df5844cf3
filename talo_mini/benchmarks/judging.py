"""Whether an answer that a model wrote is right: one function a rule."""

import re
import unicodedata
from collections.abc import Callable
from itertools import dropwhile

import numpy as np

from ..errors import BadInput
from .answers import parse_answer
from .questions import Question

UNPARSED = -2  # the answer where what was written names no option; it is wrong
LIKE = 0.5  # least likeness of a close answer
TOLERANCE = 0.05  # of a number, relative to the right one (ChartQA's)
NUMBER = re.compile(r"[-+]?(?=\.?\d)(\d{1,3}(,\d{2,3})*,\d{3}|\d*)(\.\d*)?")  # 1,500; not 1,5
SYMBOLS = "$+<=>^`|~\N{MINUS SIGN}"  # that stand around words as punctuation does
NEGATIVE = re.compile("[-\N{MINUS SIGN}\N{EN DASH}][$]?[.]?$")  # what stands before a digit
POINT = re.compile(r"((?<!\.)\.)?$")  # and is no end of "..."
NAMED = {"+": re.compile(r"\++"), "#": re.compile("#")}  # behind a letter: C++, F#


def option(question: Question, text: str) -> int:
    """The option that a text names exactly (`parse_answer`), UNPARSED where it names none."""
    place = parse_answer(question, text)
    return UNPARSED if place is None else place


def exact(question: Question, text: str) -> bool:
    """Whether a text is one of the accepted answers; case, articles and punctuation aside."""
    return plain(text) in map(plain, accepted(question))


def relaxed(question: Question, text: str) -> bool:
    """As `exact`, but a number may be 5% off (source: ChartQA's relaxed accuracy)."""
    return exact(question, text) or any(_near(text, right) for right in accepted(question))


def contains(question: Question, text: str) -> bool:
    """Whether an accepted answer stands in a text, spaces and case aside (as OCRBench counts)."""
    written = "".join(text.lower().split())
    return any("".join(right.lower().split()) in written for right in accepted(question))


def close(question: Question, text: str) -> bool:
    """Whether at most half of the letters differ from an accepted answer, case and spaces at the
    ends aside (source: DocVQA's ANLS, which gives such answers credit by their likeness).
    """
    return any(_likeness(text, right) >= LIKE for right in accepted(question))


RULES: dict[str, Callable] = {
    "option": option,
    "exact": exact,
    "relaxed": relaxed,
    "contains": contains,
    "close": close,
}


def accepted(question: Question) -> tuple[str, ...]:
    """The answers that are right: all of an open question's, the right option of another."""
    if question.form == "open":
        return question.options
    return (question.options[question.answer],)


def plain(text: str) -> str:
    """A text in small letters, without articles, punctuation around words and doubled spaces.

    Signs and points of numbers stay ("-5", ".5"), and so do names such as C++ and C#.
    """
    words = [_bare(word) for word in unicodedata.normalize("NFC", text).lower().split()]
    without_articles = " ".join(word for word in words if word and word not in ("a", "an", "the"))
    # the answer may be an article itself, or nothing but marks
    return without_articles or " ".join(filter(None, words)) or text.lower().strip()


def _bare(word):
    """A word without the marks around it."""
    core = _from_first_letter(_from_first_letter(word)[::-1])[::-1]
    before, after = word.split(core, 1) if core else ("", "")
    if core[:1].isdigit():
        return ("-" if NEGATIVE.search(before) else "") + POINT.search(before)[0] + core
    if core[:1].isalpha() and after[:1] in ("+", "#"):
        return core + NAMED[after[:1]].match(after)[0]
    return core


def _from_first_letter(word):
    return "".join(dropwhile(_is_mark, word))


def _is_mark(letter):
    return letter in SYMBOLS or unicodedata.category(letter).startswith("P")


def _near(text, right):
    numbers = [_number(one) for one in (text, right)]
    if None in numbers:
        return False
    written, wanted = numbers
    return abs(written - wanted) <= TOLERANCE * abs(wanted)


def _number(text):
    """The number that a text is, units and signs of percent aside."""
    match = NUMBER.fullmatch(text.strip().rstrip(".%").strip("$€ "))
    return float(match[0].replace(",", "")) if match else None


def _likeness(text, right) -> float:
    """1 - edits over the longer text's length: letters put in, left out or changed."""
    one, other = text.lower().strip(), right.lower().strip()
    edits = list(range(len(other) + 1))  # from what was read of the one to each start of the other
    for read, letter in enumerate(one, 1):
        before, edits[0] = edits[0], read
        for place, wanted in enumerate(other, 1):
            changed = before + (letter != wanted)
            before = edits[place]
            edits[place] = min(changed, before + 1, edits[place - 1] + 1)
    return 1 - edits[-1] / max(len(one), len(other), 1)


def find_rule(score) -> Callable:
    """The function of a rule, by name or itself. Raises BadInput where there is none."""
    if callable(score):
        return score
    if score not in RULES:
        raise BadInput(
            f"unknown score {score!r} of written answers; use one of {', '.join(RULES)}, or a "
            "function of question and text"
        )
    return RULES[score]


def judged(question: Question, text: str, rule: Callable) -> tuple[int, bool]:
    """The (answer, correct) of a written answer: the option it names where the rule tells, else
    the right one's number or UNPARSED.

    Raises BadInput where the rule fails, or gives something else than True or False or, of a
    question with options, the number of one or UNPARSED.
    """
    try:
        verdict = rule(question, text)
    except Exception as error:  # a user's function
        raise BadInput(
            f"the score of question {question.id!r} fails on the text {text[:60]!r} "
            f"({type(error).__name__}: {str(error)[:200]}); a score takes a question and any text, "
            "also an empty one"
        ) from error
    verdict = verdict.item() if isinstance(verdict, np.generic) else verdict
    if isinstance(verdict, bool):
        return (question.answer, True) if verdict else (UNPARSED, False)
    # 0 and 1 of an open question would be accepted answers, where wrong and right are meant
    places = () if question.form == "open" else (UNPARSED, *range(len(question.options)))
    if isinstance(verdict, int) and verdict in places:
        return verdict, verdict == question.answer
    numbers = f", or the number of an option ({UNPARSED} for none)" if places else ""
    raise BadInput(
        f"the score of question {question.id!r} is {verdict!r}; a score gives True or False"
        f"{numbers}"
    )
