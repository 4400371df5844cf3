"""Walk the way from a model and a file of questions to a layer left out, and write it as a page:
`python notebooks/use_it.py` writes book/use_it.md.
"""

import contextlib
import io
import os
import shlex
import shutil
import tempfile
from pathlib import Path

import jinja2
import pandas as pd

from talo_mini import load_benchmark
from talo_mini.command import main as command
from talo_mini.models.loading import MINIS

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "notebooks" / "use_it.template.md"
PAGE = ROOT / "book" / "use_it.md"
MODEL = "llava-mini"
TASKS = ("chart_shortest", "map_west", "count_all")
PER_TASK = 120
COMMANDS = (
    "talo-mini choose ./my-model questions.csv --shots 40 --prompt bare \\\n"
    "    --parts 'head 0' 'head 1' 'head 2' 'head 3'",
    "talo-mini evaluate ./my-model more-questions.csv --prompt bare \\\n    --choice choice.json",
    "talo-mini export ./my-model --out my-model-without \\\n"
    "    --choice choice.json --task chart_shortest",
)
PYTHON = """
from talo_mini import evaluate, export, load_benchmark, load_vlm, talo

vlm = load_vlm("./my-model")
heads = ["head 0", "head 1", "head 2", "head 3"]
asked = load_benchmark("questions.csv", prompt="bare")
more = load_benchmark("more-questions.csv", prompt="bare")
choice = talo(vlm, asked, parts=heads, shots=40)
print(*evaluate(vlm, more, choice), sep="\\n")
with choice(vlm, task="chart_shortest"):
    print(vlm.generate(more.subset(["chart_shortest"], per_task=5)))
export(vlm, "the-same", *choice.knockouts("chart_shortest"))
""".strip()


def prepare(folder: Path):
    """What a user comes with: a model in a folder, and questions in tables beside pictures."""
    shutil.copytree(MINIS / MODEL, folder / "my-model")
    for name, source in (("questions", "mini-worlds-train"), ("more-questions", "mini-worlds")):
        benchmark = load_benchmark(source, tasks=TASKS, per_task=PER_TASK, form="choice")
        (folder / "pictures").mkdir(exist_ok=True)
        rows = []
        for number, question in enumerate(benchmark.questions):
            picture = Path("pictures") / f"{name}-{number}.png"
            (folder / picture).write_bytes(question.image_bytes)
            options = dict(zip("ABCDEFGH", question.options, strict=False))
            about = dict(question=question.text, answer="ABCDEFGH"[question.answer])
            rows.append(about | options | dict(category=question.task, image=str(picture)))
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)


def walked(folder: Path) -> dict:
    """The commands and the Python lines with what they print, run in a folder."""
    with contextlib.chdir(folder):
        printed = [(words, _printed(lambda words=words: _run(words))) for words in COMMANDS]
        python = _printed(lambda: exec(PYTHON, {}))
        table = Path("questions.csv").read_text(encoding="utf-8").splitlines()[:4]
    return dict(commands=printed, python=PYTHON, python_printed=python, table="\n".join(table))


def _run(words):
    _, *arguments = shlex.split(words.replace("\\\n", " "))
    command(arguments)


def _printed(run) -> str:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        run()
    return output.getvalue().strip()


def page(results: dict) -> str:
    """The page: prose of the template around what was printed."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(**results)


def main():
    """Walk the way and write the page."""
    os.environ["CI"] = "true"  # no progress bars
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        PAGE.write_text(page(walked(Path(folder))).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
