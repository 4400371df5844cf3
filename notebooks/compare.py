"""Which published numbers changed since a commit? `python notebooks/compare.py REVISION`."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = "book/experiments"
ROUNDED = 1e-9  # numbers closer than this are the same
NONE = "(none)"  # stands for a value that one of them lacks


def leaves(value, path=""):
    """Each number or text of nested lists and dictionaries, with its path."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, f"{path}[{number}]")
    else:
        yield path, value


def differing(old: dict, new: dict) -> list[tuple[str, object, object]]:
    """(path, old value, new value) of what is not the same, or is in one of them only."""
    before, after = dict(leaves(old)), dict(leaves(new))
    pairs = {path: (before.get(path, NONE), after.get(path, NONE)) for path in before | after}
    return [(path, one, two) for path, (one, two) in pairs.items() if not _same(one, two)]


def _same(one, two):
    if isinstance(one, float) and isinstance(two, float):
        return abs(one - two) <= ROUNDED
    return one == two


def main():
    """Run the command."""
    if len(sys.argv) != 2:
        sys.exit("say since which commit: python notebooks/compare.py REVISION")
    known = ["git", "rev-parse", "--verify", "--quiet", f"{sys.argv[1]}^{{commit}}"]
    if subprocess.run(known, cwd=ROOT, capture_output=True).returncode:
        sys.exit(f"{sys.argv[1]!r} is no commit of this repository")
    for path in sorted((ROOT / RESULTS).glob("*.json")):
        place = f"{sys.argv[1]}:{RESULTS}/{path.name}"
        shown = subprocess.run(["git", "show", place], cwd=ROOT, capture_output=True, text=True)
        if shown.returncode:
            print(f"{path.name}: new")
            continue
        changed = differing(json.loads(shown.stdout), json.loads(path.read_text(encoding="utf-8")))
        print(f"{path.name}: {len(changed)} differ")
        for where, before, after in changed[:12]:
            print(f"  {where}: {before} -> {after}")


if __name__ == "__main__":
    main()
