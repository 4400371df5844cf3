"""What a built site still needs: how it introduces itself, its map, and a page for lost readers."""

import html
import re
from pathlib import Path

import printing
import social
import yaml

ROOT = Path(__file__).resolve().parent.parent
PICTURE = f"_static/{social.NAME}"  # what other sites show of a page
LOST = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Not here - {title}</title>
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark }}
body {{ font: 18px/1.5 sans-serif; max-width: 32em; margin: 15vh auto; padding: 0 1em }}
</style>
<h1>This page is not here</h1>
<p>It was renamed, or never was. <a href="{address}book/index.html">Begin at the first page</a>, or
<a href="{address}search.html">search the book</a>.</p>
</html>
"""


def address(config: dict) -> str:
    """Where the site is published: GitHub Pages of the repository that the configuration names."""
    owner, name = config["repository"]["url"].rstrip("/").split("/")[-2:]
    return f"https://{owner}.github.io/{name}/"


def introduced(page: str, title: str, url: str, start: str) -> str:
    """A page with a description, its address, and what other sites show when it is shared."""
    name = re.search(r"<title>(.*?)</title>", page, re.DOTALL)
    about = html.escape(description(page), quote=True)
    known = {
        "description": about,
        "og:description": about,
        "twitter:card": "summary_large_image",
        "og:title": html.escape(html.unescape(name[1].strip() if name else title), quote=True),
        "og:type": "article",
        "og:site_name": title,
        "og:url": url,
        "og:image": start + PICTURE,
        "og:image:alt": "A question about a map, and how often a small model answers such "
        "questions rightly, whole and without one head",
    }
    lines = [
        f'<meta {"property" if key.startswith("og:") else "name"}="{key}" content="{value}">'
        for key, value in known.items()
    ]
    lines.append(f'<link rel="canonical" href="{url}">')
    return page.replace("</head>", "\n".join(lines) + "\n</head>", 1)


def description(page: str) -> str:
    """A chapter's answer, or the first paragraph of a page's text."""
    answer = re.search(r"<strong>Answer\.</strong>(.*?)</p>", page, re.DOTALL)
    article = page.partition("<article")[2]
    match = answer or re.search(r"<p>(.*?)</p>", article, re.DOTALL)
    text = re.sub(r"<[^>]+>", "", match[1]) if match else "Layers that stand in the way."
    return html.unescape(" ".join(text.split()))[:300]


def once(page: str) -> str:
    """sphinx-thebe declares its constants twice, which browsers report as an error."""
    lines = page.split("\n")
    return "\n".join(
        line
        for i, line in enumerate(lines)
        if "const THEBE_JS_URL" not in line or line not in lines[:i]
    )


def finish(site: Path):
    """Write what is missing into a built site, in place."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    start, title = address(config), config["title"]
    printing.write(site, printing.load_toc(ROOT), title)
    pages = []
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        if name.startswith(("_static/", "playground/")) or name in ("index.html", printing.NAME):
            continue
        page = once(path.read_text(encoding="utf-8"))
        path.write_text(introduced(page, title, start + name, start), encoding="utf-8")
        pages.append(start + name)
    urls = "\n".join(f"  <url><loc>{one}</loc></url>" for one in pages)
    (site / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}\n</urlset>\n'
    )
    (site / "404.html").write_text(LOST.format(title=title, address=start), encoding="utf-8")
    (site / ".nojekyll").touch()  # folders that begin with an underscore are pages too
