"""A wrong parameter is told in one sentence, before a notebook asks a model anything."""

import nbformat
import pytest
from run import NOTEBOOKS, parameters

from talo_mini.errors import BadInput
from talo_mini.parameters import check_parameters


def parameters_of(notebook):
    cells = nbformat.read(notebook, 4).cells
    (cell,) = (cell for cell in cells if "parameters" in cell.metadata.get("tags", []))
    given = {}
    exec(cell.source, given)
    return {name: value for name, value in given.items() if name.isupper()}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_looks_at_its_parameters(notebook):
    check_parameters(parameters_of(notebook))
    source = "\n".join(cell.source for cell in nbformat.read(notebook, 4).cells)
    assert source.count("check_parameters(globals())") == 1


@pytest.mark.parametrize("scale", ["test", "laptop", "published"])
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_parameters_of_every_scale_are_right(notebook, scale):
    check_parameters(parameters_of(notebook) | parameters(notebook.stem, scale, "runs/results"))


@pytest.mark.parametrize(
    "wrong, told",
    [
        (dict(QUESTIONS=0), "QUESTIONS is 0; it is a whole number from 1 on"),
        (dict(SHOTS=2.5), "SHOTS is 2.5; it is a whole number"),
        (dict(SHOTS=[]), "SHOTS is empty; name one at least$"),
        (dict(SHOTS=[10, 5]), r"SHOTS is \[10, 5\]; write each number once, from small to large"),
        (dict(DOSES=[10, 10]), "write each number once"),
        (dict(OTHER_SHOTS=["5"]), "a number in OTHER_SHOTS is '5'"),
        (dict(FORMS="choice"), r"FORMS is 'choice'; it is a list, such as \['choice'\]"),
        (dict(TASKS=[]), "TASKS is empty; name one at least, or None for all"),
        (dict(OUTCOMES={}), "OUTCOMES is empty"),
        (dict(FORMS=None), "FORMS is None; it is a list"),
        (dict(QUESTIONS="60"), "QUESTIONS is '60'"),
        (dict(OTHERS=0), "OTHERS is 0"),
        (dict(SEED=-1), "SEED is -1; it is a whole number from 0 on"),
        (dict(SEED="a"), "SEED is 'a'"),
        (dict(LEVEL=5), "LEVEL is 5; it is a number between 0 and 1"),
        (dict(RESULTS=None), "RESULTS is None; it is the path of a folder"),
        (dict(RESULTS=__file__), r"RESULTS is the file '.*'; it is a folder"),
        (dict(CACHE=7), "CACHE is 7"),
    ],
)
def test_a_wrong_one_is_told(wrong, told):
    with pytest.raises(BadInput, match=told):
        check_parameters(wrong)


def test_what_may_be_left_out_may_be():
    check_parameters(
        dict(
            TASKS=None,
            QUESTIONS=None,
            CACHE=None,
            HARDER=[],
            OTHER_PARTS=[],
            OTHERS=["a"],
            SEED=0,
            x=0,
        )
    )
