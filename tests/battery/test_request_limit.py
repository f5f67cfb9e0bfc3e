"""Row N12 for the general limit of requests: what its answer says is true."""

from pathlib import Path

from tests.battery.client import Client
from tests.battery.conftest import Record
from tests.battery.harness import running


def test_N12_requests_of_an_address(tmp_path: Path, record: Record) -> None:
    """20 requests an hour: the 21st is told when to come again, and then it is good."""
    with (
        running(tmp_path, trusted_proxies="127.0.0.1", request_rates="20/1h") as server,
        Client(server) as client,
    ):
        token = client.register().data["access_token"]
        answers = [client.verify(token, ip="2001:db8::1") for _ in range(10)]
        answers += [client.verify(token, ip=f"2001:db8::{n:x}:2") for n in range(10)]
        assert {answer.code for answer in answers} == {200}
        refused = client.who_am_i(token, ip="2001:db8::3")
        assert (refused.code, refused.reason) == (429, "too_many_attempts")
        wait = int(refused.headers["retry-after"])
        assert wait == refused.data["retry_after"] >= 1
        assert client.call("GET", "/readyz", ip="2001:db8::3").status == 200
        assert client.who_am_i(token, ip="2001:db8:0:1::3").code == 200
        server.advance(wait)
        assert client.who_am_i(token, ip="2001:db8::3").code in (200, 401)
    record("N12", tried="request_rates=20/1h: 21 requests of a /64", figure=f"20, then {wait} s")
