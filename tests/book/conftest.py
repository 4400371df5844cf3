"""The book, built once for all tests of a process that look at its pages."""

import shutil

import pytest
import run


@pytest.fixture(scope="session")
def html():
    stage = run.ROOT / "_build" / "test_book"
    shutil.rmtree(stage / run.EXPERIMENTS, ignore_errors=True)  # an earlier run's copies
    run.stage_book(stage)
    return run.build(stage).parent
