import commands
import pytest


def test_parts_of_the_book_are_read_from_what_it_prints():
    printed = "03_do_all: 120 s\n05_talo: unchanged, kept\npages: 80 s\nThe book is ready"
    assert commands.parts(printed) == {"03_do_all": 120, "pages": 80}


def test_tests_are_summed_by_file(tmp_path):
    report = tmp_path / "tests.xml"
    report.write_text(
        '<testsuites><testsuite><testcase classname="tests.a.test_b" time="1.5"/>'
        '<testcase classname="tests.a.test_b" time="2"/>'
        '<testcase classname="tests.test_c" time="1"/></testsuite></testsuites>'
    )
    assert commands.files(report) == {"tests/a/test_b": 3.5, "tests/test_c": 1.0}


def test_a_command_that_fails_shows_the_end_of_what_it_printed(tmp_path):
    (tmp_path / "Makefile").write_text("good:\n\techo fine $$NAME\nbad:\n\techo broken; exit 3\n")
    minutes, printed = commands.timed(tmp_path, "good", NAME="now")
    assert minutes > 0 and "fine now" in printed
    with pytest.raises(RuntimeError, match=r"make bad failed:[\s\S]*broken"):
        commands.timed(tmp_path, "bad")


def test_the_page_names_both_bars():
    found = dict(installing=2.5, testing=11.2, making=17.0, parts=[("pages", 80)], files=[("t", 9)])
    found |= dict(heavy=[("book/index.html", 2100)], middling=900)
    text = commands.page(found, "two threads, commit abc")
    assert "two threads, commit abc. Made by" in text
    assert "| book/index.html | 2,100 |" in text and "A middling page has 900;" in text
    assert "**11.2 minutes**" in text and "**17.0 minutes**" in text
    assert "| pages | 80 |" in text and "| `t` | 9 |" in text


def test_what_was_measured_is_kept_where_a_later_command_fails(tmp_path, monkeypatch):
    ran = []

    def part(name, fails=False):
        def run(clone, report):
            assert (clone / "Makefile").exists()
            ran.append(name)
            if fails:
                raise RuntimeError(name)
            return 1.5, {f"{name} parts": [("a", 2)]}

        return run

    monkeypatch.setattr(commands, "install", part("install"))
    monkeypatch.setattr(commands, "run_tests", part("tests"))
    monkeypatch.setattr(commands, "make_book", part("book", fails=True))
    kept = tmp_path / "kept" / "one.json"
    with pytest.raises(RuntimeError, match="book"):
        commands.measure(kept)
    monkeypatch.setattr(commands, "make_book", part("book again"))
    found = commands.measure(kept)
    assert ran == ["install", "tests", "book", "book again"]
    assert found["testing"] == 1.5 and found["book again parts"] == [("a", 2)]


def test_a_page_weighs_what_it_names_each_file_once(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "own style.css").write_bytes(b"x" * 3000)
    (tmp_path / "book" / "a.js").write_bytes(b"x" * 5000)
    names = '<link href="../own%20style.css?v=1"><script src="a.js"></script><script>1</script>'
    names += '<img src="../own%20style.css"><img src="data:image/png;base64,AA"><img src="no.png">'
    (tmp_path / "book" / "a.html").write_text(names.ljust(1000))
    assert commands.weights(tmp_path) == {"book/a.html": 9}
