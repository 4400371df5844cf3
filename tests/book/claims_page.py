"""The page of claims from a copy of the published results, which a test may change."""

import json
from pathlib import Path

import claims

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "book" / "experiments"


def copied(folder):
    for path in COMMITTED.glob("*.json"):
        (folder / path.name).write_text(path.read_text())
    return folder


def section(folder, title):
    claims.write(folder, folder / "page.md", folder / "summary.md")
    return next(
        part for part in (folder / "page.md").read_text().split("\n## ") if part.startswith(title)
    )


def change(folder, name, edit):
    results = json.loads((folder / f"{name}.json").read_text())
    edit(results)
    (folder / f"{name}.json").write_text(json.dumps(results))
