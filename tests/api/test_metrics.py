"""GET /metrics: for whoever has the key, and nobody else."""

import pytest
from pydantic import SecretStr

from denglu.domain.errors import Reason, Refusal
from tests.api.conftest import Serve, Server

KEY = "metrics.canary-1234"
BEARER = {"Authorization": f"Bearer {KEY}"}


async def render() -> tuple[str, bytes]:
    return "text/plain; version=1.0.0", b"denglu_requests_total 1\n"


@pytest.fixture
def watched(serve: Serve, wire: str) -> Server:
    return serve(wire, metrics_key=SecretStr(KEY), metrics=render)


async def test_a_prometheus_reads_them(watched: Server) -> None:
    answer = await watched("GET", "/metrics", headers=BEARER)
    assert (answer.status_code, answer.text) == (200, "denglu_requests_total 1\n")
    assert answer.headers["content-type"] == "text/plain; version=1.0.0"
    assert (await watched("GET", "/metrics/", auth=("metrics", KEY))).status_code == 200


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": f"Bearer {KEY}x"}, {"X-Api-Key": KEY}, {"Authorization": KEY}]
)
async def test_strangers_are_told_nothing(watched: Server, headers: dict[str, str]) -> None:
    answer = await watched("GET", "/metrics", headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    assert "bearer" in answer.headers["www-authenticate"].lower()


async def test_a_back_ends_secret_is_none_of_a_watcher(serve: Serve) -> None:
    class Named:
        name, secret = "shop", SecretStr("s" * 32)

    server = serve(metrics_key=SecretStr(KEY), metrics=render, introspection_keys=(Named(),))
    answer = await server("GET", "/metrics", headers={"Authorization": f"Bearer {'s' * 32}"})
    assert answer.status_code == 401
    answer = await server("POST", "/introspect", headers=BEARER, data={"token": "x"})
    assert answer.status_code == 401


async def test_without_the_setting_there_is_no_such_path(serve: Serve, wire: str) -> None:
    for server in (serve(wire), serve(wire, metrics=render), serve(wire, metrics_key=None)):
        answer = await server("GET", "/metrics", headers=BEARER)
        assert answer.json()["data"]["reason"] == "not_found"


async def test_a_busy_database_is_told_plainly(serve: Serve) -> None:
    async def busy() -> tuple[str, bytes]:
        raise Refusal(Reason.busy, retry_after=1)

    server = serve(metrics_key=SecretStr(KEY), metrics=busy)
    answer = await server("GET", "/metrics", headers=BEARER)
    assert (answer.status_code, answer.json()) == (503, {"error": "busy"})


async def test_every_call_is_counted_under_the_name_of_its_route(watched: Server) -> None:
    calls = {
        ("POST", "/v1/site/login"): "login",
        ("GET", "/v1/member/member/index"): "who_am_i",
        ("DELETE", "/v1/member/session/7"): "end_session",
        ("POST", "/v1/member/session/7"): "end_session_by_post",
        ("GET", "/metrics"): "metrics",
        ("GET", "/v1/nothing"): "other",
        ("PUT", "/v1/site/login"): "other",
        ("GET", "/healthz"): "other",
    }
    for (method, path), name in calls.items():
        await watched(method, path)
        assert watched.lines[-1].exchange.operation == name
