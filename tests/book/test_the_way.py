"""The page that shows the way was printed by the commands it shows."""

import use_it


def test_the_page_is_what_the_commands_print(tmp_path, monkeypatch):
    monkeypatch.setenv("CI", "true")
    use_it.prepare(tmp_path)
    assert use_it.page(use_it.walked(tmp_path)).rstrip() == use_it.PAGE.read_text().rstrip()
    saved = [tmp_path / name / "model.safetensors" for name in ("my-model-without", "the-same")]
    assert saved[0].read_bytes() == saved[1].read_bytes()


def test_the_way_is_three_commands_or_ten_lines():
    assert len(use_it.COMMANDS) == 3
    code = [line for line in use_it.PYTHON.splitlines() if line]
    assert len(code) <= 10 and max(map(len, code)) <= 100
