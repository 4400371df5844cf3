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
    unread = [(q.id, word) for q in questions for word in _unknown(q, tokenizer)[:1]]
    if not unread:
        return None
    first, word = unread[0]
    return (
        f"{len(unread)} of {len(questions)} questions hold words that {name} has no token for, and "
        f"reads all alike; the first is {word!r} of question {first!r}"
    )


def _unknown(question, tokenizer) -> list[str]:
    """The words of a question and its options that a tokenizer lacks."""
    unknown = tokenizer.unk_token_id
    texts = [question.hint, question.text, question.written, *question.options]
    if unknown is None or unknown not in _tokens(" ".join(texts), tokenizer):
        return []
    words = [word for text in texts for word in text.split()]
    return [word for word in words if unknown in _tokens(word, tokenizer)]


def _tokens(text, tokenizer):
    return tokenizer(text, add_special_tokens=False).input_ids
