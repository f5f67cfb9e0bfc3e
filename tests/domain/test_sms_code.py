"""SMS codes: what a client may send as one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from denglu.domain.sms_code import FIELD_USAGES, FixedCodes, LiveCode, Usage, read_code
from denglu.domain.sms_message import SmsMessage


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("012345", "012345"),
        ("000000", "000000"),
        ("999999", "999999"),
        (12345, "012345"),
        (0, "000000"),
        (999999, "999999"),
    ],
)
def test_I02_digits_as_text_or_as_an_integer_are_a_code(value: object, code: str) -> None:
    assert read_code(value, 6) == code


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        "",
        "12345",
        "1234567",
        "0123456",
        " 12345",
        "123456 ",
        "123456\n",
        "+12345",
        "-12345",
        "1234.0",
        "1.2e+3",
        "12 456",
        "１２３４５６",
        "١٢٣٤٥٦",
        "12345²",
        "1_2345",
        "0x1234",
        -1,
        1_000_000,
        2**63,
        10**400,
        1234.0,
        123456.0,
        math.nan,
        math.inf,
        ["123456"],
        {"code": "123456"},
        b"123456",
    ],
)
def test_I02_nothing_else_is_a_code(value: object) -> None:
    assert read_code(value, 6) is None


def test_I02_four_digits_are_read_as_four() -> None:
    assert read_code(42, 4) == "0042"
    assert read_code("1234", 4) == "1234"
    for value in (10_000, "01234", "123", "12345"):
        assert read_code(value, 4) is None


@given(st.integers(4, 8), st.data())
def test_I02_a_number_and_its_text_are_the_same_code(length: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, 10**length - 1))
    text = str(number).zfill(length)
    assert read_code(number, length) == read_code(text, length) == text


@given(st.text(max_size=8) | st.integers() | st.floats() | st.booleans() | st.none())
def test_I18_whatever_is_read_is_exactly_so_many_ascii_digits(value: object) -> None:
    code = read_code(value, 6)
    assert code is None or (len(code) == 6 and code.isascii() and code.isdecimal())


def test_there_are_seven_usages_and_three_old_names_of_one() -> None:
    assert [usage.value for usage in Usage] == [
        "login",
        "register",
        "up-pwd",
        "up-pay-pwd",
        "reset-mobile",
        "binding-mobile",
        "cancel",
    ]
    assert dict.fromkeys(("reset", "forgot", "reset_password"), Usage.up_pwd) == FIELD_USAGES


def test_a_fixed_code_is_one_until_its_end() -> None:
    fixed = FixedCodes({"13800000000": "424242"}, until=1000)
    assert fixed.code_of("13800000000", 999) == "424242"
    assert fixed.code_of("13800000000", 1000) is None
    assert fixed.code_of("13800000001", 999) is None


def test_L01_a_message_and_a_stored_code_hide_what_they_hold() -> None:
    message = SmsMessage("13800000000", "login", "123456", 5, "您的验证码是123456", 0)
    assert "123456" not in repr(message)
    assert "digest" not in repr(LiveCode(1, b"salt", b"secret", 0, ""))
