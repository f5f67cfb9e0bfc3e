"""Who is taken for a proxy that the server was not told of, and who is not."""

import logging
from collections.abc import Sequence

import pytest

from denglu.api.address import Proxies
from denglu.api.exchange import Exchange
from denglu.api.proxy_watch import ProxyWatch
from denglu.api.routes import ROUTES
from denglu.asgi import Scope
from tests.api.conftest import Serve
from tests.api.fakes import NOW

LOCAL = "127.0.0.1"
FORWARDED = (b"x-forwarded-for", b"203.0.113.9")
LOGIN = {"username": "demo", "password": "correct-horse-9", "group": "pc"}


class Watched:
    """A watch and the calls that it sees."""

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self.now = NOW
        self.watch = ProxyWatch(lambda: self.now)
        self._proxies = Proxies(trusted)

    def calls(self, count: int, peer: str | None = LOCAL, *headers: tuple[bytes, bytes]) -> None:
        for _ in range(count):
            scope: Scope = {
                "method": "POST",
                "path": "/",
                "headers": list(headers),
                "client": (peer, 1) if peer is not None else None,
            }

            async def receive() -> dict[str, object]:
                raise RuntimeError("nobody reads")

            self.watch.saw(Exchange(scope, receive, self._proxies))


@pytest.mark.parametrize("name", [b"x-forwarded-for", b"forwarded", b"x-real-ip"])
@pytest.mark.parametrize(
    "peer", [LOCAL, "::1", "10.0.0.7", "172.17.0.1", "192.168.1.1", "100.64.0.9", "fd00::1",
             "::ffff:10.0.0.7"],
)  # fmt: skip
def test_an_inner_address_that_forwards_is_taken_for_a_proxy(name: bytes, peer: str) -> None:
    watched = Watched()
    watched.calls(100, peer, (name, b"203.0.113.9"))
    (warning,) = watched.watch.warnings
    assert f"DENGLU_TRUSTED_PROXIES={peer.removeprefix('::ffff:')}," in warning


@pytest.mark.parametrize(
    ("forwarding", "direct", "noticed"), [(99, 0, False), (91, 9, True), (90, 10, False)]
)
def test_more_than_nine_of_ten_of_a_hundred_calls_are_enough(
    forwarding: int, direct: int, noticed: bool
) -> None:
    watched = Watched()
    watched.calls(direct, "203.0.113.5")
    watched.calls(forwarding, LOCAL, FORWARDED)
    assert bool(watched.watch.warnings) is noticed


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        (LOCAL, ()),
        ("8.8.8.8", (FORWARDED,)),
        ("2001:4860::1", (FORWARDED,)),
        (None, (FORWARDED,)),
        ("a-socket", (FORWARDED,)),
        (LOCAL, ((b"x-forwarded-host", b"shop.example"),)),
    ],
)
def test_others_are_not(peer: str | None, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    watched = Watched()
    watched.calls(300, peer, *headers)
    assert watched.watch.warnings == []


def test_several_proxies_that_share_the_calls_are_not_one_address() -> None:
    watched = Watched()
    for peer in ("10.0.0.1", "10.0.0.2"):
        watched.calls(50, peer, FORWARDED)
    assert watched.watch.warnings == []


def test_a_trusted_proxy_is_warned_of_only_where_it_names_no_client() -> None:
    watched = Watched([LOCAL])
    watched.calls(100, LOCAL, FORWARDED)
    assert watched.watch.warnings == []
    watched.calls(100, LOCAL, (b"x-real-ip", b"203.0.113.9"))
    assert "let it send X-Forwarded-For" in watched.watch.warnings[0]


def test_a_warning_is_logged_once_an_hour_and_goes_when_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched = Watched()
    watched.calls(1000, LOCAL, FORWARDED)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    watched.now += 3599
    watched.calls(100, LOCAL, FORWARDED)
    assert len(caplog.records) == 1
    watched.now += 1
    watched.calls(100, LOCAL, FORWARDED)
    assert len(caplog.records) == 2
    watched.calls(100, "203.0.113.5")
    assert watched.watch.warnings == []


async def test_readiness_tells_and_token_checks_are_not_looked_at(serve: Serve) -> None:
    server = serve("document", peer=LOCAL)
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Api-Key": "A" * 43}
    for _ in range(100):
        await server("GET", "/v1/member/member/index", headers=headers)
        await server("POST", "/v1/site/refresh", json={}, headers=headers)
    assert (await server("GET", "/readyz")).json() == {"status": "ready"}
    for _ in range(100):
        await server("POST", "/v1/site/login", json=LOGIN, headers=headers)
    said = (await server("GET", "/readyz")).json()
    assert said["status"] == "ready"
    assert len(said["warnings"]) == 1
    server.is_ready = False
    assert (await server("GET", "/readyz")).json() == {"status": "not ready"}


def test_calls_that_limits_guard_are_those_that_can_be_guessed_at_or_cost_money() -> None:
    limited = {route.path.rpartition("/")[2] for route in ROUTES if route.limited}
    assert limited >= {"login", "sms-code", "mobile-login", "register", "up-pwd"}
    assert not limited & {"index", "refresh", "verify-access-token", "logout", "session"}
