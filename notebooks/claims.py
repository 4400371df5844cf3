"""The paper-vs-ours page: a verdict for each claim, from the numbers that the notebooks saved.

No figure of ours is typed by hand. What is said of a claim stands in `claims/`, a template each.
`python notebooks/claims.py` prints the verdicts.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jinja2
import sent_runs
import verdicts
import verdicts_pretrained

from talo_mini import prose
from talo_mini.estimates import Estimate

PROSE = Path(__file__).with_name("claims")
PRETRAINED = "19_a_pretrained_language_model"
SEEDS = "22_seeds_and_training"
QUESTIONS = (
    ("Why do some benchmarks need every layer?", "03_do_all_layers_help"),
    ("Would more training data of the domain remove it?", "13_fine_tuned_models"),
    ("Does more training remove it?", "19_a_pretrained_language_model"),
    ("Does it come back in another training run?", "22_seeds_and_training"),
    ("Does it happen in a pretrained language model?", "19_a_pretrained_language_model"),
    ("Which part of a layer interferes, and with what?", "23_the_head_that_interferes"),
    ("Is it more than a leaning towards some answers?", "19_a_pretrained_language_model"),
    ("Does fine-tuning change which layers interfere?", "13_fine_tuned_models"),
    ("Why can more shots be worse, and are 10 to 20 robust?", "07_how_many_shots"),
    ("What of the MLPs, whole layers, heads and neurons?", "15_inside_the_layer"),
    ("What of the vision encoder and cross-attention?", "14_four_architectures"),
    (
        "Which tasks were left out, and what is the mean over whole benchmarks?",
        "11_whole_benchmarks",
    ),
    ("Are some gains chance?", "08_is_it_chance"),
    ("Can TaLo avoid doing harm?", "10_do_no_harm"),
    ("How stable is the chosen layer?", "07_how_many_shots"),
    ("Do vectors carry over between models?", "11_whole_benchmarks"),
    ("How does it compare with choosing layers for each question?", "17_per_question"),
    ("Where does fine-tuning overtake?", "12_against_fine_tuning"),
    ("Where can TaLo win?", "24_where_a_layer_is_in_the_way"),
    ("Why does knocking out help?", "18_why_does_it_help"),
    ("What of several layers at once?", "16_several_layers"),
    ("How often is TaLo right, where the truth is known?", "09_planted_interference"),
)
MINI = "a mini VLM trained from scratch on drawn pictures; all tasks are counted, not a choice"


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, the notebook that tests it, and how its numbers become a verdict."""

    key: str  # of its template
    title: str
    notebook: str
    verdict: Callable[[dict], str]
    paper: str
    differs: str
    pretrained: Callable[[dict], str] | None = None  # a verdict from the numbers of another
    pretrained_notebook: str = PRETRAINED
    sent: Callable[[list[dict]], str] | None = None  # a verdict from runs that others sent in
    beside: str | None = None  # another notebook whose numbers count too, as results["beside"]


CLAIMS = (
    Claim(
        "C1",
        "C1. Some layers interfere",
        "03_do_all_layers_help",
        verdicts.some_layers_interfere,
        "knocking out one layer can raise accuracy on some of nearly 100 tasks, in three model "
        "families",
        f"{MINI}; every gain is tested and compared with chance",
        verdicts_pretrained.layers_of_a_pretrained_model,
        beside="14_four_architectures",
    ),
    Claim(
        "C1_heads",
        "C1, single heads. Some heads interfere",
        "23_the_head_that_interferes",
        verdicts.heads_interfere,
        "knocks out whole attentions; single heads are our question",
        f"{MINI}; found on one half of the questions, measured on the other",
        verdicts_pretrained.heads_of_a_pretrained_model,
        "23_the_head_that_interferes",
    ),
    Claim(
        "C2",
        "C2. Similar tasks, similar vectors",
        "04_task_layer_interaction_vectors",
        verdicts.similar_tasks_have_similar_vectors,
        "tasks that need similar abilities have highly correlated vectors, and cluster",
        f"{MINI}; compared with a permutation of the abilities, with and without each layer's "
        "mean effect",
        verdicts_pretrained.vectors_of_a_pretrained_model,
        SEEDS,
    ),
    Claim(
        "C3",
        "C3. The kind of intervention hardly matters",
        "06_kind_of_intervention",
        verdicts.kind_hardly_matters,
        "r > 0.95 between zeroing and uniform attention; noise collapses the model",
        f"{MINI}; correlation a task, with an interval over tasks",
        verdicts_pretrained.kinds_on_a_pretrained_model,
    ),
    Claim(
        "C4",
        "C4. TaLo improves accuracy without training",
        "05_talo",
        verdicts.talo_gains,
        "up to +10.4 points on LLaVA, on chosen tasks",
        f"{MINI}; the mean over redrawn probe sets, measured on questions that did not choose the "
        "layer",
        verdicts_pretrained.gains_of_a_pretrained_model,
        sent=verdicts.gains_of_sent_runs,
    ),
    Claim(
        "C4_maps",
        "C4, headline. ScienceQA Maps",
        "20_real_vlm_scienceqa_maps",
        verdicts.maps_gain,
        "+16.6 points with Qwen-VL",
        "written for a free Colab GPU",
    ),
    Claim(
        "C5",
        "C5. Gains carry over across models and datasets",
        "11_whole_benchmarks",
        verdicts.gains_carry_over,
        "gains on chosen tasks of MMStar, MMBench, MMMU, ScienceQA and SEED-Bench, in three model "
        "families",
        "mini VLMs of different architecture, drawn benchmarks and easy-VQA; whole layers; "
        "all tasks",
    ),
    Claim(
        "C6",
        "C6. Better than fine-tuning with the same shots",
        "12_against_fine_tuning",
        verdicts.beats_fine_tuning,
        "+2 to 4 points, over 10 times faster",
        "a mini VLM trained from scratch on drawn pictures; faults that we planted, where a layer "
        "is to blame, and tasks it was never taught and answers no better than a guess, where "
        "fine-tuning has most to teach",
        verdicts_pretrained.beats_fine_tuning_with_room,
        "24_where_a_layer_is_in_the_way",
        beside="24_where_a_layer_is_in_the_way",
    ),
    Claim(
        "C7",
        "C7. 10 to 20 probe questions are enough",
        "07_how_many_shots",
        verdicts.few_shots_suffice,
        "10 to 20 shots suffice, more can be worse",
        MINI,
        verdicts_pretrained.shots_of_a_pretrained_model,
    ),
)


