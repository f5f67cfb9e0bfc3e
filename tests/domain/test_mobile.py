"""Mobiles: one key for a number, however it is written, or none at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from denglu.domain.mobile import canonical_mobile, mask_mobile

MOBILE = "13800000000"


@pytest.mark.parametrize(
    "raw",
    [
        "13800000000",
        "+8613800000000",
        "008613800000000",
        "8613800000000",
        "138-0000-0000",
        "138 0000 0000",
        " 13800000000 ",
        "+86 138-0000-0000",
        "0086-138 0000 0000",
        "+86\u00a0138\u20110000\u20110000",
        "138\u20100000\u20130000",
    ],
)
def test_S13_every_spelling_of_a_number_is_one_number(raw: str) -> None:
    assert canonical_mobile(raw) == MOBILE


@pytest.mark.parametrize(
    "raw",
    [
        "",
        " ",
        "1380000000",
        "138000000000",
        "12800000000",
        "23800000000",
        "013800000000",
        "+13800000000",
        "138+8600000000",
        "138008600000000",
        "X13800000000",
        "+138",
        "+85213800000000",
        "+86+8613800000000",
        "86008613800000000",
        "+86 86 13800000000",
        "0086 0086 13800000000",
        "00013800000000",
        "08613800000000",
        "80086 13800000000",
        "13800000000\n",
        "\n13800000000",
        "13800000000\r\n",
        "\t13800000000",
        "13800000000\x00",
        "138000\n00000",
        "１３８００００００００",
        "١٣٨٠٠٠٠٠٠٠٠",
        "1380000000²",
        "1380000000๐",
        "138_0000_0000",
        "1_2_3",
        "138.0000.0000",
        "(138)00000000",
        "13800000000a",
        "1.38e10",
        "0x13800000000",
        "13800000000,13900000000",
        "138" + " " * 40 + "00000000",
    ],
)
def test_I03_what_is_no_mainland_mobile_is_none(raw: str) -> None:
    assert canonical_mobile(raw) is None


def test_S13_a_spelling_has_at_most_32_characters() -> None:
    assert canonical_mobile("138" + " " * 21 + "00000000") == MOBILE
    assert canonical_mobile("138" + " " * 22 + "00000000") is None


@pytest.mark.parametrize("second", "3456789")
def test_every_mainland_range_is_known(second: str) -> None:
    assert canonical_mobile(f"1{second}012345678") == f"1{second}012345678"


@given(st.text(alphabet="0123456789+-  \u00a0\u2011\n１٣a", max_size=40) | st.text(max_size=40))
def test_I18_whatever_is_found_is_eleven_ascii_digits_and_stays_itself(raw: str) -> None:
    found = canonical_mobile(raw)
    if found is not None:
        assert len(found) == 11
        assert found.isascii()
        assert found.isdecimal()
        assert canonical_mobile(found) == found
        # No digit is made up, and none but the country's is dropped.
        digits = "".join(char for char in raw if char.isascii() and char.isdecimal())
        assert digits in (found, "86" + found, "0086" + found)


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.sampled_from(["", "86", "+86", "0086"]))
def test_a_number_behind_its_country_code_is_itself(mobile: str, country: str) -> None:
    assert canonical_mobile(country + mobile) == mobile


@pytest.mark.parametrize(
    ("mobile", "masked"), [(MOBILE, "138****0000"), ("", ""), ("12345", "*****")]
)
def test_a_masked_number_shows_seven_digits_at_most(mobile: str, masked: str) -> None:
    assert mask_mobile(mobile) == masked
