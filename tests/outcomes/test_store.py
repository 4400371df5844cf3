"""The store as a state machine: what was kept is found, whatever happens to files in between."""

import tempfile
from pathlib import Path

import pandas as pd
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from talo_mini.outcomes.store import OutcomeStore
from talo_mini.outcomes.table import COLUMNS

DIGESTS = [f"d{i}" for i in range(6)]


def rows(digests, layer):
    """An outcome of each question with one layer knocked out."""
    kept = {name: "x" for name in COLUMNS} | dict(part="mlp", effect="zero", layer=layer)
    kept |= dict(answer=0, correct=True, chance=0.5)
    table = pd.DataFrame([kept | dict(digest=digest) for digest in digests])
    return table.assign(scores=[[0.0, -1.0]] * len(table))


class Store(RuleBasedStateMachine):
    """Rows are added in any order, twice too; files are damaged, removed or half written."""

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.store = OutcomeStore(self.folder.name)
        self.files = {}  # what each file holds

    @rule(digests=st.sets(st.sampled_from(DIGESTS), min_size=1), layer=st.integers(0, 2))
    def add(self, digests, layer):
        path = self.store.add("key", rows(sorted(digests), layer))
        self.files[path] = {(digest, layer) for digest in digests}

    @rule(data=st.data())
    def damage(self, data):
        if self.files:
            path = data.draw(st.sampled_from(sorted(self.files)))
            path.write_bytes(path.read_bytes()[:-3] + b"odd")
            del self.files[path]

    @rule(data=st.data())
    def remove(self, data):
        if self.files:
            path = data.draw(st.sampled_from(sorted(self.files)))
            path.unlink()
            del self.files[path]

    @rule()
    def be_killed_while_writing(self):
        folder = Path(self.folder.name) / "key"
        folder.mkdir(exist_ok=True)
        (folder / "unfinished.part").write_bytes(b"PAR1")

    @invariant()
    def what_was_kept_is_found(self):
        if not hasattr(self, "store"):
            return
        found = self.store.read("key")
        expected = set().union(*self.files.values()) if self.files else set()
        assert set(zip(found.digest, found.layer, strict=True)) == expected
        assert len(found) == len(expected)
        some = self.store.read("key", {"d1", "d2"})
        assert set(some.digest) == {digest for digest, _ in expected} & {"d1", "d2"}

    def teardown(self):
        if hasattr(self, "folder"):
            self.folder.cleanup()


TestStore = Store.TestCase
TestStore.settings = settings(max_examples=20, stateful_step_count=12, deadline=None)
