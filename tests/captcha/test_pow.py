"""The proof of work: solved by anybody's means, known again without a memory, and never twice."""

import base64
import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import altcha
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from denglu.captcha.pow import LIFE, ProofOfWork
from denglu.security.digests import HmacSecrets
from examples.captcha_login import solve
from tests.flows.world import NOW, FakeClock
from tests.servers.programs import Missing, find, skip_or_fail

EXAMPLES = Path(__file__).parents[2] / "examples"
KEY = b"a server key that only tests know"
HERE, ELSEWHERE = "203.0.113.7", "2001:db8::1"


def proof(clock: FakeClock | None = None, *, key: bytes = KEY) -> ProofOfWork:
    return ProofOfWork(HmacSecrets(key), clock or FakeClock(), difficulty=1000)


def challenge_of(captcha: ProofOfWork) -> dict[str, Any]:
    shown = json.loads(json.dumps(captcha.show()))
    assert shown.keys() == {"kind", "challenge"}
    assert shown["kind"] == "pow"
    return dict(shown["challenge"])


def changed(token: str, change: Callable[[dict[str, Any]], object]) -> str:
    """A token after somebody laid hands on it."""
    whole = json.loads(base64.b64decode(token))
    change(whole)
    return base64.b64encode(json.dumps(whole).encode()).decode()


async def test_a_solved_challenge_passes_and_names_one_digest() -> None:
    captcha = proof()
    token = solve(challenge_of(captcha))
    digest = await captcha.check(token, HERE)
    assert digest is not None
    assert len(digest) == 32
    # The same challenge written down in another way is spent under the same digest.
    for same in (token, changed(token, lambda whole: whole.update(more=1))):
        assert await captcha.check(same, HERE) == digest
    assert await captcha.check(solve(challenge_of(captcha)), HERE) != digest


async def test_the_altcha_library_solves_it() -> None:
    captcha = proof()
    challenge = altcha.Challenge.from_dict(challenge_of(captcha))
    solution = altcha.solve_challenge(challenge)
    assert solution is not None
    assert await captcha.check(altcha.Payload(challenge, solution).to_base64(), HERE)


