"""The whole book on one page, for paper: every page's text in the order of the contents."""

import posixpath
from pathlib import Path

import yaml
from bs4 import BeautifulSoup

NAME = "print.html"
STYLES = Path(__file__).with_name("print.css")  # the book would put it on every page
LEFT_OUT = "script, noscript, .headerlink, .prev-next-area, button, .pg-served, iframe"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
{styles}</style>
</head>
<body>
<h1>{title}</h1>
<nav><ul>
{contents}
</ul></nav>
{sections}
</body>
</html>
"""


def write(site: Path, toc: dict, title: str):
    """Write the page beside the built ones."""
    names = [toc["root"], *(one["file"] for part in toc["parts"] for one in part["chapters"])]
    contents, sections = [], []
    for name in names:
        page = BeautifulSoup((site / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
        article = page.find("article")
        for element in article.select(LEFT_OUT):
            element.decompose()
        for element in article.find_all("details"):
            element["open"] = ""
        _lead_here(article, name, names)
        heading = article.find("h1").get_text(" ", strip=True)
        contents.append(f'<li><a href="#{anchor(name)}">{heading}</a></li>')
        inner = article.decode_contents()
        sections.append(f'<section class="page" id="{anchor(name)}">\n{inner}\n</section>')
    text = PAGE.format(
        title=title,
        styles=STYLES.read_text(encoding="utf-8"),
        contents="\n".join(contents),
        sections="\n".join(sections),
    )
    (site / NAME).write_text(text, encoding="utf-8")


def anchor(name: str) -> str:
    """Where a page begins on this one."""
    return "page-" + name.replace("/", "-")


def _lead_here(article, name, names):
    """Links to other pages of the book lead to their places on this one; pictures and styles are
    found.
    """
    folder = posixpath.dirname(name)
    for element in article.select("[id]"):
        element["id"] = f"{anchor(name)}-{element['id']}"  # a page's own names may be another's too
    for tag, key in (("a", "href"), ("img", "src"), ("link", "href")):
        for element in article.find_all(tag):
            target = element.get(key, "")
            if "://" in target or target.startswith(("data:", "mailto:")):
                continue
            path, _, place = target.partition("#")
            whole = posixpath.normpath(posixpath.join(folder, path)) if path else f"{name}.html"
            page = whole.removesuffix(".html")
            if page in names:
                element[key] = f"#{anchor(page)}" + (f"-{place}" if place else "")
            else:
                element[key] = whole


def load_toc(root: Path) -> dict:
    """The book's table of contents."""
    return yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
