"""Nobody finds a token letter by letter: how long a wrong one takes says nothing (row E08)."""

import secrets
import time
from collections.abc import Callable

import pytest

from tests.battery.client import Client
from tests.battery.conftest import Record
from tests.battery.harness import Answer
from tests.battery.test_enumeration import SAMPLES, auc

SHARED = (0, 10, 20, 30, 40)


def near(token: str, shared: int) -> str:
    """Another token of the same shape with so many leading characters in common."""
    while True:
        found = token[:shared] + secrets.token_urlsafe(32)[shared:]
        if found != token:
            return found


def times(ask: Callable[[str], Answer], code: int, token: str) -> dict[int, list[float]]:
    """Seconds of refused near misses by how much they share, taken in turns."""
    spent: dict[int, list[float]] = {shared: [] for shared in SHARED}
    for number in range(SAMPLES):
        for shared in SHARED if number % 2 else reversed(SHARED):
            guess = near(token, shared)
            begun = time.perf_counter()
            answer = ask(guess)
            spent[shared].append(time.perf_counter() - begun)
            assert answer.code == code, answer.text
            assert code != 200 or answer.data == {"token": False}
    return spent


@pytest.mark.measured
def test_E08_the_time_of_a_token_that_is_nearly_right(client: Client, record: Record) -> None:
    grant = client.register().data
    access, refresh = grant["access_token"], grant["refresh_token"]
    for what, ask, code, token in (
        ("verify", client.verify, 200, access),
        ("an access token", client.who_am_i, 401, access),
        ("refresh", client.refresh, 401, refresh),
    ):
        spent = times(ask, code, token)
        found = ", ".join(f"{n} {auc(spent[0], spent[n]):.3f}" for n in SHARED[1:])
        tried = f"{what}: tokens that share 10 to 40 characters against 0, {SAMPLES} samples each"
        record("E08", tried=tried, figure=f"AUC {found} (0.40–0.60)")


def test_E08_a_token_that_is_nearly_right_is_as_wrong_as_any(client: Client) -> None:
    grant = client.register().data
    access, refresh = grant["access_token"], grant["refresh_token"]
    for shared in range(43):
        assert client.verify(near(access, shared)).data == {"token": False}
        assert client.who_am_i(near(access, shared)).reason == "token_invalid"
        assert client.refresh(near(refresh, shared)).reason == "refresh_invalid"
    # None of them has spoilt the real ones.
    assert client.who_am_i(access).code == 200
    assert client.refresh(refresh).code == 200
