import math

import pytest

from talo_mini.estimates import UNITS, Estimate, guess, probability


@pytest.mark.parametrize(
    "estimate,written",
    [
        (Estimate(0.052, 0.011, 0.09), "+5.2 points [+1.1, +9.0]"),
        (Estimate(-0.052), "-5.2 points"),
        (Estimate(0.41, 0.3, 0.52, unit="percent"), "41% [30, 52]"),
        (Estimate(0.978, 0.92, 0.99, unit="r"), "0.98 [0.92, 0.99]"),
        (Estimate(-0.06, -0.24, 0.12, unit="change of r"), "-0.06 [-0.24, +0.12]"),
        (Estimate(0.5, 0.25, 0.75, unit="nats"), "+0.50 nats [+0.25, +0.75]"),
    ],
)
def test_an_estimate_writes_itself_in_its_unit(estimate, written):
    assert str(estimate) == written


def test_more_digits_and_no_word():
    assert Estimate(0.0107, -0.0025, 0.0426).written(2) == "+1.07 points [-0.25, +4.26]"
    assert Estimate(0.052, 0.011, 0.09).written(word=False) == "+5.2 [+1.1, +9.0]"
    assert all(Estimate(0.5, unit=unit).written(0) for unit in UNITS)


@pytest.mark.parametrize(
    "value,q,sign,written",
    [
        (0.1, 0.01, 1, "q = 0.01"),
        (-0.1, 0.001, -1, "q < 0.01"),
        (0.1, 0.2, 0, "q = 0.20"),
        (0.1, None, 0, "q unknown"),
        (0.1, math.nan, 0, "q unknown"),
    ],
)
def test_what_is_clear(value, q, sign, written):
    found = Estimate(value, q=q)
    assert found.clear == sign and found.q_written == written


def test_from_a_tables_row():
    row = dict(delta=0.1, low=0.0, high=0.2, q=0.5, deep=0.7, deep_low=0.6, deep_high=0.8)
    assert Estimate.of(row) == Estimate(0.1, 0.0, 0.2, 0.5)
    assert Estimate.of(row, "r", "deep") == Estimate(0.7, 0.6, 0.8, 0.5, unit="r")


def test_an_end_that_is_hardly_below_zero_keeps_its_sign():
    """Or an interval without zero would read as one that holds it."""
    assert str(Estimate(-0.003, -0.006, -0.0001)) == "-0.3 points [-0.6, -0.0]"


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.0049, "< 0.01"), (0.0462, "0.046"), (0.05, "0.05"), (0.05004, "0.05004"), (0.3, "0.30")],
)
def test_a_probability_says_on_which_side_of_five_percent_it_lies(value, told):
    assert probability(value) == told


@pytest.mark.parametrize(
    ("blind", "informed", "told"),
    [
        (0.25, 0.25, "25%"),
        (0.025, 0.25, "2 to 25%"),
        (0.5, 0.4, "40 to 50%"),
        (0.331, 0.334, "33%"),
    ],
)
def test_a_guess_is_one_number_or_two(blind, informed, told):
    assert guess(blind, informed) == told
