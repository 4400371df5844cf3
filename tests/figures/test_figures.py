import matplotlib
import numpy as np
import pandas as pd
import pytest
from conftest import made_up_outcomes
from PIL import Image

from talo_mini import figures, interaction_vectors, load_benchmark, talo_gains
from talo_mini.analysis import cluster_order, matrix, similarity, task_accuracy
from talo_mini.figures.pictures import side_by_side

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def outcomes():
    rng = np.random.default_rng(0)
    tasks = [f"{ability} {i}" for ability in ("see", "count") for i in range(3)]
    return made_up_outcomes(
        {t: rng.random(60) < 0.6 for t in tasks},
        {t: rng.random((60, 5)) < rng.random(5) for t in tasks},
    )


def texts(figure):
    figure.canvas.draw()
    return " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


def test_every_figure_names_its_axes_units_and_tasks(outcomes):
    vectors = interaction_vectors(outcomes)
    similar = similarity(matrix(vectors))
    abilities = vectors.drop_duplicates("task").set_index("task").ability
    accuracy = task_accuracy(outcomes)
    drawn = {
        "accuracy (%)": figures.show_accuracy(accuracy, "a finding"),
        "layer knocked out": figures.show_heat_map(vectors, "a finding"),
        "change of accuracy (points)": figures.show_gains(
            talo_gains(outcomes, draws=3), "a finding"
        ),
        "correlation of vectors": figures.show_similarity(
            similar, abilities, cluster_order(similar)[0], "a finding"
        ),
    }
    for label, figure in drawn.items():
        found = texts(figure)
        assert label in found and "a finding" in found and "count 2" in found


@pytest.mark.parametrize("form", ["choice", "direct", "open"])
def test_the_accuracy_of_any_form_is_drawn_and_no_other_named(outcomes, form):
    accuracy = task_accuracy(outcomes.assign(form=form))
    figure = figures.show_accuracy(accuracy, "a finding")
    points = figure.axes[0].containers[0].lines[0]
    assert sorted(points.get_xdata()) == pytest.approx(sorted(100 * accuracy.accuracy))
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named == ["a blind guess", "a guess that has looked", f"{form} form (95% interval)"]


def test_dots_mark_what_survives_false_discovery_control(outcomes):
    vectors = interaction_vectors(outcomes)
    figure = figures.show_heat_map(vectors, "a finding")
    dots = figure.axes[0].lines[0]
    assert len(dots.get_xdata()) == (vectors.q < 0.05).sum() > 0


def test_questions_are_shown_with_their_answer():
    questions = load_benchmark(
        "mini-worlds", tasks=["object_colour"], per_task=3, form="direct"
    ).questions
    found = texts(figures.show_questions(questions, columns=2))
    assert all(f"→ {q.options[q.answer]}" in found for q in questions)


def test_pictures_of_one_question_stand_side_by_side():
    first, second = Image.new("RGB", (32, 16), "red"), Image.new("RGB", (10, 32), "blue")
    shown = side_by_side([first, second])
    assert shown.shape == (16, 32 + 1 + 5, 3)
    assert (shown[:, :32] == (255, 0, 0)).all() and (shown[:, 32] == 255).all()
    assert (shown[:, 33:] == (0, 0, 255)).all()
    assert (side_by_side([first]) == np.asarray(first)).all()


def test_curves_and_spreads():
    curve = pd.DataFrame(dict(shots=[1, 10], delta=[0.0, 0.1], low=[-0.1, 0.0], high=[0.1, 0.2]))
    found = texts(
        figures.show_curves(
            {"one": curve}, "shots", "a finding", "probe questions", "gain (points)"
        )
    )
    assert all(
        word in found for word in ("a finding", "probe questions", "gain (points)", "one", "10")
    )
    figure = figures.show_spread(
        {"one": [0.1, 0.2, 0.2], "two": [0.3]}, "a finding", "gain (points)"
    )
    assert all(
        word in texts(figure)
        for word in ("a finding", "share (%)", "one", "two", "its mean, +16.7", "its mean, +30.0")
    )
    heights = [patch.get_xy()[1:-1:2, 1].sum() for patch in figure.axes[0].patches]
    assert heights == pytest.approx([100, 100])


