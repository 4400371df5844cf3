"""The page that tells when each chapter was executed, by which commit and on what."""

import json
from pathlib import Path

import jinja2

TEMPLATE = Path(__file__).with_name("status.template.md")


def rows(experiments: Path) -> list[dict]:
    """What is told of each chapter's results, in the chapters' order."""
    listed = []
    for path in sorted(experiments.glob("[0-9][0-9]_*.json")):
        results = json.loads(path.read_text(encoding="utf-8"))
        seconds, versions = results.get("seconds"), results["versions"]
        listed.append(
            dict(
                name=path.stem,
                commit=results["commit"] or "not noted",
                date=results.get("date", "-"),
                minutes="-" if seconds is None else f"{seconds / 60:.1f}",
                model=results["model"],
                digest=results["model_digest"],
                questions=f"{results['questions']:,}",
                versions=f"{versions['torch']}, {versions['transformers']}",
            )
        )
    return listed


def write(experiments: Path, page: Path):
    """Write the page from the results in `experiments`."""
    template = jinja2.Template(TEMPLATE.read_text(encoding="utf-8"), trim_blocks=True)
    page.write_text(template.render(rows=rows(experiments)), encoding="utf-8")
