"""The paper-vs-ours page, written from the notebooks' headline numbers: no figure of ours is typed
by hand.
"""

import json
from pathlib import Path

PAGE = """# Paper and ours

Each claim of the paper {{cite}}`liu2026all`, its figure, and what our notebooks found. This page is written by a program from
the numbers that the notebooks saved. Brackets: 95% interval. *Not run* means that nobody has run it here yet.

| claim | what we found |
| --- | --- |
{outcomes}

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
    ("Why do some benchmarks need every layer?", "03_do_all_layers_help"),
    ("Would more training data of the domain remove it?", "13_fine_tuned_models"),
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
    ("Why does knocking out help?", "18_why_does_it_help"),
    ("What of several layers at once?", "16_several_layers"),
    ("How often is TaLo right, where the truth is known?", "09_planted_interference"),
)
CLAIM = """## {title}

- **The paper:** {paper}
- **Status:** {status}
- **Ours:** {ours}
- **What differs:** {differs}
- **Made by:** {made}
"""
MINI = "a mini VLM trained from scratch on drawn pictures; all tasks are counted, not a choice"


def points(value) -> str:
    return f"{100 * value:+.1f}"


def made(found: dict, name: str) -> str:
    """Where the numbers come from: notebook, model, questions, commit."""
    several = (
        f" and {', '.join(f'`{model}`' for model in found['models'] if model != found['model'])}"
        if "models" in found
        else ""
    )
    asked = (
        "; ".join(f"{number} ({name})" for name, number in found["questions_of"].items())
        if "questions_of" in found
        else found["questions"]
    )
    return (
        f"`python notebooks/run.py published {name}` ({{doc}}`experiments/{name}`), model "
        f"`{found['model']}`{several} (digest `{found['model_digest']}`), "
        f"{asked} questions, talo-mini {found['versions']['talo-mini']}, commit "
        f"{found.get('commit', 'not recorded')}"
    )


def q_of(row) -> str:
    return "q < 0.01" if row["q"] < 0.005 else f"q = {row['q']:.2f}"


def change(row) -> str:
    """One task's change: from what to what, with its interval and the level of chance."""
    layer = f" without layer {row['layer']}" if row.get("layer", -1) >= 0 else ""
    return (
        f"{row['task']} ({row['form']}){layer}, {points(row['delta'])} points "
        f"[{points(row['low'])}, {points(row['high'])}] from {100 * row['base']:.0f}% to "
        f"{100 * row['accuracy']:.0f}%, chance {100 * row['chance']:.0f}%"
    )


def interfering(found):
    """C1: some knockouts help."""
    counts = found["counts"]
    above, across = (
        counts["... from above chance to higher"],
        counts["... from chance or below to above"],
    )
    real = [row for row in found["best"] if row["q"] < 0.05]
    told = (
        f"; the largest, flattered by being the best of many, is {change(real[0])}" if real else ""
    )
    return dict(
        ours=f"of {counts['task-layer pairs']} pairs of task and layer, {counts['clearly help']} knockouts clearly help (false-discovery "
        f"rate 5%) and {counts['clearly hurt']} clearly hurt; gains that improve a task above "
        f"chance: {above}, that lead from chance or below to above it: {across}{told}",
        status="reproduced, but rare"
        if above
        else "reproduced only from chance or below"
        if across
        else "not reproduced above chance",
    )


