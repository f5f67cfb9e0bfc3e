"""Tokens: a fixed shape, nothing to read from them, and garbage recognised without a database."""

import base64
import hashlib
import re
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from denglu.domain.session import Kind
from denglu.security.tokens import HmacTokens

KEY = b"a server key that only tests know"
NONCE = b"a 16 byte nonce."
SHAPE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
KINDS = list(Kind)


@pytest.fixture(scope="module")
def tokens() -> HmacTokens:
    return HmacTokens(KEY)


@pytest.fixture(scope="module")
def token(tokens: HmacTokens) -> str:
    return tokens.derive(Kind.access, NONCE, 3, 1)


def test_T01_a_hundred_thousand_tokens_have_one_shape_and_no_twin(tokens: HmacTokens) -> None:
    made = {
        tokens.derive(kind, tokens.new_nonce(), session_id, generation)
        for session_id in range(5_000)
        for generation in range(1, 11)
        for kind in KINDS
    }
    assert len(made) == 100_000
    assert all(SHAPE.fullmatch(token) for token in made)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": Kind.refresh},
        {"nonce": b"another 16 bytes"},
        {"session_id": 4},
        {"generation": 2},
    ],
)
def test_T01_every_part_makes_another_token(tokens: HmacTokens, change: dict[str, object]) -> None:
    parts: dict[str, object] = {
        "kind": Kind.access,
        "nonce": NONCE,
        "session_id": 3,
        "generation": 1,
    }
    assert tokens.derive(**parts) != tokens.derive(**parts | change)  # type: ignore[arg-type]


def test_T01_numbers_side_by_side_are_not_taken_for_one_another(tokens: HmacTokens) -> None:
    pairs = [(1, 11), (11, 1), (111, 0), (0, 111)]
    assert len({tokens.derive(Kind.access, NONCE, *pair) for pair in pairs}) == len(pairs)


def test_R03_the_token_of_a_generation_is_always_the_same(tokens: HmacTokens, token: str) -> None:
    again = HmacTokens(KEY)
    assert tokens.derive(Kind.access, NONCE, 3, 1) == token
    assert again.derive(Kind.access, NONCE, 3, 1) == token
    assert again.digest(Kind.access, token) == tokens.digest(Kind.access, token)


def test_T01_another_key_makes_and_knows_other_tokens(token: str) -> None:
    other = HmacTokens(b"another server key, as long as this")
    assert other.derive(Kind.access, NONCE, 3, 1) != token
    assert other.digest(Kind.access, token) is None


def test_what_is_stored_of_a_token_is_its_sha_256(tokens: HmacTokens, token: str) -> None:
    assert tokens.digest(Kind.access, token) == hashlib.sha256(token.encode()).digest()


def test_T04_a_token_is_of_one_kind(tokens: HmacTokens) -> None:
    for made in KINDS:
        token = tokens.derive(made, NONCE, 3, 1)
        for asked in KINDS:
            assert (tokens.digest(asked, token) is not None) == (asked is made)


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        " ",
        "0",
        "true",
        "null",
        "undefined",
        "A" * 43,
        "A" * 42,
        "A" * 44,
        "-" * 43,
        "=" * 43,
        "é" * 43,
        "１" * 43,
        "\x00" * 43,
        "A" * 42 + "\n",
        "A" * 1_000_000,
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
    ],
)
def test_T01_garbage_is_no_token(tokens: HmacTokens, garbage: str) -> None:
    assert all(tokens.digest(kind, garbage) is None for kind in KINDS)


def test_T01_random_bytes_in_the_right_shape_are_no_token(tokens: HmacTokens) -> None:
    for _ in range(10_000):
        assert tokens.digest(Kind.access, secrets.token_urlsafe(32)) is None


@given(st.text(alphabet=st.characters(codec="ascii"), min_size=43, max_size=43) | st.text())
def test_I18_no_text_raises(text: str) -> None:
    assert all(HmacTokens(KEY).digest(kind, text) is None for kind in KINDS)


