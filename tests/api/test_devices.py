"""My devices on the wire: the list, the end of one session or of all others."""

from dataclasses import replace
from typing import Any

import pytest

from denglu.domain.errors import Reason, Refusal
from tests.api.asgi import call
from tests.api.conftest import Serve
from tests.api.fakes import FOUND, NOW, SESSION, FakeFlows

LIST, OTHERS = "/v1/member/session", "/v1/member/session/others"
KEY = {"X-Api-Key": "A" * 43}
RAW_KEY = [(b"x-api-key", b"A" * 43)]
MOUNTS = ("/api", "/api/tiny-shop", "/tiny-shop")
PHONE = replace(SESSION, id=90, group="iOS", device="iPhone", rotated_at=NOW + 60, ip="2001:db8::1")
OLD_GROUP = replace(SESSION, id=91, group="kiosk")
ENDS = ("DELETE", "POST")


def called(server: Any) -> list[str]:
    """The flows that were asked, but for the token's."""
    return [name for name, _ in server.flows.calls if name != "authenticate"]


async def test_the_list_shows_what_an_owner_needs_and_nothing_else(serve: Serve, wire: str) -> None:
    server = serve(wire, flows=FakeFlows(other_sessions=(PHONE, OLD_GROUP)))
    answer = await server.get(LIST, **KEY)
    assert answer["data"] == [
        {
            "id": SESSION.id,
            "group": "pc",
            "group_label": "PC",
            "device": "unknown",
            "ip": "203.0.113.9",
            "created_at": SESSION.created_at,
            "active_at": SESSION.rotated_at,
            "expires_at": SESSION.refresh_expires_at,
            "current": True,
        },
        {
            "id": 90,
            "group": "iOS",
            "group_label": "苹果",
            "device": "iPhone",
            "ip": "2001:db8::1",
            "created_at": SESSION.created_at,
            "active_at": NOW + 60,
            "expires_at": SESSION.refresh_expires_at,
            "current": False,
        },
        # A group that is configured no more keeps its name.
        answer["data"][0] | {"id": 91, "group": "kiosk", "group_label": "kiosk", "current": False},
    ]
    assert (answer["code"], answer["message"], "timestamp" in answer) == (
        200,
        "OK",
        wire == "rageframe",
    )


@pytest.mark.parametrize("method", ENDS)
async def test_one_session_is_ended_by_its_number(serve: Serve, wire: str, method: str) -> None:
    server = serve(wire, mounts=MOUNTS)
    for mount in ("", *MOUNTS):
        for slash in ("", "/"):
            response = await server(method, f"{mount}{LIST}/90{slash}", headers=KEY)
            assert response.json()["code"] == 200
            assert response.json()["data"] == ({} if wire == "document" else None)
            name, given = server.flows.calls.pop()
            assert (name, given["session_id"], given["found"]) == ("end_session", 90, FOUND)
            assert given["caller"].ip == "203.0.113.9"


@pytest.mark.parametrize("method", ENDS)
async def test_all_others_are_ended_at_once(serve: Serve, wire: str, method: str) -> None:
    server = serve(wire, mounts=MOUNTS)
    for mount in ("", *MOUNTS):
        for slash in ("", "/"):
            response = await server(method, f"{mount}{OTHERS}{slash}", headers=KEY)
            assert response.json()["code"] == 200
            assert response.json()["data"] == ({} if wire == "document" else None)
            assert server.flows.calls.pop()[0] == "end_other_sessions"


async def test_a_session_that_is_not_there_looks_like_any_page_that_is_not(
    serve: Serve, wire: str
) -> None:
    server = serve(wire)
    nowhere = (await server("DELETE", "/nowhere", headers=KEY)).json()
    server = serve(wire, flows=NobodysSession())
    answer = (await server("DELETE", f"{LIST}/90", headers=KEY)).json()
    assert [name for name, _ in server.flows.calls] == ["authenticate", "end_session"]
    for one in (nowhere, answer):
        one.pop("req_id", None)
    assert answer == nowhere
    assert answer["data"]["reason"] == "not_found"


class NobodysSession(FakeFlows):
    """Knows the caller, and no other session."""

    async def end_session(self, *given: Any) -> None:
        self._note("end_session")
        raise Refusal(Reason.not_found)


