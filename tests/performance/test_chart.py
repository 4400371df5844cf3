"""The chart that leads the speed pages."""

import chart
import matplotlib.pyplot as plt
from PIL import Image


def test_it_is_drawn_and_closed(tmp_path):
    rows = [
        dict(label="model: this engine", times=3.2, bound=3.4, ours=True),
        dict(label="model: another way", times=1.1, bound=None, ours=False),
    ]
    before = plt.get_fignums()
    chart.save_chart(rows, "A sweep beside plain hooks", tmp_path / "chart.png")
    with Image.open(tmp_path / "chart.png") as picture:
        assert picture.width > 1000
    assert plt.get_fignums() == before
