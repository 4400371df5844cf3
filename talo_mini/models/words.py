"""What a tokenizer makes of the words of a text: whether it reads all of them as words."""

from collections.abc import Iterable, Sequence

from ..benchmarks.questions import Question
from ..errors import BadInput


def check_words(texts: Iterable[str], special: Iterable[str], whose: str, name: str):
    """Raise BadInput where a text holds what a tokenizer reads as one special token."""
    for text in texts:
        special_token = next((token for token in special if token in text), None)
        if special_token:
            raise BadInput(
                f"{whose} holds {special_token!r}, which {name} reads as a special token; write it "
                "otherwise"
            )


def check_read(question: Question, tokenizer, name: str):
    """Raise BadInput where a tokenizer knows no word of a question: it is asked as any other."""
    text = question.written or question.text
    tokens = _tokens(text, tokenizer)
    if tokenizer.unk_token_id not in tokens:
        return
    known = [token for token in tokens if token != tokenizer.unk_token_id]
    if not any(map(str.isalnum, tokenizer.decode(known))):
        raise BadInput(
            f"question {question.id!r}: {name} has no token for any of its words ({text[:80]!r}); "
            "ask it in words of its vocabulary, or another model"
        )


def told_unknown(questions: Sequence[Question], tokenizer, name: str) -> str | None:
    """How many questions hold words that a tokenizer lacks, and the first such word, or None."""
    unknown = tokenizer.unk_token_id
    if unknown is None or not questions:
        return None
    words = [_words(question) for question in questions]
    texts = dict.fromkeys(map(" ".join, words))
    read = dict(zip(texts, _tokens(list(texts), tokenizer), strict=True))
    lacking = [number for number, own in enumerate(words) if unknown in read[" ".join(own)]]
    if not lacking:
        return None
    first = lacking[0]
    strange = (word for word in words[first] if unknown in _tokens(word, tokenizer))
    return (
        f"{len(lacking)} of {len(questions)} questions hold words that {name} has no token for, "
        f"and reads all alike; the first is {next(strange, '')!r} of question "
        f"{questions[first].id!r}"
    )


def _words(question) -> list[str]:
    """The words of a question and its options."""
    texts = [question.hint, question.text, question.written, *question.options]
    return [word for text in texts for word in text.split()]


def _tokens(text, tokenizer):
    """The tokens of a text, or of each of several."""
    return tokenizer(text, add_special_tokens=False).input_ids