@pytest.mark.parametrize(("method", "path"), [
    ("GET", LIST), *((method, path) for method in ENDS for path in (OTHERS, f"{LIST}/90")),
])  # fmt: skip
async def test_nobody_gets_there_without_a_token(
    serve: Serve, wire: str, method: str, path: str
) -> None:
    server = serve(wire)
    response = await server(method, path)
    assert response.json()["data"]["reason"] == "token_missing"
    refusing = FakeFlows(refusal=Refusal(Reason.token_invalid))
    server = serve(wire, flows=refusing)
    assert (await server(method, path, headers=KEY)).json()["code"] == 401
    assert called(server) == []


@pytest.mark.parametrize(
    "last",
    [
        "0",
        "01",
        "-1",
        "+1",
        "1.0",
        "1e3",
        "1e400",
        "null",
        "true",
        "[]",
        "1;a=b",
        "1,2",
        "1%",
        "%31",  # as it is after one decoding: `%2531` on the wire
        " 1",
        "1 ",
        "1\n",
        "1\x00",
        "１",
        "١",
        "1١",
        "1/2",
        "1/others",
        "1//",
        "/1",
        "./1",
        "x/../1",
        "{id}",
        "{id}/",
        "Others",
        "others;a=b",
        "others/1",
        "1000000000000000000",
        str(2**63),
        "9" * 19,
        "9" * 5000,
    ],
)
async def test_I16_what_is_no_number_meets_nothing(serve: Serve, wire: str, last: str) -> None:
    server = serve(wire, mounts=("/api",))
    for method in ("GET", *ENDS):
        for mount in ("", "/api"):
            path = f"{mount}{LIST}/{last}"
            sent = await call(server.app, method, path, headers=RAW_KEY)
            assert b'"code":404' in sent.body, path
            assert "location" not in sent.headers
    assert server.flows.calls == []


@pytest.mark.parametrize(
    "path",
    [
        "/1",
        "//v1/member/session/1",
        "/v1//member/session/1",
        "/V1/member/session/1",
        "/v1/member/Session/1",
        "/v1/member/session;x/1",
        "/v1/member/1",
        "/v1/member/member/1",
        "/v1/member/member/index/1",
        "/v1/member/password/1",
        "/v1/site/login/1",
        "/v1/site/1",
        "/docs/1",
        "/healthz/1",
        "/other/v1/member/session/1",
    ],
)
async def test_I16_a_number_is_good_in_its_own_place_only(
    serve: Serve, wire: str, path: str
) -> None:
    server = serve(wire)
    for method in ("GET", *ENDS):
        sent = await call(server.app, method, path, headers=RAW_KEY)
        assert b'"code":404' in sent.body
    assert server.flows.calls == []


async def test_the_longest_number_is_handed_on_as_it_is(serve: Serve) -> None:
    server = serve()
    for number in (1, 10, 10**18 - 1):
        await server("DELETE", f"{LIST}/{number}", headers=KEY)
        assert server.flows.calls.pop()[1]["session_id"] == number


async def test_N11_other_methods_are_told_what_is_allowed(serve: Serve) -> None:
    server = serve()
    override = KEY | {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"}
    allowed = {LIST: "GET, HEAD", f"{LIST}/90": "DELETE, POST", OTHERS: "DELETE, POST"}
    for path, allow in allowed.items():
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
            if method in allow:
                continue
            response = await server(method, path, headers=override)
            assert response.headers["allow"] == allow
            if method != "HEAD":
                assert response.json()["code"] == 405
    assert server.flows.calls == []


async def test_a_get_ends_nothing_whatever_it_asks_for(serve: Serve, wire: str) -> None:
    server = serve(wire)
    override = KEY | {"X-HTTP-Method-Override": "DELETE"}
    await server("GET", f"{LIST}?_method=DELETE", headers=override)
    await server("HEAD", LIST, headers=override)
    assert set(called(server)) == {"sessions"}


async def test_a_browser_elsewhere_may_ask_whether_it_may_delete(serve: Serve) -> None:
    for server in (serve("rageframe"), serve("document", cors_origins=("https://h5.example",))):
        for path in (f"{LIST}/90", OTHERS, LIST):
            asked = {"Origin": "https://h5.example", "Access-Control-Request-Method": "DELETE"}
            response = await server("OPTIONS", path, headers=asked)
            assert response.json()["code"] == 200
            assert "DELETE" in response.headers["access-control-allow-methods"]
        assert server.flows.calls == []


async def test_a_body_is_neither_read_nor_missed(serve: Serve, wire: str) -> None:
    server = serve(wire)
    for body in (b"", b"{", b'{"id": 91}', b"\xff" * 20000):
        response = await server("DELETE", f"{LIST}/90", headers=KEY, content=body)
        assert response.json()["code"] == 200
        assert server.flows.calls.pop()[1]["session_id"] == 90