def similar(found):
    """C2: tasks of one ability have similar vectors."""
    raw, centred = found["raw"], found["centred"]
    return dict(
        ours=f"mean correlation {raw['within']:.2f} within an ability and {raw['between']:.2f} between abilities, a difference of "
        f"{raw['difference']:+.2f} [{raw['low']:+.2f}, {raw['high']:+.2f}]; after removing what "
        "all tasks "
        f"share, {centred['within']:.2f} and {centred['between']:.2f}, a difference of "
        f"{centred['difference']:+.2f} [{centred['low']:+.2f}, "
        f"{centred['high']:+.2f}] (permutation p = {centred['p']:.2f}; a task's vector would then "
        f"agree with itself on as many new questions with {found['centred_ceiling']:.2f}); "
        f"{found['nearest_in_own_ability']} tasks have their nearest neighbour in their own "
        f"ability, {found['nearest_by_luck']:.1f} by luck (p = {found['nearest_p']:.3f}); of two "
        "looks at "
        "one question the smaller p counts double: "
        f"{min(1, 2 * min(centred['p'], found['nearest_p'])):.3f}",
        status="reproduced"
        if centred["p"] < 0.05 and centred["difference"] > 0
        else "not reproduced beyond what all tasks share"
        if raw["difference"] > 0
        else "not reproduced",
    )


def kinds(found):
    """C3: zeroing and uniform attention agree, noise collapses the model."""
    pair = next(row for row in found["agreement"] if row["pair"].endswith("uniform"))
    loud = next(row for row in found["agreement"] if "noise" in row["pair"])
    zero, noise = (
        found["hurt"][0],
        next(row for row in found["hurt"] if row["effect"].startswith("noise")),
    )
    return dict(
        ours=f"zero and uniform: r = {pair['delta']:.2f} [{pair['low']:.2f}, {pair['high']:.2f}] (mean over {pair['tasks']} tasks; a vector "
        f"would agree with itself on as many new questions with {found['ceiling']:.2f}); without "
        "layers 0 and 1, which most tasks need, r = "
        f"{pair['deep']:.2f} [{pair['deep_low']:.2f}, {pair['deep_high']:.2f}] (with itself on "
        f"new questions {found['ceiling_without_0_and_1']:.2f}); zero and noise agree with r = "
        f"{loud['delta']:.2f} [{loud['low']:.2f}, {loud['high']:.2f}]; noise costs "
        f"{-100 * noise['delta']:.1f} points on average, which is "
        f"{points(noise['delta'] - zero['delta'])} [{points(noise['beside_low'])}, "
        f"{points(noise['beside_high'])}] beside zeroing",
        status=(
            "agreement reproduced"
            if pair["low"] > 0.95
            else "agreement reproduced, though the interval reaches below 0.95"
            if pair["delta"] > 0.95
            else "agreement not reproduced at r above 0.95"
        )
        + (
            "; noise hurts more than zeroing"
            if noise["beside_high"] < 0
            else "; that noise is special is not reproduced"
        )
        + (
            "; without layers 0 and 1 zeroing and uniform attention agree less (r = "
            f"{pair['deep']:.2f})"
            if pair["deep_high"] < 0.95
            else ""
        ),
    )


def talo(found):
    """C4: TaLo gains without training."""
    told = {
        name: [row for row in found["whole"] if row["method"] == name]
        for name in ("TaLo", "TaLo, tasks above chance", "TaLo, released rule")
    }
    able, released = (
        "; ".join(
            f"{row['points']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}] in the {row['form']} "
            f"form ({q_of(row)})"
            for row in told[name]
        )
        for name in list(told)[1:]
    )
    whole = "; ".join(
        f"{row['points']:+.2f} points [{row['low']:+.2f}, {row['high']:+.2f}] in the "
        f"{row['form']} form ({q_of(row)})"
        for row in told["TaLo"]
    )
    best = max(
        (dict(row, form=form) for form, gains in found["gains"].items() for row in gains),
        key=lambda row: row["delta"],
    )
    clear = {
        (row["method"], row["form"]): (row["points"] > 0) - (row["points"] < 0)
        for row in found["whole"]
        if row["q"] is not None and row["q"] < 0.05
    }
    good, above = (
        [clear.get((name, row["form"]), 0) for row in told[name]]
        for name in ("TaLo", "TaLo, tasks above chance")
    )
    able_told = "; where the base model is above chance, " + (
        "TaLo clearly gains"
        if 1 in above
        else "TaLo clearly loses"
        if -1 in above
        else "it neither clearly gains nor loses"
    )
    return dict(
        ours=f"mean over {told['TaLo'][0]['tasks']} tasks, {found['shots']} shots: {whole}; over the tasks in which the base model is above chance {able}; "
        f"by the released rule {released}; the largest gain, flattered by being the best of many, "
        f"is {change(best)}",
        status=(
            "not reproduced: neither mean is clearly above zero",
            "partly reproduced: one of two means is clearly above zero",
            "reproduced",
        )[good.count(1)]
        + " (false-discovery rate 5%)"
        + able_told,
    )


