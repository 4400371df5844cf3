"""What a model writes for a word: a tokenizer spells it by what the prompt ends with.

Behind a visible character ("Assistant:") a word is written with a space, behind a blank or a line
break without one. Many tokenizers write that space as a token of its own before
digits; and those of Llama's kind put one before every text, also where none is written.
"""

from functools import cached_property, lru_cache


class Spelling:
    """The tokens of a word behind prompts that end with `end`, a character or "" for nothing.

    Remembered, since every layer's scores ask for the same.
    """

    def __init__(self, tokenizer, end: str):
        self._tokenizer, self._end, self._visible = tokenizer, end, bool(end.strip())
        self.whole = lru_cache(100_000)(self._whole)
        self.first = lru_cache(100_000)(self._first)
        self.spaced = lru_cache(100_000)(self._spaced)

    def _whole(self, word) -> list[tuple[int, ...]]:
        """All its tokens in each spelling: without and after a space."""
        spellings = {self._tokens(word), self._tokens(f" {word}")}
        bare = self._behind(word)
        if self.bare and self._tokenizer.unk_token_id not in bare:
            spellings.add(bare)
        return sorted(spellings)

    def _first(self, word) -> tuple[int, ...]:
        """The first token in each spelling that is no blank."""
        shown = [[token for token in tokens if self._shows(token)] for tokens in self.whole(word)]
        return tuple(sorted({token for tokens in shown for token in tokens[:1]}))

    def _spaced(self, word) -> bool:
        """Whether a token that is a space alone comes before it."""
        return self._visible and not all(map(self._shows, self._behind(f" {word}")[:1]))

    @cached_property
    def bare(self) -> bool:
        """Whether words begin without the space that the tokenizer puts before every text."""
        return not self._visible and self._behind("A") != self._tokens("A")

    def _behind(self, text):
        """Its tokens behind the prompt's end; those of itself where a token holds of both."""
        before, together = self._tokens(self._end), self._tokens(self._end + text)
        same = together[: len(before)] == before
        return (together[len(before) :] if same else ()) or self._tokens(text)

    def _tokens(self, text):
        return tuple(self._tokenizer(text, add_special_tokens=False).input_ids)

    def _shows(self, token):
        return bool(self._tokenizer.decode([token]).strip())
