"""Stand-ins for benchmarks on the Hub are those that would be drawn today."""

import pandas as pd
import stand_ins


def test_they_are_written_anew_where_they_would_be_others(tmp_path, monkeypatch):
    path = tmp_path / "scienceqa" / "part-0.parquet"
    stand_ins.write(tmp_path, 1)
    first = path.stat()
    stand_ins.write(tmp_path, 1)
    assert path.stat().st_mtime_ns == first.st_mtime_ns
    monkeypatch.setattr(stand_ins, "MAPS", stand_ins.MAPS[:1])
    stand_ins.write(tmp_path, 2)
    assert len(pd.read_parquet(path)) == 2
    assert {entry.name for entry in tmp_path.iterdir()} == {"scienceqa", "mmstar"}
