"""Who is calling: tokens, addresses (rows N01–N03, T07) and kinds of device."""

import json
from typing import Any

import pytest

from denglu.api.address import Proxies, parse_address
from denglu.api.device import KINDS, device_kind
from tests.api.asgi import call
from tests.api.bodies import good_bodies
from tests.api.conftest import Serve

INDEX, LOGIN, LOGOUT = "/v1/member/member/index", "/v1/site/login", "/v1/site/logout"
TOKEN, OTHER = "A" * 43, "B" * 43


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({"X-Api-Key": TOKEN}, TOKEN),
        ({"Authorization": f"Bearer {TOKEN}"}, TOKEN),
        ({"authorization": f"bearer  {TOKEN} "}, TOKEN),
        ({"X-Api-Key": TOKEN, "Authorization": f"Bearer {OTHER}"}, TOKEN),
        ({"X-Api-Key": "", "Authorization": f"Bearer {OTHER}"}, OTHER),
        ({"X-Api-Key": "undefined", "Authorization": f"Bearer {OTHER}"}, OTHER),
        ({"X-Api-Key": "null", "Authorization": f"Bearer {OTHER}"}, OTHER),
        ({"X-Api-Key": "garbage", "Authorization": f"Bearer {OTHER}"}, "garbage"),
        ({"X-Api-Key": ""}, None),
        ({"X-Api-Key": "undefined"}, None),
        ({"Authorization": "Bearer null"}, None),
        ({"Authorization": "Bearer"}, None),
        ({"Authorization": f"Basic {TOKEN}"}, None),
        ({"Cookie": f"access-token={TOKEN}"}, None),
        ({}, None),
    ],
)
async def test_where_a_token_is_looked_for(
    serve: Serve, wire: str, headers: dict[str, str], token: str | None
) -> None:
    server = serve(wire)
    for method, path, flow in (("GET", INDEX, "authenticate"), ("POST", LOGOUT, "logout")):
        answer = (await server(method, path, headers=headers)).json()
        if token is None:
            assert (answer["code"], answer["message"]) == (401, "请先登录")
            assert server.flows.calls == []
        else:
            assert server.flows.calls.pop() == (flow, {"token": token})


async def test_T07_token_in_url(serve: Serve) -> None:
    queries = (f"?access-token={TOKEN}", f"?a=1&access-token={TOKEN}", "?access-token=undefined")
    for method, path in (("GET", INDEX), ("POST", LOGOUT)):
        document = serve("document")
        for query in queries:
            answer = (await document(method, path + query)).json()
            assert answer["data"]["reason"] == "token_missing"
        rageframe = serve("rageframe")
        codes = [(await rageframe(method, path + query)).json()["code"] for query in queries]
        assert codes == [200, 200, 401]
        assert all(given == {"token": TOKEN} for _, given in rageframe.flows.calls)


async def test_T07_the_header_wins_over_the_query(serve: Serve) -> None:
    server = serve("rageframe")
    await server.get(f"{INDEX}?access-token={OTHER}", **{"X-Api-Key": TOKEN})
    assert server.flows.calls == [("authenticate", {"token": TOKEN})]
    await server.get(f"{INDEX}?access-token={OTHER}", **{"X-Api-Key": "null"})
    assert server.flows.calls[-1] == ("authenticate", {"token": OTHER})


async def test_T07_the_access_log_is_told_no_query(serve: Serve) -> None:
    server = serve("rageframe")
    await server.get(f"{INDEX}?access-token={TOKEN}")
    assert server.lines[0].exchange.path == INDEX


async def test_public_endpoints_ignore_whatever_token_is_presented(serve: Serve, wire: str) -> None:
    server = serve(wire)
    for path, body in good_bodies(wire).items():
        for token in ("stale", "", "undefined", TOKEN):
            response = await server("POST", path, json=body, headers={"X-Api-Key": token})
            assert response.json()["code"] == 200
    assert not any(name == "authenticate" for name, _ in server.flows.calls)


async def seen(serve: Serve, headers: list[tuple[bytes, bytes]], **settings: Any) -> str:
    """The address that the login flow hears of."""
    peer = settings.pop("peer", ("203.0.113.9", 1))
    server = serve("document", **settings)
    body = json.dumps(good_bodies("document")[LOGIN]).encode()
    media = (b"content-type", b"application/json")
    await call(server.app, "POST", LOGIN, [body], headers=[media, *headers], client=peer)
    return str(server.flows.calls[0][1]["caller"].ip)


