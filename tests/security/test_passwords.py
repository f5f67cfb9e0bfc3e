"""Passwords are distinguished exactly, cost the same work for everybody, and never raise."""

import asyncio
import re
import threading
from collections.abc import Iterator

import bcrypt
import pytest
from argon2 import PasswordHasher, Type
from argon2.exceptions import HashingError, VerificationError
from hypothesis import given, settings
from hypothesis import strategies as st

from denglu.domain.errors import Reason, Refusal
from denglu.security.passwords import ArgonPasswords

SHAPE = re.compile(
    r"\$argon2id\$v=19\$m=19456,t=2,p=1\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})", re.ASCII
)
GARBAGE = [
    "",
    "x",
    "plain text",
    "d41d8cd98f00b204e9800998ecf8427e",
    "$argon2id$",
    "$argon2id$v=19$m=8,t=1,p=1$!!!$!!!",
    "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdB$" + "A" * 43,  # not canonical
    "$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43,
    "$argon2id$v=19$m=8,t=99,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43,
    "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43 + "\n",
    "$argon2id$v=19$m=８,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43,
    "$2y$04$" + "z" * 53,
    "$2y$31$" + "." * 53,
    "$2y$03$" + "." * 53,
    "$2x$04$" + "." * 53,
    "$2y$04$short",
    "用户名或密码",
    "\ud800",
    "\0",
]


@pytest.fixture(scope="module")
def passwords() -> Iterator[ArgonPasswords]:
    """Cheap ones, where only the shape matters."""
    made = ArgonPasswords(memory_kib=8, time_cost=1)
    yield made
    made.close()


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stored hashes that Argon2 was run against, in order."""
    done: list[str] = []
    verify = PasswordHasher.verify

    def counted(hasher: PasswordHasher, stored: str, raw: bytes) -> bool:
        done.append(stored)
        return verify(hasher, stored, raw)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    return done


def legacy(password: str, prefix: str = "$2y$") -> str:
    """What PHP stored for a member: of the first 72 bytes."""
    hashed = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
    return prefix + hashed.removeprefix("$2b$")


async def test_a_member_logs_in_with_the_own_password_and_no_other(
    passwords: ArgonPasswords,
) -> None:
    stored = await passwords.hash("correct horse")

    assert await passwords.verify("correct horse", stored)
    assert not await passwords.verify("wrong horse", stored)


async def test_P15_stored_parameters() -> None:
    passwords = ArgonPasswords()
    try:
        stored = await passwords.hash("correct horse")
        assert SHAPE.fullmatch(stored), stored
        assert await passwords.verify("correct horse", stored)
        assert not passwords.needs_rehash(stored)
    finally:
        passwords.close()


async def test_P15_salts_of_1000_members_are_unique() -> None:
    passwords = ArgonPasswords(memory_kib=8, time_cost=1, queue=1000, deadline=60)
    try:
        stored = await asyncio.gather(*(passwords.hash("same password") for _ in range(1000)))
    finally:
        passwords.close()

    salts = {one.split("$")[4] for one in stored}
    assert len(salts) == 1000
    assert {len(salt) for salt in salts} == {22}


async def test_P11_a_password_counts_beyond_its_72nd_byte(passwords: ArgonPasswords) -> None:
    first, second = "p" * 72 + "12345678", "p" * 72 + "87654321"
    stored = await passwords.hash(first)

    assert await passwords.verify(first, stored)
    assert not await passwords.verify(second, stored)


@pytest.mark.parametrize(
    "password",
    ["p" * 71, "p" * 72, "p" * 73, "密" * 24, "密" * 25, "pp" + "密" * 24, "🔑" * 128, "p" * 16384],
)
async def test_P11_an_imported_member_with_a_long_password_logs_in_as_with_php(
    passwords: ArgonPasswords, password: str
) -> None:
    stored = legacy(password)

    assert await passwords.verify(password, stored)
    assert not await passwords.verify("x" + password, stored)


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
async def test_an_imported_member_logs_in_once_and_is_rehashed(
    passwords: ArgonPasswords, prefix: str
) -> None:
    stored = legacy("geheim-1234", prefix)

    assert await passwords.verify("geheim-1234", stored)
    assert not await passwords.verify("geheim-1235", stored)
    assert passwords.needs_rehash(stored)


async def test_P13_a_nul_byte_never_logs_an_imported_member_in(passwords: ArgonPasswords) -> None:
    stored = legacy("abc")

    assert await passwords.verify("abc", stored)
    for password in ("abc\0", "abc\0x", "abc\0abc", "\0abc", "\0"):
        assert not await passwords.verify(password, stored), password


ODD = [
    "abc\0x",
    "abc\0y",
    "abc",
    "abc ",
    " abc",
    "ABC",
    "密" * 64,
    "密" * 63 + "码",
    "🔑🔑🔑🔑🔑🔑🔑🔑",
    "🔑" * 128,
    "🔑" * 127 + "🔒",
    "é",  # one code point
    "e\u0301",  # two, that look the same
    "ａｂｃ",
    "\t\n",
]


@pytest.mark.parametrize("password", ODD)
async def test_P13_odd_passwords_are_distinguished_exactly(
    passwords: ArgonPasswords, password: str
) -> None:
    stored = await passwords.hash(password)

    assert [other for other in ODD if await passwords.verify(other, stored)] == [password]


async def test_an_unknown_member_costs_the_work_of_a_known_one(
    passwords: ArgonPasswords, work: list[str]
) -> None:
    stored = await passwords.hash("correct horse")
    await passwords.verify("wrong horse", stored)
    assert not await passwords.verify("wrong horse", None)

    known, unknown = work
    assert known == stored
    assert unknown != stored
    assert unknown.split("$")[:4] == stored.split("$")[:4]
    assert [len(part) for part in unknown.split("$")] == [len(part) for part in stored.split("$")]


async def test_no_password_fits_the_hash_that_stands_for_an_unknown_member(
    passwords: ArgonPasswords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PasswordHasher, "verify", lambda *_: True)

    assert not await passwords.verify("anything", None)


@pytest.mark.parametrize("stored", GARBAGE)
async def test_a_garbage_hash_fits_nothing_and_costs_the_same_work(
    passwords: ArgonPasswords, work: list[str], stored: str
) -> None:
    await passwords.verify("password", None)
    dummy = work.pop()

    assert not await passwords.verify("password", stored)
    assert work[-1:] == [dummy]


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$", "$2y$04$" + "." * 53, "密码"])
def test_what_is_not_todays_form_is_to_be_rehashed(passwords: ArgonPasswords, stored: str) -> None:
    assert passwords.needs_rehash(stored)


async def test_a_lone_surrogate_fits_nothing_and_costs_the_same_work(
    passwords: ArgonPasswords, work: list[str]
) -> None:
    stored = await passwords.hash("password")

    for hashed in (stored, legacy("password"), None):
        assert not await passwords.verify("password\ud800", hashed)
    assert len(work) == 3


@pytest.mark.parametrize(
    ("memory_kib", "time_cost", "variant"),
    [(16, 1, Type.ID), (8, 2, Type.ID), (8, 1, Type.I), (8, 1, Type.D)],
)
async def test_an_argon2_hash_of_another_form_is_good_for_one_more_login(
    passwords: ArgonPasswords, memory_kib: int, time_cost: int, variant: Type
) -> None:
    stored = PasswordHasher(time_cost, memory_kib, 1, type=variant).hash("correct horse")

    assert await passwords.verify("correct horse", stored)
    assert passwords.needs_rehash(stored)


async def test_want_of_memory_is_no_wrong_password(
    passwords: ArgonPasswords, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([VerificationError, VerificationError, HashingError])

    def starve(*_: object) -> None:
        raise next(failures)("Memory allocation error")

    stored = await passwords.hash("correct horse")
    monkeypatch.setattr(PasswordHasher, "verify", starve)
    monkeypatch.setattr(PasswordHasher, "hash", starve)

    for attempt in (
        passwords.verify("correct horse", stored),
        passwords.verify("correct horse", None),
        passwords.hash("correct horse"),
    ):
        with pytest.raises(Refusal) as refused:
            await attempt
        assert refused.value.reason is Reason.busy
    assert next(failures, None) is None


class Held:
    """Stands in for a hash function: holds its thread until the test lets go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Event()

    def __call__(self, *_: object) -> bool:
        self.begun.set()
        assert self.go.wait(10)
        return True


