"""A reverse proxy that the server was not told of: all clients share one address (row N05)."""

import itertools
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.battery.conftest import Record
from tests.battery.harness import Server, running
from tests.deploy.nginx_sample import shipped_nginx
from tests.servers.process import free_port

HOUSEHOLDS = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5")
ADVICE = "set DENGLU_TRUSTED_PROXIES=127.0.0.1"


class Households:
    """Clients behind the shipped nginx, each with an address of its own."""

    def __init__(self, port: int) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._url = f"https://127.0.0.1:{port}/v1/site/login"
        self._clients = [
            httpx.Client(transport=httpx.HTTPTransport(verify=context, local_address=address))
            for address in HOUSEHOLDS
        ]
        self._names = (f"nobody-{number}" for number in itertools.count())

    def mistype(self, times: int) -> list[int]:
        """Failed logins, in turn; returns the codes."""
        codes = []
        for _, client in zip(range(times), itertools.cycle(self._clients), strict=False):
            body = {"username": next(self._names), "password": "wrong-password-1", "group": "pc"}
            codes.append(client.post(self._url, json=body, timeout=30).json()["code"])
        return codes

    def close(self) -> None:
        for client in self._clients:
            client.close()


@contextmanager
def behind_nginx(folder: Path, **settings: str) -> Iterator[tuple[Server, Households]]:
    with running(folder, **settings) as server, shipped_nginx([server.port, free_port()]) as nginx:
        households = Households(nginx.port)
        try:
            yield server, households
        finally:
            households.close()


def warned(server: Server) -> list[str]:
    """What /readyz warns of."""
    answer = server.call("GET", "/readyz")
    assert (answer.status, answer.body["status"]) == (200, "ready")
    return list(answer.body.get("warnings", []))


def lines(server: Server) -> int:
    return sum(ADVICE in line and '"level":"warning"' in line for line in server.log.splitlines())


def test_N05_a_proxy_that_nobody_was_told_of_is_noticed(tmp_path: Path, record: Record) -> None:
    with behind_nginx(tmp_path) as (server, households):
        codes = households.mistype(99)
        # What a client or a proxy says of itself is believed from nobody: one address, one limit.
        assert codes == [422] * 30 + [429] * 69
        assert server.rows("select distinct ip from audit_event") == [("127.0.0.1",)]
        assert (warned(server), lines(server)) == ([], 0)
        households.mistype(1)
        (warning,) = warned(server)
        assert warning.startswith("100 of the last 100 calls that limits guard came from 127.0.0.1")
        assert ADVICE in warning
        assert lines(server) == 1
        households.mistype(200)
        assert lines(server) == 1
        server.advance(3600)
        households.mistype(100)
        assert lines(server) == 2
        said = server.cli("doctor").stdout
        assert "all clients seem to share that address, and its limits" in said
        assert "add 127.0.0.1 to DENGLU_TRUSTED_PROXIES if it is a proxy" in said
    record(
        "N05",
        tried="400 failed logins of 4 households through the shipped nginx, setting left out",
        figure="noticed at call 100; one line an hour; /readyz and doctor say it",
    )


def test_N05_a_proxy_that_is_believed_is_nothing_to_warn_of(tmp_path: Path) -> None:
    with behind_nginx(tmp_path, trusted_proxies="127.0.0.1") as (server, households):
        assert households.mistype(100) == [422] * 100
        assert {ip for (ip,) in server.rows("select distinct ip from audit_event")} == {*HOUSEHOLDS}
        assert (warned(server), lines(server)) == ([], 0)
