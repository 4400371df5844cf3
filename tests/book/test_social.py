"""The picture that other sites show of the book."""

import json
import shutil

import run
import social
from PIL import Image

RESULTS = "23_the_head_that_interferes.json"


def test_it_has_the_size_that_sites_want(tmp_path):
    social.draw(run.ROOT / run.EXPERIMENTS, tmp_path / social.NAME)
    with Image.open(tmp_path / social.NAME) as picture:
        assert picture.size == (1200, 630) and len(picture.getcolors(10**6)) > 20


def test_its_bars_are_those_of_the_results(tmp_path):
    """Another accuracy makes another picture."""
    shutil.copy2(run.ROOT / run.EXPERIMENTS / RESULTS, tmp_path)
    found = json.loads((tmp_path / RESULTS).read_text(encoding="utf-8"))
    social.draw(tmp_path, tmp_path / "one.png")
    found["confirmed"][0]["accuracy"] += 0.1
    (tmp_path / RESULTS).write_text(json.dumps(found), encoding="utf-8")
    social.draw(tmp_path, tmp_path / "other.png")
    assert (tmp_path / "one.png").read_bytes() != (tmp_path / "other.png").read_bytes()
