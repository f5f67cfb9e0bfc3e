"""POST /introspect: what a back-end is told, and what everybody else is (RFC 7662)."""

import base64
import json
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from denglu.api.introspect import BackEnds
from denglu.domain.errors import Reason, Refusal
from tests.api.conftest import Serve, Server
from tests.api.fakes import ACCESS, FOUND

SECRET, OTHER, OLD = "s" * 32, "o" * 40, "old-" * 10
GOOD = f"Bearer {SECRET}"


@dataclass(frozen=True)
class Key:
    """A named secret."""

    name: str
    secret: SecretStr


KEYS = tuple(Key(n, SecretStr(s)) for n, s in (("shop", SECRET), ("shop", OLD), ("wiki", OTHER)))


def basic(name: str, secret: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"


async def ask(
    server: Server, token: object = ACCESS, credential: str | None = GOOD, **sent: Any
) -> httpx.Response:
    headers = {} if credential is None else {"Authorization": credential}
    return await server(
        "POST", "/introspect", headers=headers, **(sent or {"data": {"token": token}})
    )


@pytest.fixture
def shop(serve: Serve, wire: str) -> Server:
    return serve(wire, introspection_keys=KEYS)


async def test_a_good_token_is_described(shop: Server) -> None:
    answer = await ask(shop)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "active": True,
        "token_type": "Bearer",
        "sub": str(FOUND.member.id),
        "client_group": FOUND.session.group,
        "member_level": FOUND.member.current_level,
        "merchant_id": FOUND.member.merchant_id,
        "username": FOUND.member.username,
        "iat": FOUND.session.rotated_at,
        "exp": FOUND.session.access_expires_at,
    }
    assert shop.flows.calls[-1] == ("authenticate", {"token": ACCESS})
    line = shop.lines[-1]
    assert (line.exchange.member_id, line.exchange.group) == (FOUND.member.id, FOUND.session.group)


async def test_a_token_that_was_just_replaced_is_good_for_its_grace_only(shop: Server) -> None:
    session = replace(FOUND.session, generation=2, rotated_at=1000, access_expires_at=9000)
    shop.flows.found = replace(FOUND, session=session)
    said = (await ask(shop)).json()
    assert said["exp"] == 1010
    assert "iat" not in said


async def test_a_member_without_a_username_has_none_here(shop: Server) -> None:
    shop.flows.found = replace(FOUND, member=replace(FOUND.member, username=""))
    assert "username" not in (await ask(shop)).json()


async def test_every_answer_has_headers_of_its_own(serve: Serve) -> None:
    shop = serve("rageframe", introspection_keys=KEYS)
    shop.flows.refusal = Refusal(Reason.token_invalid)
    headers = {"Authorization": GOOD, "Origin": "https://shop.example"}
    for _ in range(2):
        answer = await shop("POST", "/introspect", headers=headers, data={"token": ACCESS})
        assert answer.headers.get_list("access-control-allow-origin") == ["*"]


@pytest.mark.parametrize(
    "reason",
    [
        Reason.token_invalid,
        Reason.token_expired,
        Reason.session_replaced,
        Reason.session_ended,
    ],
)
async def test_a_token_that_is_not_good_is_not_active_and_nothing_more(
    shop: Server, reason: Reason
) -> None:
    shop.flows.refusal = Refusal(reason, details={"end_reason": "revoked", "ended_at": 7})
    answer = await ask(shop)
    assert (answer.status_code, answer.content) == (200, b'{"active":false}')
    assert "www-authenticate" not in answer.headers
    too_long = await ask(shop, "x" * 5000)
    assert (too_long.status_code, too_long.content) == (200, answer.content)


@pytest.mark.parametrize(
    "sent",
    [
        {"data": {"token": ACCESS, "token_type_hint": "refresh_token"}},
        {"json": {"token": ACCESS}},
        {"files": {"token": (None, ACCESS)}},
    ],
)
async def test_the_token_may_come_in_any_encoding(shop: Server, sent: dict[str, Any]) -> None:
    assert (await ask(shop, **sent)).json()["active"] is True


@pytest.mark.parametrize(
    "credential",
    [GOOD, f"bearer  {SECRET}", basic("shop", SECRET), basic("shop", OLD), basic("wiki", OTHER)],
)
async def test_every_secret_opens_by_bearer_or_with_its_name(shop: Server, credential: str) -> None:
    assert (await ask(shop, credential=credential)).status_code == 200


WRONG = [
    None, "", "Bearer", "Bearer ", f"Bearer {SECRET}x", f"Bearer {SECRET[:-1]}", f"Bearer {ACCESS}",
    f"Bearer {SECRET.upper()}", f"Token {SECRET}", SECRET, f"Basic {SECRET}", basic("shop", ""),
    basic("wiki", SECRET), basic("", SECRET), basic("Shop", SECRET), basic("shop", OTHER),
    "Basic !!!", "Basic " + base64.b64encode(b"\xff:\xff").decode(), basic("shop", SECRET) + "x",
    f"Bearer {SECRET} {SECRET}", f"Bearer {SECRET},{OTHER}", "Bearer \xe9",
]  # fmt: skip


