import pytest
from hypothesis import given
from hypothesis import strategies as st

from talo_mini import BadInput, Knockout, load_vlm
from talo_mini.interventions.effects import EFFECTS, HEAD, NEURON, WHOLE
from talo_mini.interventions.names import (
    BASE_CELL,
    all_cells,
    as_knockouts,
    cell_of,
    head_names,
    listed,
    pair_parts,
    parts_present,
)
from talo_mini.models.anatomy import PARTS


@pytest.mark.parametrize(
    "part,effect,expected",
    [
        ("mlp", "zero", [Knockout("mlp", 3)]),
        ("head 2", "zero", [Knockout("self-attention", 3, head=2)]),
        ("vision: layer", "zero", [Knockout("layer", 3, stack="vision")]),
        (
            "self-attention and 1",
            "zero",
            [Knockout("self-attention", 1), Knockout("self-attention", 3)],
        ),
        ("cross-attention head 2", "zero", [Knockout("cross-attention", 3, head=2)]),
        ("neuron 2", "mean", [Knockout("mlp", 3, "mean", neuron=2)]),
        ("mlp and 1, 5", "zero", [Knockout("mlp", 1), Knockout("mlp", 3), Knockout("mlp", 5)]),
        ("self-attention", "scale 0.5", [Knockout("self-attention", 3, "scale", amount=0.5)]),
    ],
)
def test_a_cell_names_its_knockouts(part, effect, expected):
    assert list(as_knockouts(part, effect, 3)) == expected


@pytest.mark.parametrize(
    "part,effect,message",
    [
        ("head", "zero", "unknown part 'head'"),
        ("cross-attention neuron 2", "zero", "unknown part"),
        ("mlp 3", "zero", "unknown part 'mlp 3'"),
        ("nose", "zero", "unknown part 'nose'"),
        ("mlp and 3", "zero", "already holds layer 3"),
        ("mlp", "noise", "'noise' needs an amount"),
        ("mlp", "noise a lot", "'noise' needs an amount"),
        ("mlp", "zero 0.5", "effect 'zero' takes no amount, here '0.5'"),
    ],
)
def test_a_name_that_means_nothing_is_refused(part, effect, message):
    with pytest.raises(BadInput, match=message):
        as_knockouts(part, effect, 3)


def test_all_cells_of_a_model(tiny):
    cells = all_cells(tiny.anatomy, ["mlp", "head 1", "vision: mlp", "mlp and 1"], None, "zero")
    assert cells[0] == BASE_CELL
    assert [layer for part, _, layer in cells if part == "mlp"] == [0, 1, 2, 3]
    assert [layer for part, _, layer in cells if part == "vision: mlp"] == [0, 1, 2]
    assert [layer for part, _, layer in cells if part == "mlp and 1"] == [2, 3]
    assert len(cells) == 1 + 4 + 4 + 3 + 2


@pytest.mark.parametrize(
    "part,layers,message",
    [
        ("head 4", None, "has no head 4; heads are 0 to 3"),
        ("mlp", [4], "no layer 4"),
        ("cross-attention", None, "has a part 'cross-attention'"),
        ("nose: mlp", None, "has a part 'nose: mlp'"),
    ],
)
def test_what_does_not_exist_is_refused(tiny, part, layers, message):
    with pytest.raises(BadInput, match=message):
        all_cells(tiny.anatomy, [part], layers, "zero")


def test_layers_without_the_part_are_left_out():
    anatomy = load_vlm("mllama-mini").anatomy
    crossed = [
        i for i, layer in enumerate(anatomy.stacks["decoder"]) if "cross-attention" in layer.parts
    ]
    assert pair_parts(anatomy, "cross-attention") == [
        "cross-attention",
        *(f"cross-attention and {i}" for i in crossed[:-1]),
    ]


