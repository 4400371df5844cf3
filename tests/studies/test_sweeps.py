from talo_mini.studies.sweeps import sweep_each


def test_every_model_is_asked_every_benchmark(monkeypatch):
    """Benchmark by benchmark, with the parts and the cache that were given."""

    def asked(vlm, benchmark, parts, cache):
        return vlm, benchmark, parts, cache

    monkeypatch.setattr("talo_mini.studies.sweeps.sweep", asked)
    sweeps = sweep_each({"m": "M", "n": "N"}, {"x": "X", "y": "Y"}, ("mlp",), "folder")
    assert list(sweeps) == [("m", "x"), ("n", "x"), ("m", "y"), ("n", "y")]
    assert sweeps["n", "x"] == ("N", "X", ["mlp"], "folder")
