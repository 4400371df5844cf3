"""The findings on one page: verdicts with their numbers, what is robust, what cannot be shown.

What is said stands in a template; every number of ours comes from the results of the chapters.
`python notebooks/summary.py` prints the page.
"""

import json
from collections import Counter
from pathlib import Path

import claims

from talo_mini.estimates import Estimate

TEMPLATE = Path(__file__).with_name("summary.template.md")
WHOLE = "C1", "C2", "C3", "C4", "C5", "C6", "C7"  # the claims of the paper, none of their parts


def write(experiments: Path, page: Path):
    """Write the page from the results in `experiments`."""
    page.write_text(told(experiments), encoding="utf-8")


def told(experiments: Path) -> str:
    """The page, in Markdown."""
    found = results(experiments)
    verdicts = {claim.key: claims.tell(claim, experiments) for claim in claims.CLAIMS}
    counts = {
        column: Counter(verdicts[key][column].partition(":")[0] for key in WHOLE)
        for column in ("status", "pretrained")
    }
    template = claims.templates(span=span, alike=claims.clearly_alike).from_string(
        TEMPLATE.read_text(encoding="utf-8")
    )
    about = dict(found=found, claims=verdicts, counts=counts, shapes=shapes(found))
    return template.render(about).lstrip()


def results(experiments: Path) -> dict[str, dict]:
    """The results of every chapter, by its number."""
    return {
        path.stem[:2]: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(experiments.glob("[0-9][0-9]_*.json"))
    }


def shapes(found: dict) -> dict:
    """Tables of the chapters, cut to what the page shows of them."""
    plain = [row for row in found["05"]["whole"] if row["method"] == "TaLo, tasks with room"]
    gains = [*plain, *found["05"]["harder"]]
    room = found["19"]["room"]
    half = [own for name, own in room.items() if "half" in name]
    end = [own for name, own in room.items() if "half" not in name]
    return dict(
        room=claims.together(claims.rooms_of(found["03"] | dict(beside=found["14"]))),
        room_pretrained=claims.together(room.values()),
        half={name: sum(own[name] for own in half) for name in ("helped", "knockouts")},
        end={name: sum(own[name] for own in end) for name in ("helped", "knockouts")},
        known=[row for row in found["22"]["by_accuracy"] if row["accuracy"] < 0.9],
        well_known=[row for row in found["22"]["by_accuracy"] if row["accuracy"] > 0.9],
        looks=claims.looks_at_likeness(found["22"]),
        power=[own["power"] for own in found["03"]["harder"].values()],
        gains=[row for row in gains if row["tasks"] >= claims.FEWEST],
        gains_pretrained=[row for row in found["19"]["these"] if row["tasks"] >= claims.FEWEST],
        shots_pretrained=[
            row
            for row in found["19"]["shots_and_rules"]
            if row["rule"] == "best" and row["shots"] in (10, 20)
        ],
        whole=[
            row
            for row in [*found["11"]["whole"], *found["11"]["harder"]]
            if row["of"] == "tasks with room" and row["tasks"] >= claims.FEWEST
        ],
        few=claims.gains_of_few_shots(found["07"]),
        case=next(filter(claims.helps_to_above_chance, found["23"]["confirmed"])),
    )


def span(rows: list[dict]) -> str:
    """The lowest and the highest of some means, each with its interval; one where there is one."""
    ends = sorted((Estimate.of(row) for row in rows), key=lambda row: row.value)
    return " to ".join(dict.fromkeys(end.written(word=False) for end in (ends[0], ends[-1])))


if __name__ == "__main__":
    print(told(Path(__file__).resolve().parents[1] / "book" / "experiments"))