async def test_N01_xff_spoof_from_an_untrusted_peer(serve: Serve) -> None:
    names = (b"x-forwarded-for", b"x-real-ip", b"forwarded", b"cf-connecting-ip", b"true-client-ip")
    for number in range(50):
        claim = f"198.51.100.{number}".encode()
        headers = [(name, claim) for name in names]
        assert await seen(serve, headers) == "203.0.113.9"
        assert await seen(serve, headers, trusted_proxies=("10.0.0.0/8",)) == "203.0.113.9"


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        # What the client wrote stands left of what the proxy saw.
        (["1.1.1.1, 203.0.113.77"], "203.0.113.77"),
        (["1.1.1.1,203.0.113.77"], "203.0.113.77"),
        (["1.1.1.1", "203.0.113.77"], "203.0.113.77"),
        # Through two trusted proxies.
        (["1.1.1.1, 203.0.113.77, 10.1.2.3"], "203.0.113.77"),
        (["203.0.113.77:4711"], "203.0.113.77"),
        (["[2001:db8::7]:4711"], "2001:db8::7"),
        (["2001:DB8:0:0::7"], "2001:db8::7"),
        (["::ffff:203.0.113.77"], "203.0.113.77"),
        ([' "203.0.113.77" '], "203.0.113.77"),
        # All trusted: the furthest.
        (["10.9.9.9, 10.1.2.3"], "10.9.9.9"),
    ],
)
async def test_N02_xff_through_a_trusted_proxy(
    serve: Serve, forwarded: list[str], address: str
) -> None:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    trusted = ("10.0.0.0/8", "127.0.0.1")
    assert await seen(serve, headers, trusted_proxies=trusted, peer=("10.0.0.1", 1)) == address
    mapped = ("::ffff:127.0.0.1", 1)
    assert await seen(serve, headers, trusted_proxies=trusted, peer=mapped) == address


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("a", "10.0.0.1"),
        ("", "10.0.0.1"),
        (",,,", "10.0.0.1"),
        ("x" * 10_000, "10.0.0.1"),
        ("1.1.1.1, a", "10.0.0.1"),
        ("unknown, 10.3.3.3", "10.3.3.3"),
        ("1.1.1.1, 999.1.1.1, 10.3.3.3", "10.3.3.3"),
        (", ".join(["1.1.1.1"] + ["10.3.3.3"] * 1000), "10.3.3.3"),
        (", ".join(["1.1.1.1"] + ["10.3.3.3"] * 16), "10.3.3.3"),
        (", ".join(["1.1.1.1"] + ["10.3.3.3"] * 15), "1.1.1.1"),
        ("1.1.1.1" + " " * 5000, "10.0.0.1"),
        ("\u00b9.1.1.1", "10.0.0.1"),
    ],
)
async def test_N03_unparsable_xff(serve: Serve, forwarded: str, address: str) -> None:
    headers = [(b"x-forwarded-for", forwarded.encode())]
    got = await seen(serve, headers, trusted_proxies=("10.0.0.0/8",), peer=("10.0.0.1", 1))
    assert got == address


def test_an_address_has_one_spelling() -> None:
    for text in ("::1", "[::1]", "[::1]:80", "0:0:0:0:0:0:0:1", "::1%eth0", " ::1 "):
        assert str(parse_address(text)) == "::1"
    for text in ("", "1.2.3", "1.2.3.4.5", "01.2.3.4", "host", "1.2.3.4:80:80", "[", "::g"):
        assert parse_address(text) is None


def test_a_peer_without_an_address_is_nobodys_proxy() -> None:
    assert Proxies(("0.0.0.0/1",)).client_of("", [(b"x-forwarded-for", b"1.1.1.1")]) == ""


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)"}, "iPhone"),
        ({"user-agent": "Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X)"}, "iPad"),
        ({"user-agent": "Mozilla/5.0 (iPad; U; CPU iPhone OS 3_2 like Mac OS X)"}, "iPad"),
        ({"user-agent": "Mozilla/5.0 (Linux; Android 15; Pixel 9)"}, "Android"),
        ({"user-agent": "Mozilla/5.0 (Phone; OpenHarmony 5.0) ArkWeb/4"}, "HarmonyOS"),
        ({"user-agent": "Mozilla/5.0 (iPhone) MicroMessenger/8.0"}, "WeChat"),
        ({"user-agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"}, "Windows"),
        ({"user-agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_0)"}, "Mac"),
        ({"user-agent": "Mozilla/5.0 (X11; Linux x86_64)"}, "Linux"),
        ({"user-agent": "Mozilla/5.0 (SMART-TV)"}, "browser"),
        ({"user-agent": "axios/1.0 okhttp"}, "unknown"),
        ({"os": "ios", "user-agent": "okhttp"}, "iPhone"),
        ({"os": "Android"}, "Android"),
        ({"device-name": "iPad Pro", "os": "ios"}, "iPad"),
        ({"device-name": "<script>\n", "os": "x" * 9999}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_a_device_is_one_of_a_short_list(headers: dict[str, str], kind: str) -> None:
    assert device_kind(lambda name: headers.get(name.decode(), "")) == kind
    assert kind in KINDS


async def test_flows_hear_of_the_device(serve: Serve) -> None:
    server = serve()
    await server.post(LOGIN, good_bodies("document")[LOGIN], headers={"os": "ios"})
    assert server.flows.calls[0][1]["caller"].device == "iPhone"
