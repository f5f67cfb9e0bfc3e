"""Values as our columns hold them, and who has a name."""

from decimal import Decimal
from typing import Any

import pytest

from denglu.importing.names import Names, Scope, keys_of
from denglu.importing.values import Misfit, cents, day, number, text


@pytest.mark.parametrize(
    ("given", "stored"),
    [("12.50", 1250), ("-99999999.99", -9999999999), ("0.00", 0), ("0.01", 1), (7, 700)],
)
def test_money_is_exact_in_hundredths(given: Any, stored: int) -> None:
    assert cents(given if isinstance(given, int) else Decimal(given)) == stored


def test_money_with_a_third_decimal_is_rounded_and_told() -> None:
    with pytest.raises(Misfit) as misfit:
        cents(Decimal("1.005"))
    assert misfit.value.instead in (100, 101)


@pytest.mark.parametrize("given", ["0000-00-00", ""])
def test_the_day_that_is_none_is_none(given: str) -> None:
    assert day(given) is None


def test_a_day_stays_and_half_a_day_is_told() -> None:
    assert day("1990-02-28") == "1990-02-28"
    with pytest.raises(Misfit) as misfit:
        day("1990-00-00")
    assert misfit.value.instead is None


def test_a_text_that_does_not_fit_is_cut_and_told() -> None:
    convert = text(3)
    assert convert("月月🎉") == "月月🎉"
    assert convert(12) == "12"
    for given, stored in (("abcd", "abc"), ("a\0b", "ab")):
        with pytest.raises(Misfit) as misfit:
            convert(given)
        assert misfit.value.instead == stored


def test_a_number_that_does_not_fit_is_our_default_and_told() -> None:
    convert = number(big=False, default=1)
    assert convert(2**31 - 1) == 2**31 - 1
    for given in (2**31, "x"):
        with pytest.raises(Misfit) as misfit:
            convert(given)
        assert misfit.value.instead == 1
    assert number(big=True, default=0)(2**32) == 2**32


def names(*claims: tuple[int, int]) -> Names:
    made = Names()
    for member_id, status in claims:
        made.claim("mobile", Scope.of(1, 0), "13800000000", member_id, status)
    return made


@pytest.mark.parametrize(
    ("claims", "owner"),
    [
        ([(7, 1), (3, 1), (9, 1)], 3),
        ([(3, 0), (7, 1)], 7),
        ([(7, 1), (3, 0)], 7),
        ([(9, 0), (3, 0)], 3),
    ],
)
def test_the_enabled_come_before_the_disabled_and_then_the_lowest_id(
    claims: list[tuple[int, int]], owner: int
) -> None:
    assert names(*claims).owner("mobile", Scope.of(1, 0), "13800000000") == owner


def test_names_are_apart_by_merchant_but_those_of_users_are_one_list() -> None:
    made = Names()
    for member_id, scope in enumerate((Scope.of(1, 0), Scope.of(1, 2), Scope.of(3, 2)), 1):
        made.claim("username", scope, "ming", member_id, 1)
    assert made.owner("username", Scope.of(1, 0), "ming") == 1
    assert made.owner("username", Scope.of(1, 2), "ming") == 2
    assert made.owner("username", Scope.of(3, 5), "ming") == 3


def test_a_name_by_which_nobody_is_found_has_no_key() -> None:
    values = {"username": "  ", "mobile": "+1 415 555 0100", "email": "A@Example.com"}
    assert keys_of(values) == {"username": None, "mobile": None, "email": "a@example.com"}
    # Of twenty characters that become eighteen each.
    long = keys_of({"username": "\ufdfa" * 20, "mobile": "+86 138 0000 0000", "email": ""})
    assert long == {"username": None, "mobile": "13800000000", "email": None}
