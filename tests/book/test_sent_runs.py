"""Every run that was sent in is a choice; the page tells each in one line, ours first."""

import shutil
from dataclasses import replace

import pytest
import sent_runs

from talo_mini import BadInput
from talo_mini.studies.choice import Choice


def test_every_file_is_a_choice_with_gains_measured_on_other_pictures():
    found = sent_runs.rows(sent_runs.RUNS)
    assert len(found) == len(list(sent_runs.RUNS.iterdir())) >= 6
    for one in found:
        assert one["gaining"] <= one["left_out"] <= one["tasks"]
    ours = [one["ours"] for one in found]
    assert ours == sorted(ours, reverse=True) and any(ours)


def test_a_run_has_a_line_and_a_file_that_is_none_is_told(tmp_path):
    shipped = sent_runs.RUNS / "ours-smollm-mini-half-direct.json"
    shutil.copy(shipped, tmp_path / "theirs.json")
    sent_runs.write(tmp_path, tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()
    (line,) = (line for line in page.splitlines() if line.startswith("| smollm"))
    choice = Choice.load(shipped)
    mean = choice.table().gain.mean()
    assert f"{100 * mean:+.1f} points [" in line and choice.digest in line and "ours" not in line
    assert "Nobody has sent" not in page and "built-in" not in page
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(BadInput, match=r"broken\.json"):
        sent_runs.rows(tmp_path)


def test_what_was_sent_under_our_name_or_twice_is_told(tmp_path):
    shipped = sent_runs.RUNS / "ours-llava-mini-choice.json"
    shutil.copy(shipped, tmp_path / "ours-best.json")
    with pytest.raises(BadInput, match="named as one of our own"):
        sent_runs.rows(tmp_path)
    (tmp_path / "ours-best.json").rename(tmp_path / "one.json")
    shutil.copy(shipped, tmp_path / "two.json")
    with pytest.raises(BadInput, match=r"two\.json tells the run of one\.json again"):
        sent_runs.rows(tmp_path)


def test_names_are_shown_and_not_read_as_markup(tmp_path):
    choice = Choice.load(sent_runs.RUNS / "ours-llava-mini-choice.json")
    odd = replace(choice, model="a|b <script>x</script>\n[here](there)", versions={})
    odd.save(tmp_path / "odd.json")
    sent_runs.write(tmp_path, tmp_path / "page.md")
    (line,) = (line for line in (tmp_path / "page.md").read_text().splitlines() if "script" in line)
    assert line.count("|") == 10 and "<" not in line and "](" not in line and "?, ?" in line


def test_without_others_the_page_says_so(tmp_path):
    sent_runs.write(sent_runs.RUNS, tmp_path / "page.md")
    theirs = [one for one in sent_runs.rows(sent_runs.RUNS) if not one["ours"]]
    assert ("Nobody has sent" in (tmp_path / "page.md").read_text()) == (not theirs)