def solved_by_node(challenge: dict[str, Any]) -> str:
    """The token that the JavaScript example makes."""
    script = (
        'const { solve } = require("./captcha_pow.js");'
        "solve(JSON.parse(process.argv[1])).then((token) => console.log(token));"
    )
    try:
        node = find("node", "nodejs")
    except Missing as missing:
        skip_or_fail(missing)
    command = [node, "-e", script, json.dumps(challenge)]
    done = subprocess.run(
        command, cwd=EXAMPLES, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


async def test_the_javascript_example_solves_it() -> None:
    captcha = proof()
    for _ in range(3):
        challenge = challenge_of(captcha)
        token = solved_by_node(challenge)
        assert await captcha.check(token, HERE)
        ours = altcha.Payload.from_base64(solve(challenge)).solution
        theirs = altcha.Payload.from_base64(token).solution
        assert (theirs.counter, theirs.derived_key) == (ours.counter, ours.derived_key)


async def test_a_challenge_expires_at_the_second_that_it_names() -> None:
    clock = FakeClock()
    captcha = proof(clock)
    challenge = challenge_of(captcha)
    assert challenge["parameters"]["expiresAt"] == NOW + LIFE
    token = solve(challenge)
    clock.advance(LIFE - 1)
    assert await captcha.check(token, HERE)
    clock.advance(1)
    assert await captcha.check(token, HERE) is None


async def test_every_process_with_the_key_knows_it_again_and_no_other() -> None:
    token = solve(challenge_of(proof()))
    assert await proof().check(token, HERE) == await proof().check(token, HERE) is not None
    assert await proof(key=b"another key that only tests know.").check(token, HERE) is None


async def test_a_phone_may_have_changed_its_address_meanwhile() -> None:
    captcha = proof()
    token = solve(challenge_of(captcha))
    assert await captcha.check(token, ELSEWHERE) == await captcha.check(token, HERE) is not None


def later(whole: dict[str, Any]) -> None:
    whole["challenge"]["parameters"]["expiresAt"] += 3600


def easier(whole: dict[str, Any]) -> None:
    whole["challenge"]["parameters"]["keyPrefix"] = "00" * 16


def renamed(whole: dict[str, Any]) -> None:
    nonce = whole["challenge"]["parameters"]["nonce"]
    whole["challenge"]["parameters"]["nonce"] = nonce[::-1]


def unsigned(whole: dict[str, Any]) -> None:
    whole["challenge"]["signature"] = "0" * 64


def unsolved(whole: dict[str, Any]) -> None:
    whole["solution"]["counter"] += 1


def true(whole: dict[str, Any]) -> None:
    whole["solution"]["counter"] = True


def huge(whole: dict[str, Any]) -> None:
    whole["solution"]["counter"] = 2**32


def text(whole: dict[str, Any]) -> None:
    whole["solution"]["counter"] = str(whole["solution"]["counter"])


def solved_beforehand(whole: dict[str, Any]) -> None:
    """What another counter gives is made what was asked for."""
    given, solution = whole["challenge"]["parameters"], whole["solution"]
    solution["counter"] += 1
    block = bytes.fromhex(given["salt"] + given["nonce"]) + solution["counter"].to_bytes(4, "big")
    given["keyPrefix"] = hashlib.sha256(block).hexdigest()[:32]


def padded(whole: dict[str, Any]) -> None:
    whole["more"] = "x" * 2000


def capital(whole: dict[str, Any]) -> None:
    whole["challenge"]["signature"] = whole["challenge"]["signature"].upper()


@pytest.mark.parametrize(
    "change",
    [
        later,
        easier,
        solved_beforehand,
        renamed,
        unsigned,
        unsolved,
        true,
        text,
        huge,
        padded,
        capital,
    ],
)
async def test_a_token_that_somebody_changed_is_refused(
    change: Callable[[dict[str, Any]], None],
) -> None:
    captcha = proof()
    token = solve(challenge_of(captcha))
    assert await captcha.check(token, HERE)
    assert await captcha.check(changed(token, change), HERE) is None


async def test_parts_of_two_challenges_make_no_third() -> None:
    captcha = proof()
    one, other = (solve(challenge_of(captcha)) for _ in range(2))
    foreign = json.loads(base64.b64decode(other))
    for name in ("nonce", "salt", "keyPrefix"):
        value = foreign["challenge"]["parameters"][name]

        def swap(whole: dict[str, Any], name: str = name, value: str = value) -> None:
            whole["challenge"]["parameters"][name] = value

        assert await captcha.check(changed(one, swap), HERE) is None
    signature = foreign["challenge"]["signature"]
    swapped = changed(one, lambda whole: whole["challenge"].update(signature=signature))
    assert await captcha.check(swapped, HERE) is None


class Watched(HmacSecrets):
    """Counts how often a signature is computed."""

    signed = 0

    def key(self, scope: str, *parts: str | int) -> bytes:
        self.signed += 1
        return super().key(scope, *parts)


async def test_garbage_costs_no_signature_and_a_good_form_costs_one() -> None:
    secrets = Watched(KEY)
    captcha = ProofOfWork(secrets, FakeClock(), difficulty=1000)
    good = solve(challenge_of(captcha))
    secrets.signed = 0
    nested = base64.b64encode(b"[" * 1400).decode()
    for garbage in ("", "x", "{}", "e30=", "W10=", nested, good + " ", good * 4, good + "A" * 5000):
        assert await captcha.check(garbage, HERE) is None
    assert secrets.signed == 0
    assert await captcha.check(changed(good, unsigned), HERE) is None
    assert secrets.signed == 1


def test_the_work_is_spread_evenly_up_to_the_difficulty() -> None:
    captcha = proof()
    tokens = [solve(challenge_of(captcha)) for _ in range(60)]
    counters = [altcha.Payload.from_base64(token).solution.counter for token in tokens]
    assert max(counters) <= 1000
    assert min(counters) < 500 < max(counters)  # missed by chance once in 2 ** 59 runs


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=12,
)
HEX = st.text("0123456789abcdef", min_size=30, max_size=66) | JSON
NUMBER = st.integers(-1, 2**33) | JSON
SOLVED = st.fixed_dictionaries(
    {
        "challenge": st.fixed_dictionaries(
            {
                "parameters": st.fixed_dictionaries(
                    {"nonce": HEX, "salt": HEX, "keyPrefix": HEX, "expiresAt": NUMBER}
                ),
                "signature": HEX,
            }
        ),
        "solution": st.fixed_dictionaries({"counter": NUMBER}),
    }
)


@given(
    st.text()
    | st.binary(max_size=1400).map(lambda raw: base64.b64encode(raw).decode())
    | (JSON | SOLVED).map(lambda tree: base64.b64encode(json.dumps(tree).encode()).decode())
)
@example("\ud800")
@example("é" * 100)
@example(base64.b64encode(b'{"challenge":' * 100).decode())
@example(base64.b64encode(b"1" * 1400).decode())
@example(base64.b64encode(b'{"a":NaN,"b":1e999}').decode())
async def test_whatever_comes_is_refused_and_raises_nothing(token: str) -> None:
    assert await proof().check(token, HERE) is None


@given(st.integers(0, 400), st.characters(codec="ascii"))
async def test_one_changed_character_is_refused_or_changes_nothing(place: int, new: str) -> None:
    captcha = proof()
    token = solve(challenge_of(captcha))
    other = token[:place] + new + token[place + 1 :]
    assert await captcha.check(other, HERE) in (None, await captcha.check(token, HERE))