def change(row: dict) -> str:
    """One task's change: from what to what, with its interval and the level of chance."""
    layer = f" without layer {row['layer']}" if row.get("layer", -1) >= 0 else ""
    base, after, chance = (
        Estimate(row[name], unit="percent") for name in ("base", "accuracy", "informed")
    )
    return (
        f"{row['task']} ({row['form']}){layer}, {Estimate.of(row)} from {base} to {after}, chance "
        f"{chance}"
    )


def largest_gain(results: dict) -> dict:
    """The task with TaLo's largest gain, in any form."""
    rows = [dict(row, form=form) for form, gains in results["gains"].items() for row in gains]
    return max(rows, key=lambda row: row["delta"])


def beside(row: dict, other: dict) -> Estimate:
    """The difference of two effects' costs, with the interval that the first one's row has."""
    return Estimate(row["delta"] - other["delta"], row["beside_low"], row["beside_high"])


def templates(**more: Callable) -> jinja2.Environment:
    """Templates over the numbers of results files, with these filters and more."""
    return prose.templates(
        jinja2.FileSystemLoader(PROSE),
        change=change,
        word=lambda status: f"**{status.partition(':')[0]}**",
        pair=verdicts.pair_with,
        hurt=verdicts.hurt_by,
        beside=beside,
        largest_gain=largest_gain,
        to_above_chance=lambda rows: [row for row in rows if verdicts.helps_to_above_chance(row)],
        **more,
    )


def tell(claim: Claim, experiments: Path) -> dict:
    """What the page says of a claim; one whose notebook was not run says so."""
    record = dict(
        title=claim.title,
        notebook=claim.notebook,
        paper=claim.paper,
        differs=claim.differs,
        pretrained="not run",
    )
    other = experiments / f"{claim.pretrained_notebook}.json"
    if claim.pretrained and other.exists():
        record["pretrained"] = claim.pretrained(json.loads(other.read_text(encoding="utf-8")))
    path = experiments / f"{claim.notebook}.json"
    if not path.exists():
        return record | dict(ours="-", status="not run", made="no notebook yet")
    results, environment = json.loads(path.read_text(encoding="utf-8")), templates()
    more = experiments / f"{claim.beside}.json"
    if more.exists():
        results["beside"] = json.loads(more.read_text(encoding="utf-8"))
    about = dict(results=results, notebook=claim.notebook)
    texts = {
        name: _one_line(environment.get_template(file).render(about))
        for name, file in (("ours", f"{claim.key}.md"), ("made", "made.md"))
    }
    return record | texts | dict(status=claim.verdict(results))


def _one_line(text):
    """A list item in Markdown is one line; a template may have many."""
    return " ".join(text.split()).replace(" ;", ";").replace(" ,", ",")


def write(experiments: Path, page: Path, summary: Path):
    """Write the page, and its table in a word a claim, from the JSON files in `experiments`."""
    sent = [run for run in sent_runs.rows(sent_runs.RUNS) if not run["ours"]]
    claims = []
    for claim in CLAIMS:
        verdict = claim.sent(sent) if claim.sent and sent else "not run"
        claims.append(tell(claim, experiments) | dict(sent=verdict))
    heads = experiments / "23_the_head_that_interferes.json"
    confirmed = json.loads(heads.read_text(encoding="utf-8"))["confirmed"] if heads.exists() else []
    case = next(filter(verdicts.helps_to_above_chance, confirmed), None)
    for target in (page, summary):
        name = "page.md" if target == page else "summary.md"
        about = dict(claims=claims, questions=QUESTIONS, case=case)
        text = templates().get_template(name).render(about)
        target.write_text(text, encoding="utf-8")


def main():
    """Print for every claim what its numbers say, in both columns."""
    for claim in CLAIMS:
        record = tell(claim, Path(__file__).resolve().parents[1] / "book" / "experiments")
        print(f"{record['title']}\n  minis: {record['status']}")
        print(f"  pretrained: {record['pretrained']}")


if __name__ == "__main__":
    main()