def carry_over(found):
    """C5: gains on whole benchmarks, in several models."""
    told, good, bad = {}, {}, {}
    for kind in ("all tasks", "tasks above chance"):
        rows = [row for row in found["whole"] if row["of"] == kind]
        told[kind] = "; ".join(
            f"{row['model']} on {row['benchmark']}: {points(row['delta'])} points "
            f"[{points(row['low'])}, {points(row['high'])}], {q_of(row)}"
            for row in rows
        )
        good[kind], bad[kind] = (
            sum(row["q"] < 0.05 and sign * row["delta"] > 0 for row in rows) for sign in (1, -1)
        )
    means = sum(row["of"] == "all tasks" for row in found["whole"])
    return dict(
        ours=f"mean over all tasks: {told['all tasks']}; where the model is above chance in some tasks only, over these: {told['tasks above chance']}",
        status=(
            "not reproduced"
            if not good["all tasks"]
            else "reproduced"
            if good["all tasks"] == means
            else "partly reproduced"
        )
        + f": of {means} means over all tasks {good['all tasks']} are clearly above zero and {bad['all tasks']} clearly below (false-discovery rate 5%); of {len(rows)} "
        f"over the tasks above chance {good['tasks above chance']} above and "
        f"{bad['tasks above chance']} below",
    )


def tuning(found):
    """C6: TaLo beats fine-tuning with the same shots."""
    few = found["shots"]
    versus = [row for row in found["versus"] if row["shots"] == few]
    told = "; ".join(
        f"TaLo minus {row['method']} {points(row['delta'])} points [{points(row['low'])}, "
        f"{points(row['high'])}] ({q_of(row)}), which takes "
        f"{row['times_longer']:.1f} times as long"
        for row in versus
    )
    clearly = found["lora_clearly_ahead"]
    later = (
        f"; LoRA is clearly ahead with {', '.join(map(str, clearly)) or 'no number of'} shots (q "
        f"below 0.05; all {len(found['versus'])} comparisons "
        "of methods and numbers of shots are corrected for)"
    )
    clear = [row for row in versus if row["q"] < 0.05]
    ahead = " and ".join(row["method"] for row in clear if row["delta"] < 0)
    return dict(
        ours=f"with {few} shots, over {versus[0]['tasks']} tasks with room to gain: {told}{later}",
        status="reproduced"
        if len(clear) == len(versus) and not ahead
        else f"not reproduced: {ahead} clearly ahead"
        if ahead
        else "partly reproduced"
        if clear
        else "undecided: no difference is clear after the correction",
    )


def shots(found):
    """C7: 10 to 20 shots suffice."""
    told, more = [], found["more"]
    for name, curve in found["curves"].items():
        few = next(row for row in curve if row["shots"] == 10)
        told.append(
            f"{name}: {points(few['delta'])} [{points(few['low'])}, {points(few['high'])}] at 10 "
            "shots"
        )
    beside = "; ".join(
        f"{row['name']}: {points(row['delta'])} [{points(row['low'])}, {points(row['high'])}] "
        f"({q_of(row)}) from {row['few']} to {row['most']} shots"
        for row in more
    )
    better, worse = (
        [row["name"] for row in more if row["q"] < 0.05 and sign * row["delta"] > 0]
        for sign in (1, -1)
    )
    gains = [row for row in found["at_few"] if row["name"].endswith("best rule")]
    return dict(
        ours="; ".join(told) + "; more shots change that by " + beside,
        status=(
            f"{sum(row['q'] < 0.05 and row['delta'] > 0 for row in gains)} of {len(gains)} gains "
            "at 10 shots are clearly above zero (false-discovery rate 5%); "
            + (
                f"more shots are clearly better in: {', '.join(better)}"
                if better
                else "more shots are nowhere clearly better"
            )
            + "; "
            + (f"clearly worse in: {', '.join(worse)}" if worse else "nowhere clearly worse")
        ),
        differs=f"{MINI}; up to {max(row['most'] for row in more)} shots, probe sets redrawn {found['draws']} times",
    )


