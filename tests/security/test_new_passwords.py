"""New passwords: long enough, and nothing that half the country or the form itself knows."""

import gzip
from collections.abc import Container
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from denglu.domain.errors import Reason
from denglu.domain.passwords import check_new_password
from denglu.security.common_passwords import common_passwords

PACKED = resources.files("denglu.security") / "data" / "common_passwords.txt.gz"
LISTED = gzip.decompress(PACKED.read_bytes()).decode().splitlines()


def judge(
    password: str,
    *,
    minimum: int = 8,
    common: Container[str] = frozenset({"password", "iloveyou1"}),
    mobile: str | None = "13812345678",
    nickname: str | None = "Xiao Ming",
    site_words: tuple[str, ...] = ("denglu", "登录吧"),
) -> Reason | None:
    return check_new_password(
        password,
        minimum=minimum,
        common=common,
        mobile=mobile,
        nickname=nickname,
        site_words=site_words,
    )


@pytest.mark.parametrize(
    "password",
    [
        "mellow-harbor",
        "denglu-demo-2026",
        "        ",
        "密码很长很长很长",
        "密" * 64,
        "🔑" * 128,
        "a" * 128,
        "p@ssword",
        "password-2",
        "passwor",
        "19901301",
        "19900132",
        "20262",
        "18900101",
        "199001011",
        "xiaoming12345",
        "xiaomingabc",
        "138123456789012345",
        "dengluxiaoqiang",
        "99999138",
    ],
)
def test_a_password_that_nobody_would_try_is_taken(password: str) -> None:
    assert judge(password, minimum=5) is None


@pytest.mark.parametrize(
    ("password", "minimum", "reason"),
    [
        ("", 8, Reason.password_too_short),
        ("mellow7", 8, Reason.password_too_short),
        ("密码很长很长很", 8, Reason.password_too_short),  # 21 bytes are 7 characters
        ("🔑" * 7, 8, Reason.password_too_short),
        ("mellow-harbor", 15, Reason.password_too_short),
        ("a" * 129, 8, Reason.password_too_long),
        ("密" * 129, 8, Reason.password_too_long),
    ],
)
def test_length_counts_characters(password: str, minimum: int, reason: Reason) -> None:
    assert judge(password, minimum=minimum) is reason


def test_what_is_short_and_common_is_told_to_be_short() -> None:
    assert judge("1234567") is Reason.password_too_short


@pytest.mark.parametrize(
    "password",
    ["password", "PASSWORD", "PassWord", "ｐａｓｓｗｏｒｄ", "iLoveYou1", "STRASSE12"],
)
def test_a_listed_password_is_too_common_however_it_is_written(password: str) -> None:
    listed = frozenset({"password", "iloveyou1", "strasse12"})
    assert judge(password, common=listed) is Reason.password_too_common


@pytest.mark.parametrize(
    "password",
    [
        "13812345678",
        "+8613812345678",
        "1381234567813812345678",
        "12345678",  # the end of the mobile
        "38123456",
        "１３８１２３４５６７８",
        "13812345678!",
        "xiao ming",
        "xiaoming",
        "XIAOMING",
        "Xiaoming1990",
        "1990xiaoming",
        "xiaomingxiaoming",
        "xiaoming_xiaoming",
        "xiaoming13812345678",
        "denglu2026",
        "2026DENGLU",
        "denglu-denglu",
        "登录吧登录吧登录吧",
        "登录吧denglu!!",
    ],
)
def test_the_members_own_number_name_and_site_are_too_common(password: str) -> None:
    assert judge(password) is Reason.password_too_common


@pytest.mark.parametrize("password", ["19900101", "20261231", "１９９００１０１"])
def test_a_birthday_is_too_common(password: str) -> None:
    assert judge(password) is Reason.password_too_common


def test_only_what_is_known_of_the_member_counts() -> None:
    assert judge("13812345678", mobile=None) is None
    assert judge("xiaoming1990", nickname=None) is None
    assert judge("denglu2026", site_words=()) is None
    assert judge("mellow-harbor", mobile="", nickname="  ", site_words=("", " ")) is None


@pytest.mark.parametrize(
    "password",
    [
        *("12345678", "password", "qwertyui", "iloveyou", "1qaz2wsx", "88888888", "11111111"),
        *("5201314520", "woaini1314", "woaini520", "a5201314", "wangwei123", "zhang123456"),
        *("denglu123", "147258369", "12341234", "1234567890", "PASSWORD1", "Admin123456"),
    ],
)
def test_P14_a_common_password_is_refused(password: str) -> None:
    common = common_passwords()
    assert judge(password, common=common, mobile=None, nickname=None) is Reason.password_too_common


def test_P14_the_offline_list_holds_far_more_than_3000_that_fit_the_policy() -> None:
    assert len(LISTED) == len(set(LISTED)) >= 30_000
    assert all(8 <= len(word) <= 128 and word == word.casefold() for word in LISTED)


def test_P14_every_word_of_the_list_is_found() -> None:
    common = common_passwords()

    for word in (LISTED[0], *LISTED[::199], LISTED[-1]):
        assert judge(word.upper(), common=common) is Reason.password_too_common, word


@given(st.one_of(st.sampled_from(LISTED).map(lambda word: word[1:]), st.text(min_size=8)))
def test_only_whole_words_of_the_list_are_common(word: str) -> None:
    assert (word in common_passwords()) == (word in set(LISTED))


@pytest.mark.parametrize(
    "word", ["", "\n", "password\n", f"{LISTED[0]}\n{LISTED[1]}", "asswor", "\ud800", 7]
)
def test_what_is_no_word_is_not_in_the_list(word: object) -> None:
    assert word not in common_passwords()


@given(
    st.text(alphabet=st.characters(exclude_categories=()), max_size=200),
    st.text(max_size=60),
    st.text(max_size=60),
)
def test_any_password_is_judged(password: str, nickname: str, word: str) -> None:
    answer = judge(password, nickname=nickname, site_words=(word,))

    assert (answer is Reason.password_too_short) == (len(password) < 8)
    assert (answer is Reason.password_too_long) == (len(password) > 128)