def test_a_part_may_name_its_own_layers(tiny):
    assert all_cells(
        tiny.anatomy, ["mlp", ("neuron 7", 2), ("layer", 0), "layer", ("mlp", 1)], [1], "zero"
    ) == [
        BASE_CELL,
        ("mlp", "zero", 1),
        ("neuron 7", "zero", 2),
        ("layer", "zero", 0),
        ("layer", "zero", 1),
    ]
    assert len(all_cells(tiny.anatomy, [("neuron 7", 2), "mlp"], None, "zero")) == 1 + 1 + 4
    with pytest.raises(BadInput, match="has no neuron 99999"):
        all_cells(tiny.anatomy, [("neuron 99999", 2)], None, "zero")


NUMBERS = st.integers(0, 200)
AMOUNTS = st.floats(-100, 100, allow_nan=False)


@st.composite
def groups(draw):
    """Knockouts of one kind in one or several layers, of any part and effect that is defined."""
    effect = draw(st.sampled_from(list(EFFECTS.values())))
    part = draw(st.sampled_from([part for part in PARTS if part in effect.parts]))
    units = {WHOLE, HEAD} if "attention" in part else {WHOLE, NEURON} if part == "mlp" else {WHOLE}
    unit = draw(st.sampled_from(sorted(units & set(effect.units))))
    own = {} if unit == WHOLE else {unit: draw(NUMBERS)}
    amount = {"amount": draw(AMOUNTS)} if effect.amount else {}
    stack = draw(st.sampled_from(["decoder", "vision", "vision (model.global.layers)", "q-former"]))
    layers = draw(st.sets(NUMBERS, min_size=1, max_size=4))
    return tuple(
        Knockout(part, layer, effect.name, stack, **own, **amount) for layer in sorted(layers)
    )


@given(groups())
def test_what_is_written_is_read_as_it_was(knockouts):
    assert as_knockouts(*cell_of(knockouts)) == knockouts


@given(groups())
def test_what_is_read_is_written_as_it_was(knockouts):
    cell = cell_of(knockouts)
    assert cell_of(as_knockouts(*cell)) == cell


def test_knockouts_of_two_kinds_have_no_one_name():
    with pytest.raises(BadInput, match="are of two kinds"):
        cell_of((Knockout("mlp", 1), Knockout("self-attention", 2)))


def test_every_effect_of_the_register_can_be_written_and_is_shown_by_the_command():
    from talo_mini.command import parser
    from talo_mini.command.words import EXAMPLES

    (commands,) = parser()._subparsers._group_actions
    told = " ".join(commands.choices["sweep"].format_help().split())
    assert EXAMPLES in told
    for effect in EFFECTS.values():
        # what needs a reference set cannot be asked for in words
        assert (effect.example in EXAMPLES.split(", ")) == (effect.needs != "reference")
        part = effect.parts[0]
        assert as_knockouts(part, effect.example, 0)[0].effect == effect.name


@pytest.mark.parametrize(
    "written,plain",
    [
        ("neuron 007", "neuron 7"),
        ("mlp and 2, 0", "mlp and 0, 2"),
        (" mlp ", "mlp"),
        (("head 3", 1), ("head 3", 1)),
    ],
)
def test_one_knockout_has_one_name(written, plain):
    assert listed([written]) == [plain]


def test_a_lone_name_is_a_list_of_one_and_what_is_no_name_is_refused():
    assert listed("mlp") == ["mlp"]
    for wrong in (None, 3, [None], [3], [("mlp",)]):
        with pytest.raises(BadInput, match=r"parts= is a list of names|a part is a name"):
            listed(wrong)


def test_parts_that_a_model_has_are_told_apart_from_others(tiny):
    parts = ["cross-attention", "layer", "vision: mlp", "q-former: layer", "mlp"]
    assert parts_present(tiny.anatomy, parts) == ["layer", "vision: mlp", "mlp"]
    crossed = load_vlm("mllama-mini").anatomy
    assert parts_present(crossed, parts[:2]) == ["cross-attention", "layer"]


def test_single_heads_are_named_as_a_sweep_names_them(tiny):
    assert head_names(tiny.anatomy) == ["head 0", "head 1", "head 2", "head 3"]
    assert len(all_cells(tiny.anatomy, head_names(tiny.anatomy), [0], "zero")) == 1 + 4
