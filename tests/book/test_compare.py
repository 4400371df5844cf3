import sys

import compare
import pytest


def test_only_what_differs_is_told():
    old = dict(a=1.0, b=[dict(c="x", d=2.0)], gone=3)
    new = dict(a=1.0 + 1e-12, b=[dict(c="y", d=2.5)], more=4)
    assert compare.differing(old, new) == [
        (".b[0].c", "x", "y"),
        (".b[0].d", 2.0, 2.5),
        (".gone", 3, "(none)"),
        (".more", "(none)", 4),
    ]


@pytest.mark.parametrize("given", [[], ["no-such-revision"], ["HEAD", "HEAD"]])
def test_an_unknown_revision_is_told(given, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["compare.py", *given])
    with pytest.raises(SystemExit, match=r"is no commit|say since which commit"):
        compare.main()
