"""The general limit of requests, on the wire."""

import pytest

from denglu.api.routes import ROUTES
from denglu.domain.limits import Rate
from denglu.domain.request_limit import RequestLimit
from tests.api.bodies import good_bodies, member_bodies
from tests.api.conftest import Serve

INDEX = "/v1/member/member/index"
TOKEN = {"X-Api-Key": "A" * 43}


def ten_a_minute() -> RequestLimit:
    return RequestLimit([Rate(10, 60)])


async def test_an_address_that_had_enough_is_told_when_to_come_again(
    serve: Serve, wire: str
) -> None:
    server = serve(wire, requests=ten_a_minute())
    answers = [(await server("GET", INDEX, headers=TOKEN)).json() for _ in range(10)]
    assert [answer["code"] for answer in answers] == [200] * 10
    refused = await server("GET", INDEX, headers=TOKEN)
    answer = refused.json()
    assert (refused.status_code, answer["code"]) == (200, 429)
    assert answer["message"] == "操作过于频繁，请稍后再试"
    assert answer["data"]["reason"] == "too_many_attempts"
    assert int(refused.headers["retry-after"]) == answer["data"]["retry_after"]
    assert 1 <= answer["data"]["retry_after"] <= 120


async def test_it_is_a_real_429_where_statuses_are_real(serve: Serve) -> None:
    server = serve("document", requests=ten_a_minute(), http_status="real")
    for _ in range(10):
        await server("GET", INDEX, headers=TOKEN)
    transported = await server._client.get(INDEX, headers=TOKEN)
    assert transported.status_code == 429


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_every_call_counts_and_is_refused(serve: Serve, wire: str, route: object) -> None:
    server = serve(wire, requests=ten_a_minute(), mounts=("/api",))
    method, path = route.method, route.path.replace("{id}", "7")  # type: ignore[attr-defined]
    body = (good_bodies(wire) | member_bodies()).get(path)
    for number in range(10):
        answer = await server(method, path, json=body, headers=TOKEN)
        assert answer.json()["code"] == 200, number
    answer = await server(method, path + "/", json=body, headers=TOKEN)
    assert answer.json()["code"] == 429
    flows_called = len(server.flows.calls)
    mounted = await server._client.request(method, f"/api{path}", json=body, headers=TOKEN)
    assert mounted.json()["code"] == 429
    assert len(server.flows.calls) == flows_called


async def test_health_is_never_limited(serve: Serve) -> None:
    limit = ten_a_minute()
    server = serve(requests=limit)
    for _ in range(30):
        assert (await server("GET", "/healthz")).status_code == 200
        assert (await server("GET", "/readyz")).status_code == 200
    assert (await server("GET", INDEX, headers=TOKEN)).json()["code"] == 200


async def test_the_address_is_the_clients_not_the_proxys(serve: Serve) -> None:
    server = serve(requests=ten_a_minute(), peer="127.0.0.1", trusted_proxies=("127.0.0.1/32",))
    for number in range(30):
        seen = TOKEN | {"X-Forwarded-For": f"10.0.0.{number % 3}"}
        assert (await server("GET", INDEX, headers=seen)).json()["code"] == 200
    seen = TOKEN | {"X-Forwarded-For": "10.0.0.1"}
    assert (await server("GET", INDEX, headers=seen)).json()["code"] == 429


async def test_a_body_that_was_refused_unread_does_not_spoil_the_next_request(
    serve: Serve,
) -> None:
    server = serve(requests=RequestLimit([Rate(1, 60)]))
    await server("GET", INDEX, headers=TOKEN)
    refused = await server("POST", "/v1/site/login", content=b"x" * 100_000)
    assert refused.json()["code"] == 429
    assert refused.headers["connection"] == "close"


async def test_without_rates_nothing_is_counted(serve: Serve) -> None:
    server = serve()
    for _ in range(100):
        assert (await server("GET", INDEX, headers=TOKEN)).json()["code"] == 200
