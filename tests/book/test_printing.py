"""The book on one page: every page in order, its links and pictures found, nothing that runs."""

import printing
import run
from bs4 import BeautifulSoup

TOC = printing.load_toc(run.ROOT)
NAMES = [TOC["root"], *(one["file"] for part in TOC["parts"] for one in part["chapters"])]


def test_every_page_stands_on_it_in_order_and_nothing_leads_nowhere(html):
    page = BeautifulSoup((html / printing.NAME).read_text(), "html.parser")
    sections = [section["id"] for section in page.select("section.page")]
    assert sections == [printing.anchor(name) for name in NAMES]
    assert not page.find_all("script")
    ids = [found["id"] for found in page.select("[id]")]
    assert len(ids) == len(set(ids))
    inside = {link["href"][1:] for link in page.select('a[href^="#"]')}
    assert len(inside) > 50 and not inside - set(ids)
    for picture in page.find_all("img"):
        if not picture["src"].startswith("data:"):
            assert (html / picture["src"]).exists(), picture["src"]


def test_links_between_pages_stay_on_it(tmp_path):
    (tmp_path / "book").mkdir()
    link = '<a href="b.html#there">b</a><a href="#own">own</a><img src="../_images/x.png">'
    link += '<link href="../own.css">'
    texts = {"a": f'<h1 id="own">A</h1>{link}<script>run()</script>', "b": '<h1 id="there">B</h1>'}
    for name, text in texts.items():
        (tmp_path / "book" / f"{name}.html").write_text(f"<article>{text}</article>")
    toc = dict(root="book/a", parts=[dict(chapters=[dict(file="book/b")])])
    printing.write(tmp_path, toc, "two pages")
    text = (tmp_path / printing.NAME).read_text()
    assert 'href="#page-book-b-there"' in text and 'id="page-book-b-there"' in text
    assert 'href="#page-book-a-own"' in text and 'src="_images/x.png"' in text
    assert "run()" not in text and 'href="own.css"' in text
