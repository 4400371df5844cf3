import json

import numpy as np

from talo_mini import load_benchmark
from talo_mini.report import save_headline


def test_what_is_no_number_is_null_for_strict_readers(tiny, tmp_path):
    def strict(word):
        raise ValueError(word)

    benchmark = load_benchmark("mini-worlds", tasks=["more"], per_task=2)
    path = save_headline(
        str(tmp_path),
        "01_x",
        tiny,
        benchmark,
        3,
        dict(gain=np.float64(0.5), rows=[dict(low=float("nan"), high=np.inf)]),
    )
    found = json.loads(path.read_text(), parse_constant=strict)
    assert found["gain"] == 0.5 and found["rows"] == [dict(low=None, high=None)]
    assert (
        found["questions"] == 4
        and found["chance"] == 0.5
        and found["seed"] == 3
        and found["malformed"] == 0
    )
