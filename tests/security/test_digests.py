"""Keyed digests and SMS codes: even, unpredictable, and worthless without the key."""

import ast
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from denglu.security.digests import HmacSecrets

KEY = b"a server key that only tests know"
SOURCE = Path(__file__).parents[2] / "src"
# Chi-square with nine degrees of freedom is above this once in a thousand times.
ONE_IN_A_THOUSAND = 27.877
DRAWN = 300_000


@pytest.fixture(scope="module")
def digests() -> HmacSecrets:
    return HmacSecrets(KEY)


# Codes.


def looks_even(draw: Callable[[], str]) -> bool:
    """Whether the digits at every place of many codes are equally frequent.

    Chance alone fails one of six places in one of 170 draws, so an unlucky draw may be
    repeated twice; a generator that is not even fails every time.
    """
    return any(_even([draw() for _ in range(DRAWN)]) for _ in range(3))


def _even(codes: list[str]) -> bool:
    expected = len(codes) / 10
    for place in zip(*codes, strict=True):
        counts = Counter(place)
        off = sum((counts[digit] - expected) ** 2 for digit in "0123456789") / expected
        if off > ONE_IN_A_THOUSAND:
            return False
    return True


def test_S06_codes_are_even_at_every_place(digests: HmacSecrets) -> None:
    assert looks_even(lambda: digests.new_code(0, 6))


@pytest.mark.parametrize(
    "biased",
    [
        lambda: f"{int.from_bytes(secrets.token_bytes(3)) % 10**6:06d}",
        lambda: f"{100_000 + secrets.randbelow(900_000)}",
        lambda: f"{secrets.randbelow(990_000):06d}",
    ],
)
def test_S06_codes_that_are_not_even_would_be_noticed(biased: Callable[[], str]) -> None:
    assert not looks_even(biased)


def test_S06_a_tenth_of_the_codes_begins_with_a_nought(digests: HmacSecrets) -> None:
    codes = [digests.new_code(0, 6) for _ in range(20_000)]
    assert all(len(code) == 6 and code.isdecimal() for code in codes)
    assert 1_700 < sum(code.startswith("0") for code in codes) < 2_300


@pytest.mark.parametrize(
    ("lowest", "length", "first", "last"),
    [(0, 6, "000000", "999999"), (1000, 4, "1000", "9999"), (0, 8, "00000000", "99999999")],
)
def test_S06_codes_reach_from_the_lowest_to_the_highest(
    digests: HmacSecrets,
    monkeypatch: pytest.MonkeyPatch,
    lowest: int,
    length: int,
    first: str,
    last: str,
) -> None:
    monkeypatch.setattr("secrets.randbelow", lambda _: 0)
    assert digests.new_code(lowest, length) == first
    monkeypatch.setattr("secrets.randbelow", lambda below: below - 1)
    assert digests.new_code(lowest, length) == last


def imports_random(source: str) -> bool:
    """Whether a module imports the generator that can be predicted."""
    return any(name.split(".")[0] == "random" for name in _imported(ast.parse(source)))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
        elif isinstance(node, ast.Constant) and node.value == "random":
            yield "random"  # import_module("random"), or a word that is easily avoided


def test_S06_chance_comes_from_secrets_alone() -> None:
    modules = list(SOURCE.rglob("*.py"))
    assert len(modules) > 50
    assert [path.name for path in modules if imports_random(path.read_text())] == []


@pytest.mark.parametrize(
    "planted",
    [
        "import random",
        "import os, random as r",
        "from random import choice",
        "def f():\n    from random import SystemRandom",
        "import importlib\nimportlib.import_module('random')",
    ],
)
def test_S06_an_import_of_random_would_be_noticed(planted: str) -> None:
    assert imports_random(planted)
    assert not imports_random("import secrets\nfrom .random_words import x\n")


# Digests.


def test_a_key_hides_what_it_stands_for(digests: HmacSecrets) -> None:
    key = digests.key("mobile", 0, "13800000000")
    assert len(key) == 32
    assert key == HmacSecrets(KEY).key("mobile", 0, "13800000000")
    assert key != HmacSecrets(b"another server key, as long as this").key(
        "mobile", 0, "13800000000"
    )


def test_keys_of_different_things_never_meet(digests: HmacSecrets) -> None:
    things = [
        ("a",),
        ("a", ""),
        ("", "a"),
        ("a", "b"),
        ("ab",),
        ("ab", ""),
        ("a", "b", ""),
        ("a", "1:b"),
        ("a", "11"),
        ("a1", "1"),
        ("a", 1, 1),
        ("a", "11", ""),
        ("b", "a"),
        ("2:ab",),
    ]
    assert len({digests.key(*thing) for thing in things}) == len(things)  # type: ignore[arg-type]


def test_S08_what_is_stored_of_a_code_depends_on_every_part(digests: HmacSecrets) -> None:
    variants = [
        (b"s" * 16, "13800000000", "login", "123456"),
        (b"t" * 16, "13800000000", "login", "123456"),
        (b"s" * 16, "13800000001", "login", "123456"),
        (b"s" * 16, "13800000000", "up-pwd", "123456"),
        (b"s" * 16, "13800000000", "login", "123457"),
        (b"s" * 16, "1380000000", "0login", "123456"),
        (b"s" * 16, "13800000000", "login1", "23456"),
    ]
    made = {digests.code_digest(*variant) for variant in variants}
    assert len(made) == len(variants)
    assert {len(digest) for digest in made} == {32}


def test_what_is_stored_is_found_again_by_the_next_version() -> None:
    digests = HmacSecrets(KEY)
    key = digests.key("mobile", "13800000000", 7)
    assert key.hex() == "452333a42638f732ca82ae173936195c7a3ba955fce1089b8796d8f1247faa31"
    code = digests.code_digest(b"s" * 16, "13800000000", "login", "012345")
    assert code.hex() == "81fa30ada1cf989a273ddb9044b363d8b418a4a560cf9319da0337464ea1d97f"


def test_L03_a_thief_without_the_key_finds_no_code(digests: HmacSecrets) -> None:
    salt = digests.new_salt()
    stored = digests.code_digest(salt, "13800000000", "login", "4711")
    thief = HmacSecrets(b"")

    def guessed(by: HmacSecrets) -> list[str]:
        codes = (f"{n:04d}" for n in range(10_000))
        return [c for c in codes if by.code_digest(salt, "13800000000", "login", c) == stored]

    assert guessed(thief) == []
    assert guessed(digests) == ["4711"]


def test_salts_are_16_bytes_and_different(digests: HmacSecrets) -> None:
    salts = {digests.new_salt() for _ in range(1_000)}
    assert len(salts) == 1_000
    assert {len(salt) for salt in salts} == {16}


def test_equal_is_equal(digests: HmacSecrets) -> None:
    assert digests.same(b"x" * 32, b"x" * 32)
    assert not digests.same(b"x" * 32, b"x" * 31 + b"y")
    assert not digests.same(b"x" * 32, b"x" * 31)
