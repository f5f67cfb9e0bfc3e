"""The nginx sample with the real nginx: what it hides, what it adds, what it says itself."""

import json
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.cli.desk import Desk, Serving
from tests.deploy.asking import trusting
from tests.deploy.nginx_sample import shipped_nginx
from tests.servers.nginx import NginxServer
from tests.servers.process import free_port

WHOAMI = "/v1/member/member/index"
HOUSEHOLD = "127.0.0.9"
HSTS = "max-age=31536000"
SECRET = "0123456789abcdef" * 2
RECEIPT_KEY = "receipt.canary-1234"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A denglu that believes the proxy."""
    settings = {
        "DENGLU_TRUSTED_PROXIES": "127.0.0.1",
        "DENGLU_INTROSPECTION_KEYS": f"shop:{SECRET}",
        "DENGLU_METRICS_KEY": SECRET,
        "DENGLU_SMS_RECEIPT_KEY": RECEIPT_KEY,
    }
    desk = Desk(tmp_path_factory.mktemp("denglu"), settings)
    with desk.serving() as started:
        yield started


@pytest.fixture(scope="module")
def nginx(server: Serving) -> Iterator[NginxServer]:
    """nginx in front of it; the second server of the sample is not there."""
    with shipped_nginx([server.port, free_port()]) as started:
        yield started


def get(nginx: NginxServer, path: str, **headers: str) -> httpx.Response:
    """A request over TLS, from an address of its own."""
    transport = httpx.HTTPTransport(verify=trusting(), local_address=HOUSEHOLD)
    with httpx.Client(transport=transport, timeout=20) as client:
        return client.get(f"https://127.0.0.1:{nginx.port}{path}", headers=headers)


def test_T07_the_access_log_holds_no_query(nginx: NginxServer) -> None:
    token = "A" * 43
    assert get(nginx, f"{WHOAMI}?access-token={token}").json()["data"]["reason"] == "token_missing"
    log = nginx.folder / "denglu.access.log"
    while not (logged := log.read_text()):  # nginx writes it after it has answered
        time.sleep(0.01)
    assert f'"GET {WHOAMI}" 200' in logged
    assert token not in logged
    assert token not in (nginx.folder / "denglu.error.log").read_text()


def test_answers_of_nginx_and_denglu_demand_tls_from_then_on(nginx: NginxServer) -> None:
    assert get(nginx, WHOAMI).headers["strict-transport-security"] == HSTS
    assert get(nginx, "/nowhere").headers["strict-transport-security"] == HSTS


def test_N02_what_a_client_says_of_its_address_is_not_passed_on(
    nginx: NginxServer, server: Serving
) -> None:
    said = {"X-Forwarded-For": "1.1.1.1, 127.0.0.1", "X-Real-IP": "1.1.1.1"}
    request_id = get(nginx, WHOAMI, **said).headers["x-request-id"]
    assert _address(server, request_id) == HOUSEHOLD


def _address(server: Serving, request_id: str) -> str:
    """Whose request it was, by denglu's access log; a line may take a moment."""
    while True:
        for line in map(json.loads, server.errors.read_text().splitlines()):
            if line.get("request_id") == request_id:
                return str(line["ip"])
        time.sleep(0.02)


def test_health_is_not_shown_to_the_world(nginx: NginxServer, server: Serving) -> None:
    for path in ("/healthz", "/readyz"):
        assert get(nginx, path).status_code == 404
        assert httpx.get(f"http://127.0.0.1:{server.port}{path}").status_code == 200


def test_T10_back_ends_ask_from_within(nginx: NginxServer, server: Serving) -> None:
    for path in ("/introspect", "/introspect/"):
        from_outside = get(nginx, path, Authorization=f"Bearer {SECRET}")
        assert from_outside.status_code == 404
        assert b"error" not in from_outside.content
        within = httpx.post(f"http://127.0.0.1:{server.port}{path}", data={"token": "x"})
        assert within.status_code == 401


def test_metrics_are_watched_from_within(nginx: NginxServer, server: Serving) -> None:
    for path in ("/metrics", "/metrics/"):
        assert get(nginx, path, Authorization=f"Bearer {SECRET}").status_code == 404
    assert httpx.get(f"http://127.0.0.1:{server.port}/metrics").status_code == 401


def test_providers_report_from_outside_and_the_key_is_in_no_log(
    nginx: NginxServer, server: Serving
) -> None:
    """A GET shows who has the right key: nothing else is at that path for it."""
    paths = {
        f"/hooks/sms/aliyun/{RECEIPT_KEY}": 405,
        f"/Hooks/sms/{RECEIPT_KEY}": 200,
        f"/hooks/{RECEIPT_KEY}": 200,
        f"/api/hooks/sms/aliyun/{RECEIPT_KEY}": 200,
    }
    log = nginx.folder / "denglu.access.log"
    for path, status in paths.items():
        assert get(nginx, path).status_code == status
    lines: list[str] = []
    while len(lines) < len(paths):  # nginx writes them after it has answered
        lines = [line for line in log.read_text().splitlines() if "ooks/" in line]
    assert all('"GET /hooks/***" ' in line for line in lines)
    assert RECEIPT_KEY not in log.read_text()
    assert RECEIPT_KEY not in (nginx.folder / "denglu.error.log").read_text()


def test_N08_a_head_that_is_too_large_ends_at_nginx(nginx: NginxServer) -> None:
    assert get(nginx, WHOAMI, filler="x" * 20_000).status_code == 400


def test_without_a_server_apps_are_told_busy_in_their_own_terms() -> None:
    with shipped_nginx([free_port(), free_port()]) as nginx:
        answer = get(nginx, WHOAMI)
    assert answer.status_code == 200
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["strict-transport-security"] == HSTS
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "code": 503,
        "message": "服务器繁忙，请稍后再试",
        "data": {"reason": "busy", "retry_after": 1},
    }


def test_a_flood_from_one_address_is_told_busy_too(server: Serving) -> None:
    # So few are enough only here: what the sample allows would have to be outrun.
    few = {"rate=100r/s": "rate=1r/m", "burst=200": "burst=1"}
    with shipped_nginx([server.port, free_port()], few) as nginx:
        codes = [get(nginx, WHOAMI).json()["code"] for _ in range(4)]
    assert codes == [401, 401, 503, 503]
