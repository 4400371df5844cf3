"""The paper-vs-ours page, written from the notebooks' headline numbers: no figure of ours is typed by hand."""

import json
from pathlib import Path

PAGE = """# Paper and ours

Each claim of the paper {{cite}}`liu2026all`, its figure, and what our notebooks found. This page is written by a program from
the numbers that the notebooks saved. Brackets: 95% interval. *Not run* means that nobody has run it here yet.

{rows}

## What the reviewers asked

| question | answered in |
| --- | --- |
{questions}

Every number of ours can be made again: `make publish` runs all notebooks, the badge on each page runs one. A mini VLM of three
million parameters is no proof for or against a claim about models a thousand times larger; it shows what a careful
measurement of the same claim looks like, and where luck would mislead it.
"""
QUESTIONS = (
    ("Would more training data of the domain remove it?", "13_fine_tuned_models"),
    ("Does fine-tuning change which layers interfere?", "13_fine_tuned_models"),
    ("Why can more shots be worse, and are 10 to 20 robust?", "07_how_many_shots"),
    ("What of the MLPs, whole layers and heads?", "15_inside_the_layer"), ("What of the vision encoder and cross-attention?", "14_four_architectures"),
    ("Which tasks were left out, and what is the mean over whole benchmarks?", "11_whole_benchmarks"),
    ("Are some gains chance?", "08_is_it_chance"), ("Can TaLo avoid doing harm?", "10_do_no_harm"),
    ("How stable is the chosen layer?", "07_how_many_shots"), ("Do vectors carry over between models?", "11_whole_benchmarks"),
    ("How does it compare with choosing layers for each question?", "17_per_question"),
    ("Where does fine-tuning overtake?", "12_against_fine_tuning"), ("Why does knocking out help?", "18_why_does_it_help"),
    ("What of several layers at once?", "16_several_layers"), ("How often is TaLo right, where the truth is known?", "09_planted_interference"))
CLAIM = """## {title}

- **The paper:** {paper}
- **Ours:** {ours}
- **Status:** {status}
- **What differs:** {differs}
- **Made by:** {made}
"""
MINI = "a mini VLM trained from scratch on drawn pictures; all tasks are counted, not a choice"


def points(value) -> str:
    return f"{100 * value:+.1f}"


def made(found: dict, name: str) -> str:
    """Where the numbers come from: notebook, model, questions, commit."""
    return (f"{{doc}}`experiments/{name}`, model `{found['model']}` (digest `{found['model_digest']}`), {found['questions']} questions, "
            f"talo-mini {found['versions']['talo-mini']}, commit {found.get('commit', 'not recorded')}")


def interfering(found):
    """C1: some knockouts help."""
    counts = found["counts"]
    above = counts["... from above chance to higher"]
    return dict(ours=f"of {counts['task-layer pairs']} pairs of task and layer, {counts['clearly help']} knockouts clearly help (false-discovery "
                f"rate 5%) and {counts['clearly hurt']} clearly hurt; {above} of the gains improve(s) a task that was above chance",
                status="reproduced, but rare" if above else "not reproduced above chance")


def similar(found):
    """C2: tasks of one ability have similar vectors."""
    raw, centred = found["raw"], found["centred"]
    return dict(ours=f"mean correlation {raw['within']:.2f} within an ability and {raw['between']:.2f} between abilities; after removing what all tasks "
                f"share, {centred['within']:.2f} and {centred['between']:.2f} (permutation p = {centred['p']:.2f})",
                status="reproduced" if centred["p"] < 0.05 and centred["difference"] > 0 else "not reproduced beyond what all tasks share")


def kinds(found):
    """C3: zeroing and uniform attention agree, noise collapses the model."""
    pair = next(row for row in found["agreement"] if row["pair"].endswith("uniform"))
    noise = next(row for row in found["hurt"] if row["effect"].startswith("noise"))
    return dict(ours=f"zero and uniform: r = {pair['delta']:.2f} [{pair['low']:.2f}, {pair['high']:.2f}] (mean over {pair['tasks']} tasks; a vector "
                f"agrees with itself with {found['ceiling']:.2f}); noise: {points(noise['delta'])} points on average "
                f"[{points(noise['low'])}, {points(noise['high'])}]",
                status="reproduced" if pair["low"] > 0.95 else "reproduced, though the interval reaches below 0.95" if pair["delta"] > 0.95
                else "not reproduced at r above 0.95")


def talo(found):
    """C4: TaLo gains without training."""
    rows = [row for row in found["whole"] if row["method"] == "TaLo"]
    told = "; ".join(f"{row['points']:+.2f} points [{row['low']:+.2f}, {row['high']:+.2f}] in the {row['form']} form" for row in rows)
    best = max(row["delta"] for gains in found["gains"].values() for row in gains)
    good = sum(row["low"] > 0 for row in rows)
    return dict(ours=f"mean over {rows[0]['tasks']} tasks, {found['shots']} shots: {told}; the largest of all tasks {points(best)} points",
                status=("not reproduced: no interval excludes zero", "partly reproduced: one of two intervals excludes zero",
                        "reproduced")[good])