@pytest.mark.parametrize(
    "spoil",
    [
        str.swapcase,
        str.lower,
        lambda token: token + " ",
        lambda token: " " + token,
        lambda token: token + "\n",
        lambda token: token + "=",
        lambda token: token[:21],
        lambda token: token[:-1],
        lambda token: token[1:] + token[0],
        lambda token: token.replace("-", "+").replace("_", "/") + "=",
    ],
)
def test_T03_a_token_that_is_only_like_it_is_no_token(
    tokens: HmacTokens, token: str, spoil: object
) -> None:
    assert tokens.digest(Kind.access, spoil(token)) is None  # type: ignore[operator]


def test_T03_no_letter_of_a_token_may_be_another_one(tokens: HmacTokens, token: str) -> None:
    real = tokens.digest(Kind.access, token)
    for at in range(43):
        for letter in "Ab1-_":
            if token[at] != letter:
                # The last letter has two bits to spare: it may keep its tag, never its digest.
                digest = tokens.digest(Kind.access, token[:at] + letter + token[at + 1 :])
                assert digest != real
                assert at == 42 or digest is None


def test_T01_there_is_nothing_to_read_in_a_token(tokens: HmacTokens) -> None:
    raw = [
        base64.urlsafe_b64decode(tokens.derive(Kind.access, NONCE, session_id, 1) + "=")
        for session_id in range(2_000)
    ]
    assert {len(one) for one in raw} == {32}
    # Sessions that follow each other have about half their bits in common, at every bit.
    for bit in range(256):
        ones = sum(one[bit // 8] >> bit % 8 & 1 for one in raw)
        assert 800 < ones < 1200


@pytest.mark.parametrize(
    ("kind", "token"),
    [
        (Kind.access, "6GSY03dzGtyy0mE3Y0k99UVbQAF_btwnZR3PP_TAxxQ"),
        (Kind.refresh, "D9cB_kA9EQDhBwmmyO92QWuVYIBYFa6E-54jwL2ETDs"),
    ],
)
def test_the_tokens_that_are_out_stay_good_in_the_next_version(kind: Kind, token: str) -> None:
    tokens = HmacTokens(KEY)
    assert tokens.derive(kind, NONCE, 3, 1) == token
    assert tokens.digest(kind, token) == hashlib.sha256(token.encode()).digest()


def test_T09_a_digest_is_no_token(tokens: HmacTokens, token: str) -> None:
    digest = tokens.digest(Kind.access, token)
    assert digest is not None
    for text in (digest.hex(), base64.urlsafe_b64encode(digest).decode().rstrip("=")):
        assert tokens.digest(Kind.access, text) is None


IMPORTED = "Zq3-_xY9" * 4 + "_1750000000"


def test_what_may_be_imported_has_the_shape_that_the_other_server_gave(tokens: HmacTokens) -> None:
    assert tokens.imported_digest(IMPORTED) == hashlib.sha256(IMPORTED.encode()).digest()
    for letter in "Ab1-_":
        assert tokens.imported_digest(letter * 32 + "_1750000000")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: "",
        lambda token: token + " ",
        lambda token: " " + token,
        lambda token: token + "\n",
        lambda token: token[1:],
        lambda token: "a" + token,
        lambda token: token[:-1],
        lambda token: token + "0",
        lambda token: token[:-1] + "a",
        lambda token: token[:-1] + "１",
        lambda token: "é" + token[1:],
        lambda token: "." + token[1:],
        lambda token: token.replace("_1750", "-1750"),
        lambda token: token * 20_000,
    ],
)
def test_T03_what_is_only_like_it_is_not(tokens: HmacTokens, spoil: object) -> None:
    assert tokens.imported_digest(spoil(IMPORTED)) is None  # type: ignore[operator]


def test_T04_what_may_be_imported_is_none_of_ours(tokens: HmacTokens, token: str) -> None:
    assert all(tokens.digest(kind, IMPORTED) is None for kind in KINDS)
    assert tokens.imported_digest(token) is None


@given(st.text())
def test_I18_no_text_raises_there_either(text: str) -> None:
    HmacTokens(KEY).imported_digest(text)


def test_nonces_are_16_bytes_and_different(tokens: HmacTokens) -> None:
    nonces = {tokens.new_nonce() for _ in range(1_000)}
    assert len(nonces) == 1_000
    assert {len(nonce) for nonce in nonces} == {16}
