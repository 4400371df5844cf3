"""What do `make book` and `make test` cost, and which parts take longest? `python
performance/commands.py`.

Both run as README says, in a fresh clone of the commit that is checked out, with an environment
of its own. `--page FILE` writes the results as a page of the book.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jinja2
from bs4 import BeautifulSoup
from sweep import machine

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).with_name("commands.template.md")
PART = re.compile(r"^(\d\d_\w+|pages): (\d+) s$", re.MULTILINE)
SITE = Path("_build/laptop/_build/html")
LONGEST = 12  # parts of a command, and pages, that are shown


def timed(folder: Path, *words: str, **variables: str) -> tuple[float, str]:
    """Run `make` with these words; gives the minutes it took and what it printed.

    Raises RuntimeError with the end of that where it failed.
    """
    start = time.monotonic()
    done = subprocess.run(
        ["make", *words],
        cwd=folder,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"make {' '.join(words)} failed:\n{done.stdout[-3000:]}")
    return (time.monotonic() - start) / 60, done.stdout


def parts(printed: str) -> Counter:
    """Seconds of every chapter that `make book` executed, and of the pages."""
    return Counter({name: int(seconds) for name, seconds in PART.findall(printed)})


def files(report: Path) -> Counter:
    """Seconds of every file of tests, all workers together."""
    seconds: Counter = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        place = case.get("classname", "").split(".")
        seconds["/".join(part for part in place if part.islower())] += float(case.get("time", 0))
    return seconds


def measure(path: Path) -> dict:
    """The minutes of installing, of both commands, and the seconds of their parts.

    What was measured is kept in a file, so that a command that fails costs only itself.
    """
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    with tempfile.TemporaryDirectory(prefix="talo mini ") as place:
        clone, report = Path(place) / "clone", Path(place) / "tests.xml"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        for name, part in (("installing", install), ("testing", run_tests), ("making", make_book)):
            if name not in results:
                minutes, more = part(clone, report)
                results |= {name: minutes, **more}
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(results), encoding="utf-8")
            print(f"{name}: {results[name]:.1f} minutes", flush=True)
    return results


def install(clone: Path, report: Path) -> tuple[float, dict]:
    """Install into the clone."""
    return timed(clone, ".venv/installed", f"PYTHON={sys.executable}")[0], {}


def run_tests(clone: Path, report: Path) -> tuple[float, dict]:
    """Run the tests; and the files that take longest."""
    minutes, _ = timed(clone, "test", PYTEST_ADDOPTS=f"'--junitxml={report}'")
    return minutes, dict(files=files(report).most_common(LONGEST))


def make_book(clone: Path, report: Path) -> tuple[float, dict]:
    """Make the book; the parts that take longest, and the pages that weigh most."""
    minutes, printed = timed(clone, "book")
    heavy = weights(clone / SITE)
    more = dict(heavy=heavy.most_common(LONGEST), middling=statistics.median(heavy.values()))
    return minutes, dict(parts=parts(printed).most_common(LONGEST)) | more


def weights(site: Path) -> Counter:
    """Kilobytes of every page of a built book, with the pictures, scripts and styles it names."""
    sizes = Counter()
    for path in sorted(site.rglob("*.html")):
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        named = {path}
        for tag, key in (("img", "src"), ("script", "src"), ("link", "href")):
            targets = (one[key] for one in page.find_all(tag, {key: True}))
            named |= {path.parent / urlsplit(unquote(target)).path for target in targets}
        whole = {one.resolve() for one in named}
        size = sum(one.stat().st_size for one in whole if one.is_file())
        sizes[path.relative_to(site).as_posix()] = round(size / 1000)
    return sizes


def page(results: dict, where: str) -> str:
    """The book's page of what was measured, and on which machine."""
    template = jinja2.Template(
        TEMPLATE.read_text(encoding="utf-8"), trim_blocks=True, keep_trailing_newline=True
    )
    return template.render(results, cores=os.cpu_count(), machine=where)


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, help="write the results as a page of the book")
    arguments = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    where = machine()  # now: while the commands run somebody may commit
    results = measure(ROOT / "runs" / "commands" / f"{commit.stdout.strip()}.json")
    text = page(results, where)
    print(text)
    if arguments.page:
        arguments.page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