def carry_over(found):
    """C5: gains on whole benchmarks, in several models."""
    told = "; ".join(f"{row['model']} on {row['benchmark']}: {points(row['delta'])} points [{points(row['low'])}, {points(row['high'])}]"
                     for row in found["whole"])
    good = sum(row["low"] > 0 for row in found["whole"])
    return dict(ours=f"mean over all tasks: {told}", status=f"{good} of {len(found['whole'])} means exclude zero")


def tuning(found):
    """C6: TaLo beats fine-tuning with the same shots."""
    few = found["curves"]["talo"][0]["shots"]
    told = "; ".join(f"TaLo minus {row['method']} {points(row['delta'])} points [{points(row['low'])}, {points(row['high'])}], which takes "
                     f"{row['times_longer']:.1f} times as long" for row in found["versus"])
    later = f"; LoRA's mean is higher from {found['overtakes']} shots on" if found["overtakes"] else "; LoRA's mean is never higher for good"
    ahead = " and ".join(row["method"] for row in found["versus"] if row["high"] < 0)
    return dict(ours=f"with {few} shots, over {found['versus'][0]['tasks']} tasks with room to gain: {told}{later}",
                status="reproduced" if all(row["low"] > 0 for row in found["versus"]) else
                f"not reproduced: {ahead} clearly ahead" if ahead else "undecided: intervals hold zero")


def shots(found):
    """C7: 10 to 20 shots suffice."""
    told, best = [], []
    for name, curve in found["curves"].items():
        if "best rule" in name:
            few, last = next(row for row in curve if row["shots"] == 10), curve[-1]
            best.append(last["delta"] >= few["delta"])
            told.append(f"{name}: {points(few['delta'])} [{points(few['low'])}, {points(few['high'])}] at 10 shots, {points(last['delta'])} "
                        f"[{points(last['low'])}, {points(last['high'])}] at {last['shots']}")
    return dict(ours="; ".join(told), status="10 shots give most of the gain; more shots are not worse" if all(best) else
                "10 shots give most of the gain; more shots are worse in one form")


def maps(found):
    """The headline gain, on real weights."""
    gain = found["gains"][0]
    if found["stand_in"]:
        return dict(ours="stand-in numbers only; see the page", status="not run on real weights")
    return dict(ours=f"{points(gain['delta'])} points [{points(gain['low'])}, {points(gain['high'])}] on {gain['questions']} questions",
                status="reproduced" if gain["low"] > 0 else "not reproduced")


CLAIMS = (
    ("C1. Some layers interfere", "03_do_all_layers_help", interfering, "knocking out one layer can raise accuracy on some of nearly 100 tasks, "
     "in three model families", MINI + "; every gain is tested and compared with chance"),
    ("C2. Similar tasks, similar vectors", "04_task_layer_interaction_vectors", similar, "tasks that need similar abilities have highly correlated "
     "vectors, and cluster", MINI + "; compared with a permutation of the abilities, with and without each layer's mean effect"),
    ("C3. The kind of intervention hardly matters", "06_kind_of_intervention", kinds,
     "r > 0.95 between zeroing and uniform attention; noise collapses the model", MINI + "; correlation a task, with an interval over tasks"),
    ("C4. TaLo improves accuracy without training", "05_talo", talo, "up to +10.4 points on LLaVA, on chosen tasks",
     MINI + "; the mean over redrawn probe sets, measured on questions that did not choose the layer"),
    ("C4, headline. ScienceQA Maps", "20_real_vlm_scienceqa_maps", maps, "+16.6 points with Qwen-VL", "written for a free Colab GPU"),
    ("C5. Gains carry over across models and datasets", "11_whole_benchmarks", carry_over,
     "gains on chosen tasks of MMStar, MMBench, MMMU, ScienceQA and SEED-Bench, in three model families",
     "two mini VLMs of different architecture, the drawn benchmark and easy-VQA; whole layers; all tasks"),
    ("C6. Better than fine-tuning with the same shots", "12_against_fine_tuning", tuning, "+2 to 4 points, over 10 times faster",
     "a mini VLM trained from scratch on drawn pictures; only tasks it was never taught, where there is room to gain and fine-tuning has "
     "most to teach"),
    ("C7. 10 to 20 probe questions are enough", "07_how_many_shots", shots, "10 to 20 shots suffice, more can be worse",
     MINI + "; up to 100 shots, probe sets redrawn 200 times"),
)


def write(experiments: Path, page: Path):
    """Write the page from the JSON files in `experiments`; a claim whose notebook was not run says so."""
    rows = []
    for title, name, tell, paper, differs in CLAIMS:
        path = experiments / f"{name}.json"
        if not path.exists():
            rows.append(CLAIM.format(title=title, paper=paper, ours="-", status="not run", differs="-", made="no notebook yet"))
            continue
        found = json.loads(path.read_text())
        rows.append(CLAIM.format(title=title, paper=paper, differs=differs, made=made(found, name), **tell(found)))
    questions = "\n".join(f"| {question} | {{doc}}`experiments/{name}` |" for question, name in QUESTIONS)
    page.write_text(PAGE.format(rows="\n".join(rows), questions=questions))