def test_heads_depths_and_pairs():
    heads = pd.DataFrame(
        [
            dict(part=f"head {h}", layer=i, delta=0.01 * (h - i), clear=h == 1)
            for h in range(2)
            for i in range(3)
        ]
    )
    figure = figures.show_grid(
        heads, "part", "layer", "delta", "a finding", "change of accuracy (points)", "layer"
    )
    assert all(
        word in texts(figure)
        for word in ("a finding", "head 1", "layer", "change of accuracy (points)")
    )
    assert len(figure.axes[0].lines[0].get_xdata()) == 3
    depth = pd.DataFrame(dict(delta=[-1.0, 2.0], low=[-1.5, 1.0], high=[-0.5, 3.0]))
    assert all(
        word in texts(figures.show_depth({"one": depth}, "a finding", "layers", "lead (nats)"))
        for word in ("one", "lead (nats)")
    )
    table = pd.DataFrame(dict(a=[0.0, 1.0], b=[0.5, 0.9]))
    assert "equal" in texts(
        figures.show_pairs({"one": table}, "a", "b", "a finding", "a (nats)", "b (nats)")
    )
    assert "equal" not in texts(
        figures.show_pairs(
            {"one": table}, "a", "b", "a finding", "a (nats)", "b (nats)", line=False
        )
    )


def test_changes_are_drawn_in_points_or_as_they_are():
    table = pd.DataFrame(dict(delta=[0.9], low=[0.8], high=[1.0]))
    for scale, expected in ((100, 90), (1, 0.9)):
        _, axis = figures.show_changes(table, ["one"], "a finding", scale=scale)
        assert axis.lines[1].get_xdata() == pytest.approx([expected])


def test_bars_of_planted_models_fill_the_width():
    marks = pd.DataFrame(
        [dict(layer=i, task="t", damage=0.3, found=0.2 * i, innocent=0.1) for i in range(3)]
    )
    figure = figures.show_planted(marks, "a finding")
    widths = np.array([[bar.get_width() for bar in bars] for bars in figure.axes[0].containers])
    assert widths.sum(0) == pytest.approx([100, 100, 100]) and "layer 2, t (-30 points)" in texts(
        figure
    )


def test_no_ability_or_curve_is_lost_however_many_there_are():
    """Colours begin anew after the seventh."""
    rng = np.random.default_rng(0)
    tasks = [f"ability{i} {j}" for i in range(9) for j in range(2)]
    right = {task: rng.random(40) < 0.6 for task in tasks}
    knocked = {task: rng.random((40, 5)) < rng.random(5) for task in tasks}
    vectors = interaction_vectors(made_up_outcomes(right, knocked))
    similar = similarity(matrix(vectors))
    abilities = vectors.drop_duplicates("task").set_index("task").ability
    shown = texts(figures.show_similarity(similar, abilities, cluster_order(similar)[0], "all"))
    assert all(f"ability{i}" in shown for i in range(9))
    curve = pd.DataFrame(dict(delta=[0.1, 0.2], low=0.0, high=0.3, shots=[5, 10]))
    curves = {f"curve {i}": curve for i in range(9)}
    shown = texts(figures.show_curves(curves, "shots", "all", "shots", "gain (points)"))
    assert all(f"curve {i}" in shown for i in range(9))
    spread = texts(figures.show_spread({f"value {i}": [0.1, 0.2] for i in range(6)}, "all", "x"))
    assert all(f"value {i}" in spread for i in range(6))


def test_a_long_label_stands_in_lines_beside_its_curves():
    table = pd.DataFrame(dict(x=[1, 2], delta=[0.1, 0.2], low=[0.0, 0.1], high=[0.2, 0.3]))
    label = "cells with room in which something helps (%)"
    figure = figures.show_curves({"a": table}, "x", "title", "x", label)
    lines = figure.axes[0].get_ylabel().split("\n")
    assert " ".join(lines) == label and max(map(len, lines)) <= 32


def test_diamonds_mark_which_of_the_largest_gains_are_clear():
    gains = pd.DataFrame(
        dict(delta=[0.3, 0.2, 0.1, -0.1], low=-0.2, high=0.4, q=[0.01, 0.2, 0.04, 0.01])
    )
    figure = figures.show_best_gains(gains, list("abcd"), "a finding")
    (diamonds,) = (line for line in figure.axes[0].lines if line.get_marker() == "D")
    assert diamonds.get_xdata().tolist() == pytest.approx([30, 10])
    assert diamonds.get_ydata().tolist() == [3, 1]  # the first stands at the top
    assert "clearly helps (survives)" in texts(figure)


@pytest.mark.parametrize("letters,columns", [(4, 3), (46, 1)])
def test_a_legend_is_no_wider_than_its_figure(letters, columns):
    """A wider one would make all letters of the saved picture smaller."""
    table = pd.DataFrame(dict(x=[1, 2], delta=[0.1, 0.2], low=[0.0, 0.1], high=[0.2, 0.3]))
    curves = {name * letters: table for name in "abc"}
    figure = figures.show_curves(curves, "x", "title", "x", "gain (points)")
    (legend,) = figure.legends
    figure.canvas.draw()
    assert legend._ncols == columns
    assert legend.get_window_extent().width <= figure.bbox.width