def maps(found):
    """The headline gain, on real weights."""
    gain = found["gains"][0]
    if found["stand_in"]:
        return dict(ours="stand-in numbers only; see the page", status="not run on real weights")
    return dict(
        ours=f"{points(gain['delta'])} points [{points(gain['low'])}, {points(gain['high'])}] on {gain['questions']} questions",
        status="reproduced" if gain["low"] > 0 else "not reproduced",
    )


CLAIMS = (
    (
        "C1. Some layers interfere",
        "03_do_all_layers_help",
        interfering,
        "knocking out one layer can raise accuracy on some of nearly 100 tasks, "
        "in three model families",
        MINI + "; every gain is tested and compared with chance",
    ),
    (
        "C2. Similar tasks, similar vectors",
        "04_task_layer_interaction_vectors",
        similar,
        "tasks that need similar abilities have highly correlated vectors, and cluster",
        MINI
        + "; compared with a permutation of the abilities, with and without each layer's mean effect",
    ),
    (
        "C3. The kind of intervention hardly matters",
        "06_kind_of_intervention",
        kinds,
        "r > 0.95 between zeroing and uniform attention; noise collapses the model",
        MINI + "; correlation a task, with an interval over tasks",
    ),
    (
        "C4. TaLo improves accuracy without training",
        "05_talo",
        talo,
        "up to +10.4 points on LLaVA, on chosen tasks",
        MINI
        + "; the mean over redrawn probe sets, measured on questions that did not choose the layer",
    ),
    (
        "C4, headline. ScienceQA Maps",
        "20_real_vlm_scienceqa_maps",
        maps,
        "+16.6 points with Qwen-VL",
        "written for a free Colab GPU",
    ),
    (
        "C5. Gains carry over across models and datasets",
        "11_whole_benchmarks",
        carry_over,
        "gains on chosen tasks of MMStar, MMBench, MMMU, ScienceQA and SEED-Bench, in three model "
        "families",
        "two mini VLMs of different architecture, the drawn benchmark and easy-VQA; whole layers; "
        "all tasks",
    ),
    (
        "C6. Better than fine-tuning with the same shots",
        "12_against_fine_tuning",
        tuning,
        "+2 to 4 points, over 10 times faster",
        "a mini VLM trained from scratch on drawn pictures; only tasks it was never taught, where "
        "there is room to gain and fine-tuning has "
        "most to teach",
    ),
    (
        "C7. 10 to 20 probe questions are enough",
        "07_how_many_shots",
        shots,
        "10 to 20 shots suffice, more can be worse",
        "",
    ),
)


def write(experiments: Path, page: Path):
    """Write the page from the JSON files in `experiments`; a claim whose notebook was not run says
    so.
    """
    rows = []
    for title, name, tell, paper, differs in CLAIMS:
        path, row = experiments / f"{name}.json", dict(title=title, paper=paper, differs=differs)
        if path.exists():
            found = json.loads(path.read_text())
            rows.append(row | dict(made=made(found, name)) | tell(found))
        else:
            rows.append(row | dict(ours="-", status="not run", differs="-", made="no notebook yet"))
    outcomes = "\n".join(f"| {row['title']} | {row['status']} |" for row in rows)
    questions = "\n".join(
        f"| {question} | {{doc}}`experiments/{name}` |" for question, name in QUESTIONS
    )
    page.write_text(
        PAGE.format(
            outcomes=outcomes,
            rows="\n".join(CLAIM.format(**row) for row in rows),
            questions=questions,
        )
    )