@pytest.fixture
def held() -> Iterator[Held]:
    held = Held()
    yield held
    held.go.set()


async def test_a_morning_of_imported_members_does_not_hold_up_the_others(
    passwords: ArgonPasswords, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = await passwords.hash("correct horse")
    monkeypatch.setattr(bcrypt, "checkpw", held)
    imported = asyncio.create_task(passwords.verify("password", legacy("password")))
    assert await asyncio.to_thread(held.begun.wait, 10)

    assert await passwords.verify("correct horse", stored)

    assert not imported.done()
    held.go.set()
    assert await imported


async def test_imported_members_are_verified_one_at_a_time(
    passwords: ArgonPasswords, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[int] = set()

    def where(*_: object) -> bool:
        threads.add(threading.get_ident())
        return True

    monkeypatch.setattr(bcrypt, "checkpw", where)

    await asyncio.gather(*(passwords.verify("password", legacy("password")) for _ in range(20)))

    assert len(threads) == 1


async def test_F02_a_login_after_64_waiting_ones_is_told_to_come_back(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = ArgonPasswords(memory_kib=8, time_cost=1, deadline=60)
    monkeypatch.setattr(PasswordHasher, "verify", held)
    accepted = [asyncio.create_task(passwords.verify("password", None)) for _ in range(2 + 64)]
    await asyncio.sleep(0)

    late = asyncio.create_task(passwords.verify("password", None))
    await asyncio.sleep(0)

    assert late.done()
    refused = late.exception()
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.retry_after) == (Reason.busy, 60)
    held.go.set()
    assert await asyncio.gather(*accepted) == [False] * 66
    passwords.close()


async def test_hashing_never_runs_on_the_event_loop(
    passwords: ArgonPasswords, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[str] = set()

    def where(*_: object) -> str:
        threads.add(threading.current_thread().name)
        return "hash"

    monkeypatch.setattr(PasswordHasher, "verify", where)
    monkeypatch.setattr(PasswordHasher, "hash", where)
    monkeypatch.setattr(bcrypt, "checkpw", where)

    await passwords.hash("password")
    await passwords.verify("password", None)
    await passwords.verify("password", "$2y$04$" + "." * 53)

    assert {name.partition("_")[0] for name in threads} == {"argon2", "bcrypt"}


@settings(max_examples=150, deadline=None)
@given(
    password=st.text(max_size=200),
    stored=st.one_of(
        st.none(),
        st.text(max_size=80),
        st.from_regex(r"\A\$2[aby]\$04\$[./A-Za-z0-9]{52,54}\Z"),
        st.from_regex(r"\A\$argon2(id|i|d)\$v=[0-9]{2}\$m=[0-9]{1,3},t=[0-9],p=[0-9]"
                      r"\$[A-Za-z0-9+/]{8,30}\$[A-Za-z0-9+/]{8,50}\Z"),
    ),
)  # fmt: skip
async def test_whatever_is_stored_and_sent_a_login_is_answered(
    passwords: ArgonPasswords, password: str, stored: str | None
) -> None:
    assert await passwords.verify(password, stored) is False
