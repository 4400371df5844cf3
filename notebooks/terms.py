"""Terms of the glossary are linked where a chapter first uses them."""

import re
from pathlib import Path

GLOSSARY = Path(__file__).resolve().parent.parent / "book" / "glossary.md"
COMMON = {"part", "chance"}  # words that mostly mean something else
ALSO = {"above chance": "chance", "guess that looks": "chance"}  # other words for an entry
# what stays as it is: code, links, roles, headings, HTML
KEPT = re.compile(
    r"```.*?```|`[^`]*`|\{\w+\}`[^`]*`|\[[^\]]*\]\([^)]*\)|^#[^\n]*|<[^>]+>", re.S | re.M
)


def terms() -> dict[str, str]:
    """The words that are linked, each with its entry of the glossary, the longest first, so that a
    part of one is not linked.
    """
    text = GLOSSARY.read_text(encoding="utf-8")
    entries = text[text.index(":::{glossary}") :].split("\n\n")
    found = [line for entry in entries for line in entry.splitlines() if line[:1].isalpha()]
    words = {word: word for word in set(found) - COMMON} | ALSO
    return {word: words[word] for word in sorted(words, key=len, reverse=True)}


def linked(texts: list[str]) -> list[str]:
    """The same Markdown texts, in each of which a term is linked where it first occurs in them."""
    waiting, done = terms(), []
    for text in texts:
        for word, entry in list(waiting.items()):
            changed = _with_link(text, word, entry)
            if changed != text:
                waiting = {one: own for one, own in waiting.items() if own != entry}
                text = changed
        done.append(text)
    return done


def _with_link(text, term, entry):
    """The text with a link at the first use of a term outside of what is kept as it is."""
    word = re.compile(rf"(?<![\w{{`-]){re.escape(term)}(?:s|es)?(?![\w`-])", re.IGNORECASE)
    end = 0
    for kept in [*KEPT.finditer(text), None]:
        begin = kept.start() if kept else len(text)
        found = word.search(text, end, begin)
        if found:
            link = f"{{term}}`{found[0]} <{entry}>`"
            return text[: found.start()] + link + text[found.end() :]
        end = kept.end() if kept else begin
    return text
