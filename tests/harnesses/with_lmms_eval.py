"""Run the real lmms-eval with the model `talo` on a task of local files, whole and without a head,
and compare what it logs with the same answers asked for here: `make test-lmms-eval`.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from talo_mini import interaction_vectors, knockout, load_benchmark, load_vlm
from talo_mini.harnesses import read_samples
from talo_mini.interventions.names import BASE_CELL, as_knockouts

CELL = ("head 0", "zero", 0)
TASK = "mini_worlds_local"
YAML = f"""
task: {TASK}
dataset_path: json
dataset_kwargs: {{data_files: {{test: questions.jsonl}}}}
test_split: test
output_type: generate_until
doc_to_visual: !function utils.doc_to_visual
doc_to_text: question
doc_to_target: answer
generation_kwargs: {{max_new_tokens: 4, until: ["\\n"]}}
metric_list:
  - {{metric: exact_match, aggregation: mean, higher_is_better: true, ignore_case: true}}
metadata: {{version: 0.0}}
"""
UTILS = """
from PIL import Image


def doc_to_visual(doc):
    return [Image.open(doc["image"]).convert("RGB")]
"""


def write_task(folder, benchmark):
    """A task of local files: its YAML, its functions, its questions and pictures."""
    folder.mkdir()
    (folder / "task.yaml").write_text(YAML)
    (folder / "utils.py").write_text(UTILS)
    lines = []
    for number, question in enumerate(benchmark.questions):
        picture = folder / f"{number}.png"
        picture.write_bytes(question.image_bytes)
        right = question.options[question.answer]
        lines.append(dict(question=question.text, answer=right, image=str(picture)))
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")


def evaluate(folder, arguments, out):
    """One run of lmms-eval; it ends with status 0 whatever happens, so its files are looked for."""
    words = ["--model", "talo", "--model_args", arguments, "--tasks", TASK, "--log_samples"]
    words += ["--include_path", str(folder), "--output_path", str(out), "--batch_size", "1"]
    offline = dict(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", CI="true")
    command = [sys.executable, "-m", "lmms_eval", *words]
    environment = {**os.environ, **offline}
    found = subprocess.run(command, env=environment, capture_output=True, text=True)
    if not list(Path(out).rglob("*_results.json")):
        raise SystemExit(
            f"lmms-eval wrote no results:\n{found.stdout[-3000:]}{found.stderr[-3000:]}"
        )


def main():
    """Run it, and compare."""
    benchmark = load_benchmark("mini-worlds", ["chart_shortest"], 24, "direct")
    vlm = load_vlm("llava-mini", "cpu")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_task(folder / "task", benchmark)
        evaluate(folder / "task", "pretrained=llava-mini", folder / "base")
        part, _, layer = CELL
        without = f"pretrained=llava-mini,part={part},layer={layer}"
        evaluate(folder / "task", without, folder / "without")
        table = read_samples({BASE_CELL: folder / "base", CELL: folder / "without"})
    for cell, own in table.groupby(["part", "effect", "layer"]):
        known = () if cell == BASE_CELL else as_knockouts(*cell)
        with knockout(vlm, *known):
            wanted = vlm.generate(benchmark, max_new_tokens=4)
        assert own.written.tolist() == [text.strip() for text in wanted], (
            cell,
            own.written,
            wanted,
        )
    vectors = interaction_vectors(table, CELL[0])
    print(vectors[["layer", "questions", "base", "accuracy", "delta", "low", "high", "p"]])
    print("lmms-eval and talo-mini give the same answers")


if __name__ == "__main__":
    main()