@pytest.mark.parametrize("credential", WRONG)
async def test_without_a_good_credential_nothing_is_said(
    shop: Server, credential: str | None
) -> None:
    raw = [] if credential is None else [("authorization", credential.encode("latin-1"))]
    answer = await shop("POST", "/introspect", headers=raw, data={"token": ACCESS})
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert shop.flows.calls == []


async def test_the_credential_is_asked_for_before_the_body_is_read(shop: Server) -> None:
    for body in (b"{", b"x" * 20_000, b""):
        wrong = await shop("POST", "/introspect", content=body)
        assert wrong.status_code == 401


@pytest.mark.parametrize(
    ("body", "media", "status", "error"),
    [
        ("", "application/x-www-form-urlencoded", 400, "invalid_request"),
        ("token=", "application/x-www-form-urlencoded", 400, "invalid_request"),
        ("token=a&token=b", "application/x-www-form-urlencoded", 400, "invalid_request"),
        ("{", "application/json", 400, "invalid_request"),
        ('{"token":["x"]}', "application/json", 400, "invalid_request"),
        ("<token/>", "text/xml", 415, "unsupported_media_type"),
        ("token=" + "x" * 20_000, "application/x-www-form-urlencoded", 413, "body_too_large"),
    ],
)
async def test_a_question_that_is_none_is_told_so(
    shop: Server, body: str, media: str, status: int, error: str
) -> None:
    headers = {"Authorization": GOOD, "Content-Type": media}
    answer = await shop("POST", "/introspect", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


async def test_a_database_that_is_busy_is_no_word_about_the_token(shop: Server) -> None:
    shop.flows.refusal = Refusal(Reason.busy, retry_after=2)
    answer = await ask(shop)
    assert (answer.status_code, answer.json()) == (503, {"error": "busy"})
    assert answer.headers["retry-after"] == "2"


async def test_a_fault_inside_says_nothing_of_the_inside(
    shop: Server, caplog: pytest.LogCaptureFixture
) -> None:
    shop.flows.refusal = RuntimeError("no such table")
    answer = await ask(shop)
    assert (answer.status_code, answer.json()) == (500, {"error": "internal"})
    assert [record.message for record in caplog.records] == ["a request failed"]


async def test_wrong_secrets_of_an_address_are_limited_and_a_good_one_always_passes(
    shop: Server,
) -> None:
    for _ in range(30):
        assert (await ask(shop, credential="Bearer guess")).status_code == 401
    for _ in range(3):
        answer = await ask(shop, credential="Bearer guess")
        assert (answer.status_code, answer.json()) == (429, {"error": "too_many_attempts"})
        assert int(answer.headers["retry-after"]) >= 1
        assert (await ask(shop)).status_code == 200


async def test_without_secrets_there_is_no_such_path(serve: Serve, wire: str) -> None:
    server = serve(wire)
    elsewhere = await server("POST", "/no-such-path", data={"token": ACCESS})
    for credential in (GOOD, None):
        answer = await ask(server, credential=credential)
        assert answer.status_code == elsewhere.status_code == 200
        assert _without_ids(answer) == _without_ids(elsewhere)
    real = serve(wire, http_status="real")
    assert (await ask(real)).status_code == 404
    assert server.flows.calls == []


def _without_ids(answer: httpx.Response) -> dict[str, Any]:
    said = answer.json()
    return {key: value for key, value in said.items() if key != "req_id"}


async def test_it_is_below_no_mount_and_for_post_only(serve: Serve) -> None:
    server = serve("document", introspection_keys=KEYS, mounts=("/api",), http_status="real")
    headers = {"Authorization": GOOD}
    assert (await server("POST", "/api/introspect", headers=headers)).status_code == 404
    assert (await server("GET", "/introspect", headers=headers)).status_code == 405


async def test_it_is_documented_where_it_is(serve: Serve, wire: str) -> None:
    hidden = (await serve(wire)("GET", "/openapi.json")).json()
    assert "/introspect" not in hidden["paths"]
    assert "back_end" not in hidden["components"]["securitySchemes"]
    shown = (await serve(wire, introspection_keys=KEYS)("GET", "/openapi.json")).json()
    operation = shown["paths"]["/introspect"]["post"]
    assert operation["security"] == [{"back_end": []}, {"back_end_bearer": []}]
    assert set(operation["responses"]) == {"200", "400", "401", "413", "415", "429", "500", "503"}
    assert SECRET not in json.dumps(shown)


def test_an_empty_list_of_back_ends_knows_nobody() -> None:
    nobody = BackEnds((), lambda: 0, grace=0)
    assert not nobody.knows("Bearer ")
    assert not nobody.knows("")
