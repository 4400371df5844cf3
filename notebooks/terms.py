"""Terms of the glossary are linked where a chapter first uses them, other chapters by number."""

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
GLOSSARY = HERE.parent / "book" / "glossary.md"
CHAPTER = re.compile(r"\b([Cc]hapter) (\d\d)\b")
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
    lines = [line for entry in entries for line in entry.splitlines() if line[:1].isalpha()]
    words = {word: word for word in set(lines) - COMMON} | ALSO
    return {word: words[word] for word in sorted(words, key=len, reverse=True)}


def linked(texts: list[str]) -> list[str]:
    """The same Markdown texts, in each of which a term is linked where it first occurs in them."""
    waiting, done = terms(), []
    for text in texts:
        for word, entry in list(waiting.items()):
            changed = _with_link(text, word, entry)
            if changed != text:
                waiting = {one: other for one, other in waiting.items() if other != entry}
                text = changed
        done.append(_with_chapters(text))
    return done


def _with_chapters(text):
    """The text with a link wherever it names a chapter by its number, outside of what is kept."""
    names = {path.name[:2]: path.stem for path in HERE.glob("[0-9][0-9]_*.ipynb")}

    def link(match):
        word, number = match.groups()
        if number not in names:
            return match[0]
        return f"{{doc}}`{word} {int(number)} </notebooks/{names[number]}>`"

    pieces, end = [], 0
    for passage in KEPT.finditer(text):
        pieces += [CHAPTER.sub(link, text[end : passage.start()]), passage[0]]
        end = passage.end()
    return "".join([*pieces, CHAPTER.sub(link, text[end:])])


def _with_link(text, term, entry):
    """The text with a link at the first use of a term outside of what is kept as it is."""
    word = re.compile(rf"(?<![\w{{`-]){re.escape(term)}(?:s|es)?(?![\w`-])", re.IGNORECASE)
    end = 0
    for passage in [*KEPT.finditer(text), None]:
        begin = passage.start() if passage else len(text)
        match = word.search(text, end, begin)
        if match:
            link = f"{{term}}`{match[0]} <{entry}>`"
            return text[: match.start()] + link + text[match.end() :]
        end = passage.end() if passage else begin
    return text
