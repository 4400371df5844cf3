"""The playground's model answers as PyTorch's does, from the very files that the page loads."""

import gzip
import json
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wasmtime
from playground_requests import asked_of_pytorch

import playground
from talo_mini import load_benchmark

ROOT = Path(__file__).resolve().parents[2] / "playground"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node runs the page's modules; install it")
PER_TASK = int(os.environ.get("PLAYGROUND_QUESTIONS", "4"))  # make test-playground: 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("playground") / "built"
    playground.write(folder, PER_TASK)
    return folder


def run(script, *arguments, lines=()):
    """What a script of the playground's tests prints, a value of JSON a line."""
    done = subprocess.run(
        [NODE, ROOT / "tests" / script, *arguments],
        input="\n".join(map(json.dumps, lines)) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@needs_node
def test_answers_are_those_of_pytorch(folder):
    """Of every task in both forms, whole and without a random part, planted faults too."""
    requests, expected = asked_of_pytorch(PER_TASK, seed=0)
    found = run("answers.js", folder, lines=requests)
    assert len(found) == len(expected) == 42 * 2 * PER_TASK
    for own, wanted in zip(found, expected, strict=True):
        assert np.allclose(np.exp(own), np.exp(wanted), atol=1e-3)
        assert np.argmax(own) == np.argmax(wanted)


@needs_node
def test_modules_pass_their_own_tests():
    done = subprocess.run(
        [NODE, "--test", *sorted((ROOT / "tests").glob("*.test.js"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "# fail 0" in done.stdout


@needs_node
def test_pictures_drawn_in_the_page_are_those_the_model_knows(folder):
    """It answers them as well as those of its own world, of which it answers nine in ten."""
    (right,) = run("drawn.js", folder)
    assert min(right.values()) >= 0.9 and set(right) == {"object_colour", "chart_tallest"}


@pytest.mark.skipif(
    not (ROOT / "node_modules").exists(), reason="types need `npm install` in playground/"
)
def test_types_hold():
    done = subprocess.run(
        ["npx", "tsc", "--project", "tsconfig.json"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("rows", "outputs", "inputs"), [(1, 151, 128), (7, 6, 8), (5, 3, 4)])
def test_the_kernel_multiplies(folder, rows, outputs, inputs):
    store = wasmtime.Store()
    module = wasmtime.Module(store.engine, (folder / "kernel.wasm").read_bytes())
    exports = wasmtime.Instance(store, module, []).exports(store)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, inputs)).astype(np.float32)
    w = rng.normal(size=(outputs, inputs)).astype(np.float32)
    memory = exports["memory"]
    memory.grow(store, 4)
    memory.write(store, x.tobytes() + w.tobytes(), 0)
    out = x.nbytes + w.nbytes
    exports["linear"](store, 0, x.nbytes, out, rows, outputs, inputs)
    found = np.frombuffer(memory.read(store, out, out + 4 * rows * outputs), np.float32)
    assert np.allclose(found.reshape(rows, outputs), x @ w.T, atol=1e-4)


def test_packed_questions_are_those_of_the_benchmark(folder):
    asked = load_benchmark("mini-worlds", ["map_west"], PER_TASK)
    data = gzip.decompress((folder / "questions" / "map_west.pack").read_bytes())
    length = int.from_bytes(data[:4], "little")
    rows = json.loads(data[4 : 4 + length])
    pixels = np.frombuffer(data[4 + length :], np.uint8).reshape(-1, 64, 64, 3)
    for number, (row, picture) in enumerate(zip(rows, pixels, strict=True)):
        for form in asked.forms:
            question = next(q for q in asked.questions if q.id == f"map_west/{number}/{form}")
            assert (picture == np.asarray(question.image)).all()
            assert row["text"] == question.text and row["seen"] == list(question.seen)
            assert row[form] == dict(options=list(question.options), answer=question.answer)


def test_what_changes_while_the_files_are_made_is_made_anew(tmp_path, monkeypatch):
    """Two that ask at once get the same folder, which one of them makes."""
    made, digests = [], iter(("old", "new", "new", "new"))

    def slowly(folder):
        time.sleep(0.3)
        made.append(folder)
        folder.mkdir()

    monkeypatch.setattr(playground, "BUILT", tmp_path / "playground")
    monkeypatch.setattr(playground, "digest", lambda: next(digests))
    monkeypatch.setattr(playground, "write", slowly)
    playground.built()
    assert (playground.BUILT / "mark").read_text() == "old"
    with ThreadPoolExecutor() as pool:
        folders = list(pool.map(lambda _: playground.built(), range(2)))
    assert set(folders) == {playground.BUILT} and len(made) == 2
    assert playground.built() and (playground.BUILT / "mark").read_text() == "new"


def test_the_first_page_shows_questions_that_the_head_spoils():
    """As the published table of outcomes has them, and as many as were recorded."""
    outcomes = pd.read_parquet(playground.TABLE)
    own = outcomes[(outcomes.task == "map_west") & (outcomes.form == "direct")]
    table, asked = playground.swept(load_benchmark("mini-worlds", ["map_west"], 40))
    spoiled = playground.cured(table, asked)
    assert spoiled == list(np.flatnonzero(own["head 3, 0"][:40] & ~own.base[:40]))
    assert playground.landing(table, asked)["numbers"] == spoiled[:8]
    page = playground.recorded(table, asked)
    assert page.count("<img") == 3 and "without head 3 of layer 0" in page


def test_the_game_has_a_bit_for_each_question():
    cells = playground.cells(pd.read_parquet(playground.TABLE))
    assert len(cells) >= 10
    for cell in cells:
        assert len(cell["without"]) == 12
        assert {len(bits) for bits in (cell["base"], *cell["without"])} == {200}
        assert cell["base"].count("1") < 194
