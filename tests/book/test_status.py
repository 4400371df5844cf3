"""The page of status tells every chapter's run, as its results file has it."""

import json

import run
import status


def test_every_chapter_has_a_row(tmp_path):
    published = run.ROOT / run.EXPERIMENTS
    status.write(published, tmp_path / "status.md")
    page = (tmp_path / "status.md").read_text()
    for notebook in run.NOTEBOOKS:
        told = json.loads((published / f"{notebook.stem}.json").read_text())
        (row,) = (line for line in page.splitlines() if f"/{notebook.stem}`" in line)
        assert f"`{told['commit']}`" in row and f"`{told['model_digest']}`" in row


def test_minutes_are_told_where_they_were_noted(tmp_path):
    about = dict(commit="abc", model="m", model_digest="d", questions=1200)
    about |= dict(versions=dict(torch="2", transformers="5"))
    (tmp_path / "01_a.json").write_text(json.dumps(about | dict(seconds=90)))
    (tmp_path / "02_b.json").write_text(json.dumps(about))
    assert [row["minutes"] for row in status.rows(tmp_path)] == ["1.5", "-"]
