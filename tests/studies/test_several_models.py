"""Each model is asked with the parts that it has, and described as it is."""

import pandas as pd
import pytest

from talo_mini import BadInput, load_benchmark, load_vlm, sweep
from talo_mini.analysis import task_accuracy
from talo_mini.studies.several_models import about_models, sweep_each, sweep_each_form

PARTS = ["cross-attention", "mlp", "vision: mlp"]


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", tasks=["object_colour", "more"], per_task=3)


def test_every_model_is_asked_every_benchmark(tiny, benchmark, tmp_path):
    """Benchmark by benchmark, with the parts and the cache that were given."""
    vlms = {"tiny": tiny, "mllama-mini": load_vlm("mllama-mini")}
    asked = {form: benchmark.subset(form=form) for form in ("direct", "choice")}
    sweeps = sweep_each(vlms, asked, ("mlp",), tmp_path)
    assert list(sweeps) == [(name, form) for form in asked for name in vlms]
    wanted = sweep(tiny, asked["choice"], parts=["mlp"])
    pd.testing.assert_frame_equal(sweeps["tiny", "choice"], wanted)
    assert any(tmp_path.rglob("*.parquet"))


def test_each_form_is_swept_with_the_parts_that_the_model_has(tiny, benchmark):
    found = sweep_each_form(tiny, benchmark, {"direct": PARTS, "choice": ["mlp"]})
    wanted = [
        sweep(tiny, benchmark.subset(form="direct"), parts=["mlp", "vision: mlp"]),
        sweep(tiny, benchmark.subset(form="choice"), parts=["mlp"]),
    ]
    pd.testing.assert_frame_equal(found, pd.concat(wanted, ignore_index=True))
    alone = sweep_each_form(tiny, benchmark, {"direct": ["cross-attention"]})
    assert set(alone.part) == {"base"} and set(alone.form) == {"direct"}
    with pytest.raises(BadInput, match="unknown part 'nose'"):
        sweep_each_form(tiny, benchmark, {"direct": ["nose"]})


def test_models_are_told_with_their_weights_and_stacks(tiny, benchmark):
    vlms = {"tiny": tiny, "mllama-mini": load_vlm("mllama-mini")}
    asked = benchmark.subset(form="direct")
    outcomes = {name: sweep(vlm, asked, layers=[]) for name, vlm in vlms.items()}
    found = about_models(vlms, outcomes).set_index("model")
    assert found.decoder["tiny"] == 4 and found.vision["tiny"] == 3
    assert found.weights["mllama-mini"] == "3.2 million"
    accuracy = task_accuracy(outcomes["tiny"])
    for column in ("accuracy", "chance", "informed"):
        assert found[column]["tiny"] == pytest.approx(accuracy[column].mean())
    (second,) = (name for name in found if name.startswith("vision ("))
    assert pd.isna(found[second]["tiny"]) and found[second]["mllama-mini"] == 1
