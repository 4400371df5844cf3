"""The findings on one page: verdicts with their numbers, what is robust, what cannot be shown.

What is said stands in a template; every number of ours comes from the results of the chapters.
`python notebooks/summary.py` prints the page.
"""

import json
from collections import Counter
from pathlib import Path

import claims
import verdicts
import verdicts_pretrained

from talo_mini.estimates import Estimate

TEMPLATE = Path(__file__).with_name("summary.template.md")
WHOLE = "C1", "C2", "C3", "C4", "C5", "C6", "C7"  # the claims of the paper, none of their parts


def write(experiments: Path, page: Path):
    """Write the page from the results in `experiments`."""
    page.write_text(told(experiments), encoding="utf-8")


def told(experiments: Path) -> str:
    """The page, in Markdown."""
    chapters = results(experiments)
    records = {claim.key: claims.tell(claim, experiments) for claim in claims.CLAIMS}
    counts = {
        column: Counter(records[key][column].partition(":")[0] for key in WHOLE)
        for column in ("status", "pretrained")
    }
    template = claims.templates(span=span, alike=verdicts_pretrained.clearly_alike).from_string(
        TEMPLATE.read_text(encoding="utf-8")
    )
    about = dict(found=chapters, claims=records, counts=counts, shapes=shapes(chapters))
    return template.render(about).lstrip()


def results(experiments: Path) -> dict[str, dict]:
    """The results of every chapter, by its number."""
    return {
        path.stem[:2]: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(experiments.glob("[0-9][0-9]_*.json"))
    }


def shapes(chapters: dict) -> dict:
    """Tables of the chapters, cut to what the page shows of them."""
    plain = [row for row in chapters["05"]["whole"] if row["method"] == "TaLo, tasks with room"]
    gains = [*plain, *chapters["05"]["harder"]]
    rooms = chapters["19"]["room"]
    half = [room for name, room in rooms.items() if "half" in name]
    end = [room for name, room in rooms.items() if "half" not in name]
    return dict(
        room=verdicts.together(verdicts.rooms_of(chapters["03"] | dict(beside=chapters["14"]))),
        room_pretrained=verdicts.together(rooms.values()),
        half={name: sum(room[name] for room in half) for name in ("helped", "knockouts")},
        end={name: sum(room[name] for room in end) for name in ("helped", "knockouts")},
        known=[row for row in chapters["22"]["by_accuracy"] if row["accuracy"] < 0.9],
        well_known=[row for row in chapters["22"]["by_accuracy"] if row["accuracy"] > 0.9],
        looks=verdicts_pretrained.looks_at_likeness(chapters["22"]),
        power=[room["power"] for room in chapters["03"]["harder"].values()],
        gains=[row for row in gains if row["tasks"] >= verdicts.FEWEST],
        gains_pretrained=[
            row for row in chapters["19"]["these"] if row["tasks"] >= verdicts.FEWEST
        ],
        shots_pretrained=[
            row
            for row in chapters["19"]["shots_and_rules"]
            if row["rule"] == "best" and row["shots"] in (10, 20)
        ],
        whole=[
            row
            for row in [*chapters["11"]["whole"], *chapters["11"]["harder"]]
            if row["of"] == "tasks with room" and row["tasks"] >= verdicts.FEWEST
        ],
        few=verdicts.gains_of_few_shots(chapters["07"]),
        case=next(filter(verdicts.helps_to_above_chance, chapters["23"]["confirmed"])),
    )


def span(rows: list[dict]) -> str:
    """The lowest and the highest of some means, each with its interval; one where there is one."""
    ends = sorted((Estimate.of(row) for row in rows), key=lambda row: row.value)
    return " to ".join(dict.fromkeys(end.written(word=False) for end in (ends[0], ends[-1])))


if __name__ == "__main__":
    print(told(Path(__file__).resolve().parents[1] / "book" / "experiments"))
