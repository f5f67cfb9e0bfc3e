"""Row N09: who may read answers in a browser."""

import pytest

from tests.api.bodies import good_bodies
from tests.api.conftest import Serve

LOGIN = "/v1/site/login"
ALLOW = "access-control-allow-origin"
ALLOWED = "https://good.example"


async def origin_allowed(serve: Serve, origin: str, **settings: object) -> str | None:
    server = serve("document", **settings)
    headers = {"Origin": origin}
    allowed = set()
    for path, method in ((LOGIN, "POST"), ("/nowhere", "GET"), (LOGIN, "GET")):
        response = await server(method, path, headers=headers)
        allowed.add(response.headers.get(ALLOW))
        assert "access-control-allow-credentials" not in response.headers
    preflight = await server(
        "OPTIONS",
        LOGIN,
        headers=headers
        | {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-api-key",
        },
    )
    allowed.add(preflight.headers.get(ALLOW))
    (one,) = allowed
    assert preflight.json()["code"] == (200 if one else 405)
    return one


EVIL = [
    "https://evil.example",
    "null",
    "https://good.example.evil.com",
    "https://good.exampl",
    "https://good.example:444",
    "http://good.example",
    "https://evilgood.example",
    "https://GOOD.example",
    "*",
    "https://good.example%C3%A9",
    "http://localhost:3000",
]


async def test_N09_only_exact_origins_are_allowed(serve: Serve) -> None:
    for origin in EVIL:
        assert await origin_allowed(serve, origin, cors_origins=(ALLOWED,)) is None
    assert await origin_allowed(serve, ALLOWED, cors_origins=(ALLOWED,)) == ALLOWED


async def test_N09_by_default_nobody_is_allowed(serve: Serve) -> None:
    for origin in (*EVIL, ALLOWED):
        assert await origin_allowed(serve, origin) is None


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:5173", True),
        ("http://localhost", True),
        ("https://127.0.0.1:8443", True),
        ("http://[::1]:3000", True),
        ("http://localhost.evil.com", False),
        ("http://localhost:5173.evil.com", False),
        ("http://127.0.0.1.evil.com", False),
        ("http://127.0.0.2", False),
        ("http://notlocalhost", False),
        ("http://localhost:5173\n", False),
        ("null", False),
        ("file://localhost", False),
    ],
)
async def test_N09_loopback_origins_where_the_server_is_bound_to_loopback(
    serve: Serve, origin: str, allowed: bool
) -> None:
    if "\n" not in origin:  # no HTTP client sends it; Origins is asked below
        got = await origin_allowed(serve, origin, loopback=True)
        assert got == (origin if allowed else None)
    from denglu.api.cors import Origins

    assert (Origins((), loopback=True).headers_for(origin.encode()) is not None) == allowed


async def test_N09_answers_that_depend_on_the_origin_say_so(serve: Serve) -> None:
    server = serve(cors_origins=(ALLOWED,))
    for headers in ({"Origin": ALLOWED}, {"Origin": "https://evil.example"}, {}):
        assert (await server("GET", "/nowhere", headers=headers)).headers["vary"] == "Origin"
    assert "vary" not in (await serve()("GET", "/nowhere")).headers


async def test_rageframe_apps_on_any_origin_may_read_also_errors(serve: Serve) -> None:
    server = serve("rageframe")
    for method, path in (("POST", LOGIN), ("GET", "/nowhere"), ("GET", LOGIN)):
        for headers in ({"Origin": "https://any.example"}, {"Origin": "null"}, {}):
            response = await server(method, path, headers=headers)
            assert response.headers[ALLOW] == "*"
            assert "access-control-allow-credentials" not in response.headers


async def test_rageframe_answers_preflights_on_any_path(serve: Serve) -> None:
    server = serve("rageframe")
    asked = "content-type, x-api-key, device-name, os-version, merchant-id"
    for path in (LOGIN, "/nowhere", "/merapi/v1/x"):
        response = await server(
            "OPTIONS",
            path,
            headers={
                "Origin": "https://h5.example",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": asked,
            },
        )
        assert (response.status_code, response.json()["code"]) == (200, 200)
        assert response.json()["data"] is None
        assert response.headers["access-control-allow-headers"] == asked
        assert response.headers["access-control-max-age"] == "86400"
        assert "POST" in response.headers["access-control-allow-methods"]
    assert server.flows.calls == []


async def test_a_preflight_reflects_header_names_only(serve: Serve) -> None:
    server = serve("rageframe")
    for asked in ("x\x01y", "a;b", "x" * 1025, "é"):
        headers = [(b"access-control-request-headers", asked.encode()), (b"origin", b"https://a.b")]
        from tests.api.asgi import call

        sent = await call(server.app, "OPTIONS", LOGIN, headers=headers)
        assert sent.headers["access-control-allow-headers"].startswith("content-type, x-api-key")


async def test_a_rageframe_site_may_restrict_origins(serve: Serve) -> None:
    server = serve("rageframe", cors_origins=(ALLOWED,))
    body = good_bodies("rageframe")[LOGIN]
    other = await server("POST", LOGIN, json=body, headers={"Origin": "https://a.b"})
    assert ALLOW not in other.headers
