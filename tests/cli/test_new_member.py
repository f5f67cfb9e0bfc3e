"""What a new member may be called, and which password an operator may give."""

import io
import sys

import pytest

from denglu.cli import new_member
from denglu.cli.faults import Fault
from denglu.settings import Settings

SETTINGS = Settings(password_site_words=("acme", "shop"))


@pytest.mark.parametrize(
    ("username", "why"),
    [
        ("13900000000", "looks like a mobile"),
        ("+86 139 0000 0000", "looks like a mobile"),
        ("１３９００００００００", "looks like a mobile"),
        ("at@home", "no e-mail address"),
        ("a b@c.d", "no e-mail address"),
        ("line\nend", "control or invisible"),
        ("zero\u200bwidth", "control or invisible"),
        ("turned\u202eround", "control or invisible"),
        (" ming", "begins or ends with a blank"),
        ("   ", "blank"),
        ("", "blank"),
        ("x" * 256, "longer than 255"),
        ("ﷺ" * 20, "longer than 255"),
    ],
)
def test_a_username_that_could_mean_somebody_else_is_refused(username: str, why: str) -> None:
    with pytest.raises(Fault, match=why):
        new_member.check_username(username)


@pytest.mark.parametrize("name", ["ming", "小明", "a@b.example", "x" * 255, "12345", "a b"])
def test_honest_usernames_are_taken_as_they_are(name: str) -> None:
    assert new_member.check_username(name) == name


def test_a_mobile_becomes_canonical_and_a_nickname_stays_verbatim() -> None:
    assert new_member.check_mobile("+86 138-0000-0000") == "13800000000"
    assert new_member.check_mobile("") == ""
    assert new_member.check_nickname(" 小\u200d明 ") == " 小\u200d明 "
    assert new_member.check_nickname("  ") == ""
    with pytest.raises(Fault, match="no mainland mobile"):
        new_member.check_mobile("+1 202 555 0100")
    with pytest.raises(Fault, match="longer than 60"):
        new_member.check_nickname("x" * 61)
    with pytest.raises(Fault, match="control"):
        new_member.check_nickname("a\rb")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("x7-kite", "fewer than 8"),
        ("x7-" * 43, "more than 128"),
        ("12345678", "too common"),
        ("13800000000", "too common"),
        ("xiaoming1990", "too common"),
        ("mingming-99", "too common"),
        ("acme-shop-1", "too common"),
    ],
)
def test_a_password_is_held_to_the_policy_of_registration(password: str, why: str) -> None:
    with pytest.raises(Fault, match=why) as refused:
        new_member.check_password(
            password, SETTINGS, username="mingming", mobile="13800000000", nickname="xiaoming"
        )
    assert password not in str(refused.value)


def read(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> str:
    """What ``read_password`` makes of these bytes on standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
    return new_member.read_password()


@pytest.mark.parametrize(
    ("raw", "password"),
    [
        (b"plain", "plain"),
        (b"one line end\n", "one line end"),
        (b"windows\r\n", "windows"),
        (b" spaces stay \n", " spaces stay "),
        (b"a lone return\r", "a lone return\r"),
        (b"nul\0x\n", "nul\0x"),
        ("密码很长很长很长\n".encode(), "密码很长很长很长"),
    ],
)
def test_exactly_one_line_end_is_taken_off_a_password(
    raw: bytes, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read(raw, monkeypatch) == password


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "empty"),
        (b"\n", "empty"),
        (b"two\n\n", "more than one line"),
        (b"two\nlines", "more than one line"),
        (b"\xff\xfe", "not UTF-8"),
        (b"x" * 4097, "more than a password"),
    ],
)
def test_standard_input_that_is_no_password_is_refused(
    raw: bytes, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Fault, match=why):
        read(raw, monkeypatch)
