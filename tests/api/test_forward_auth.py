"""GET /forward-auth: what a proxy is told of the token that a request carries."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from denglu.api.routes import PROXIES
from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Rate
from denglu.domain.member import MemberType
from denglu.domain.request_limit import RequestLimit
from tests.api.conftest import Serve, Server
from tests.api.fakes import ACCESS, FOUND

TOKEN = {"X-Api-Key": ACCESS}
IDENTITY = ("x-member-id", "x-member-group", "x-member-level", "x-member-merchant-id")


async def ask(server: Server, headers: Any = TOKEN, path: str = "/forward-auth") -> httpx.Response:
    return await server("GET", path, headers=headers)


def told(answer: httpx.Response) -> list[str | None]:
    return [answer.headers.get(name) for name in IDENTITY]


async def test_a_good_token_is_its_members_name_tag(serve: Serve, wire: str) -> None:
    server = serve(wire)
    member = replace(FOUND.member, current_level=3, merchant_id=5)
    server.flows.found = replace(FOUND, member=member)
    answer = await ask(server)
    assert (answer.status_code, answer.content) == (200, b"")
    assert told(answer) == ["7", "pc", "3", "5"]
    line = server.lines[-1]
    assert (line.exchange.member_id, line.exchange.group) == (member.id, "pc")


@pytest.mark.parametrize(
    "headers", [{"Authorization": f"Bearer {ACCESS}"}, {"X-Api-Key": "null", **TOKEN}]
)
async def test_the_token_stands_where_members_put_it(serve: Serve, headers: dict[str, str]) -> None:
    assert told(await ask(serve(), headers))[0] == "7"


async def test_a_token_in_the_query_counts_where_old_clients_are_served(serve: Serve) -> None:
    path = f"/forward-auth?access-token={ACCESS}"
    assert (await ask(serve("rageframe"), {}, path)).status_code == 200
    assert (await ask(serve("document"), {}, path)).status_code == 401


async def test_nobody_makes_headers_with_the_name_of_a_group(serve: Serve) -> None:
    server = serve()
    session = replace(FOUND.session, group="自助 机\r\nX-Member-Id: 1")
    server.flows.found = replace(FOUND, session=session)
    answer = await ask(server)
    assert answer.headers.get_list("x-member-id") == ["7"]
    assert answer.headers["x-member-group"] == (
        "%E8%87%AA%E5%8A%A9%20%E6%9C%BA%0D%0AX-Member-Id%3A%201"
    )


@pytest.mark.parametrize(
    "reason",
    [Reason.token_invalid, Reason.token_expired, Reason.session_replaced, Reason.session_ended],
)
async def test_a_bad_token_is_401_with_its_reason_and_nobodys_name(
    serve: Serve, wire: str, reason: Reason
) -> None:
    server = serve(wire)
    server.flows.refusal = Refusal(reason, details={"device": "iPhone"})
    answer = await ask(server)
    assert (answer.status_code, answer.json()) == (401, {"error": reason.value})
    assert answer.headers["www-authenticate"] == 'Bearer realm="denglu", error="invalid_token"'
    assert told(answer) == [None] * 4


async def test_without_a_token_it_is_asked_for(serve: Serve, wire: str) -> None:
    server = serve(wire)
    answer = await ask(server, {})
    assert (answer.status_code, answer.json()) == (401, {"error": "token_missing"})
    assert answer.headers["www-authenticate"] == 'Bearer realm="denglu"'
    assert server.flows.calls == []


@pytest.mark.parametrize(
    ("refusal", "status", "error"),
    [
        (Refusal(Reason.busy, retry_after=2), 503, "busy"),
        (RuntimeError("no such table"), 500, "internal"),
    ],
)
async def test_trouble_is_no_word_about_the_token(
    serve: Serve, refusal: Exception, status: int, error: str
) -> None:
    server = serve()
    server.flows.refusal = refusal
    answer = await ask(server)
    assert (answer.status_code, answer.json()) == (status, {"error": error})
    assert "www-authenticate" not in answer.headers
    assert answer.headers.get("retry-after") == ("2" if status == 503 else None)


@pytest.mark.parametrize(
    "path",
    [
        "/api/forward-auth",
        "/merapi/forward-auth",
        "/x/forward-auth/",
        "/v1/forward-auth",
        "/forward-auth/orders",  # some proxies put the path that is asked for behind
        "/forward-auth;x",
        "/Forward-Auth",
        "/forward_auth",
        "/forwardauth",
        "/forward-auth%ff",
    ],
)
async def test_a_question_at_a_wrong_path_is_never_answered_with_yes(
    serve: Serve, wire: str, path: str
) -> None:
    """A proxy lets the request through at any status that begins with 2."""
    answer = await ask(serve(wire, mounts=("/api",)), path=path)
    assert (answer.status_code, answer.json()) == (404, {"error": "not_found"})


async def test_it_is_for_get_only(serve: Serve) -> None:
    server = serve(http_status="envelope")
    assert (await ask(server, path="/forward-auth/")).status_code == 200
    answer = await server("POST", "/forward-auth", headers=TOKEN)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json() == {"error": "method_not_allowed"}


async def test_a_browsers_question_is_no_yes_either(serve: Serve, wire: str) -> None:
    headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    for path, status in (("/forward-auth", 405), ("/forward-auth/orders", 404)):
        for given in ({}, headers):
            server = serve(wire, cors_origins=("*",))
            answer = await server("OPTIONS", path, headers=given)
            assert answer.status_code == status


async def test_a_proxy_is_not_counted_among_the_addresses_that_ask_too_much(serve: Serve) -> None:
    server = serve(requests=RequestLimit([Rate(1, 60)]), http_status="real")
    assert [(await ask(server)).status_code for _ in range(5)] == [200] * 5
    index = [await server("GET", "/v1/member/member/index", headers=TOKEN) for _ in range(2)]
    assert [answer.status_code for answer in index] == [200, 429]


async def test_it_is_documented(serve: Serve, wire: str) -> None:
    shown = (await serve(wire)("GET", "/openapi.json")).json()
    operation = shown["paths"]["/forward-auth"]["get"]
    assert {name.lower() for name in operation["responses"]["200"]["headers"]} == set(IDENTITY)
    assert set(operation["responses"]) == {"200", "401", "500", "503"}
    assert {"key": []} in operation["security"]
    assert "X-Member-Id" in json.dumps(shown)


async def test_a_plugin_has_such_paths_beside_ours(serve: Serve) -> None:
    [route] = PROXIES
    theirs = replace(route, path="/merapi/forward-auth", realm=MemberType.merchant_user)
    server = serve(mounts=("/api",), http_status="real", routes=[theirs])
    assert told(await ask(server, path=theirs.path))[0] == "7"
    assert server.flows.realms == [MemberType.merchant_user]
    assert (await ask(server, path="/api" + theirs.path)).status_code == 404
    server.flows.refusal = Refusal(Reason.token_invalid)
    assert (await ask(server, path=theirs.path)).json() == {"error": "token_invalid"}
