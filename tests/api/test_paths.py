"""Paths and methods: mounts, slashes, tricks, what is not there."""

import pytest

from denglu.api.routes import HEALTH, ROUTES, Guard
from tests.api.asgi import call
from tests.api.bodies import good_bodies
from tests.api.conftest import Serve

INDEX, LOGIN = "/v1/member/member/index", "/v1/site/login"
KEY = {"X-Api-Key": "A" * 43}
MOUNTS = ("/api", "/api/tiny-shop", "/tiny-shop")


async def test_every_mount_answers_the_same_with_and_without_a_slash(
    serve: Serve, wire: str
) -> None:
    server = serve(wire, mounts=MOUNTS)
    for mount in ("", *MOUNTS):
        for slash in ("", "/"):
            for path, body in good_bodies(wire).items():
                response = await server("POST", f"{mount}{path}{slash}", json=body)
                assert (response.status_code, response.json()["code"]) == (200, 200)
            assert (await server.get(f"{mount}{INDEX}{slash}", **KEY))["code"] == 200


async def test_a_mount_that_was_not_set_is_not_there(serve: Serve) -> None:
    assert (await serve().get("/api" + INDEX, **KEY))["code"] == 404


@pytest.mark.parametrize(
    "path",
    [
        "//v1/site/login",
        "/v1//site/login",
        "/v1/site/./login",
        "/v1/site/../site/login",
        "/v1/site/login//",
        "/v1/site/login;a=b",
        "/v1;a/site/login",
        "/V1/site/login",
        "/v1/site/Login",
        "/v1/site/login%20",
        "/v1/site/login.json",
        "/v1/site/login/x",
        "/v1/site",
        "/v1",
        "/",
        "",
        "/v1/site/log\x00in",
        "/v1/site/登录",
        "/v1/member/member/./index",
        "//v1/member/member/index",
    ],
)
async def test_I16_path_tricks_meet_nothing(serve: Serve, wire: str, path: str) -> None:
    server = serve(wire)
    for method in ("GET", "POST"):
        # The app sees paths decoded: they are given to it as they are.
        sent = await call(server.app, method, path, headers=[(b"x-api-key", b"A" * 43)])
        assert b'"code":404' in sent.body
        assert "location" not in sent.headers
    assert server.flows.calls == []


async def test_what_is_not_there_is_told_in_an_envelope(serve: Serve, wire: str) -> None:
    answer = await serve(wire).get("/nowhere")
    assert (answer["code"], answer["message"]) == (404, "页面未找到。")
    assert answer["data"]["reason"] == "not_found"
    if wire == "rageframe":
        assert answer["data"]["name"] == "Not Found"


async def test_N11_methods(serve: Serve) -> None:
    server = serve()
    for path in good_bodies("document"):
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
            response = await server(method, path, headers={"X-HTTP-Method-Override": "POST"})
            assert response.headers["allow"] == "POST"
            if method != "HEAD":
                assert response.json()["code"] == 405
                assert response.json()["message"] == "请求方法不被允许"
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        response = await server(method, INDEX, headers=KEY)
        assert (response.json()["code"], response.headers["allow"]) == (405, "GET, HEAD")
    assert server.flows.calls == []


async def test_the_merchant_api_says_how_to_install_it(serve: Serve, wire: str) -> None:
    server = serve(wire, mounts=("/api",))
    for path in ("/merapi/v1/site/login", "/api/merapi/v1/site/login", "/merapi/v1/x"):
        answer = await server.post(path, good_bodies(wire)[LOGIN])
        assert answer["code"] == 404
        assert answer["data"]["reason"] == "merchant_plugin_missing"
        assert "DENGLU_PLUGINS=merchant" in answer["message"]
    assert (await server.get("/merapi"))["data"]["reason"] == "not_found"


def test_only_the_routes_that_need_no_token_are_public() -> None:
    """Protected by default: this list is the one place where an endpoint becomes public."""
    public = {route.path for route in ROUTES if route.guard is Guard.public}
    assert public == {
        f"/v1/site/{name}"
        for name in (
            "login",
            "mobile-login",
            "refresh",
            "register",
            "sms-code",
            "up-pwd",
            "verify-access-token",
        )
    }
    assert {route.path for route in HEALTH} == {"/healthz", "/readyz"}
