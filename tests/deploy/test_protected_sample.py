"""The sample of a back end that nginx protects, with the real nginx: who gets through, as whom."""

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.cli.desk import Desk, Serving
from tests.deploy.asking import Headers, ask, key, made_up
from tests.deploy.back_end import Shop, shop_open
from tests.deploy.nginx_sample import protecting_nginx
from tests.servers.nginx import NginxServer
from tests.servers.process import free_port

# Over HTTP, and over FastCGI.
PATHS = ("/orders?page=2", "/api/orders?page=2")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A denglu that believes the proxy, with a member or two."""
    desk = Desk(
        tmp_path_factory.mktemp("denglu"),
        {"DENGLU_TRUSTED_PROXIES": "127.0.0.1", "DENGLU_WIRE": "rageframe"},
        near=True,
    )
    for username in ("ming", "lan"):
        desk.add(username)
    with desk.serving() as started:
        yield started


@pytest.fixture(scope="module")
def open_shop() -> Iterator[Shop]:
    with shop_open() as opened:
        yield opened


@pytest.fixture
def shop(open_shop: Shop) -> Shop:
    """The back end, which has seen nothing yet."""
    open_shop.seen.clear()
    open_shop.status = 200
    return open_shop


@pytest.fixture(scope="module")
def nginx(server: Serving, open_shop: Shop) -> Iterator[NginxServer]:
    """nginx in front of both; the second denglu of the sample is not there."""
    with protecting_nginx([server.port, free_port()], open_shop) as started:
        yield started


def is_member(number: str, group: str) -> dict[str, list[str]]:
    """All that the back end is told of a member of the site."""
    return {"ID": [number], "GROUP": [group], "LEVEL": ["1"], "MERCHANT_ID": ["0"]}


@pytest.mark.parametrize("path", PATHS)
def test_T10_only_a_good_token_gets_through_and_the_back_end_sees_whose_it_is(
    nginx: NginxServer, server: Serving, shop: Shop, path: str
) -> None:
    for username, number in (("ming", "1"), ("lan", "2")):
        token = server.login(username, "iOS")
        for way in (key(token), ("Authorization", f"Bearer {token}")):
            assert ask(nginx, path, [way]).json()["seen"]
            seen = shop.seen.pop()
            assert seen.line == f"GET {path}"
            assert seen.member == is_member(number, "iOS")


@pytest.mark.parametrize("path", PATHS)
def test_T10_without_a_good_token_the_back_end_hears_nothing(
    nginx: NginxServer, server: Serving, shop: Shop, path: str
) -> None:
    login = server.call("/v1/site/login", {"username": "lan", "password": "moonlit-harbour-17",
                                           "group": "pc"}).data  # fmt: skip
    over = login["access_token"]
    assert server.call("/v1/site/logout", {}, over).code == 200
    bad: list[Headers] = [[], [key("A" * 43)], [key(over)], [key(login["refresh_token"])],
                          [key("x" * 300)], [("Authorization", "Basic eDp5")],
                          [("X-Member-Id", "1")], [key("null")]]  # fmt: skip
    for headers in bad:
        answer = ask(nginx, path, headers)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert (answer.json()["code"], answer.json()["data"]) == (401, {"reason": "token_invalid"})
    assert shop.seen == []


@pytest.mark.parametrize("path", PATHS)
def test_T10_what_a_client_says_of_itself_does_not_get_through(
    nginx: NginxServer, server: Serving, shop: Shop, path: str
) -> None:
    token = server.login("ming", "h5")
    assert ask(nginx, path, [key(token), *made_up()]).json()["seen"]
    assert shop.seen[-1].member == is_member("1", "h5")


@pytest.mark.parametrize("path", PATHS)
def test_a_body_goes_to_the_back_end_and_not_to_denglu(
    nginx: NginxServer, server: Serving, shop: Shop, path: str
) -> None:
    # More than a head at denglu may hold.
    cookies = [("Cookie", f"basket={'x' * 7000}")] * 3
    headers = [key(server.login("ming")), *cookies]
    body = b"order" * 40_000
    assert ask(nginx, path, headers, "POST", body).json()["seen"]
    assert (shop.seen[-1].line, shop.seen[-1].body) == (f"POST {path}", body)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("status", [401, 403, 500])
def test_what_the_back_end_refuses_itself_passes_as_it_is(
    nginx: NginxServer, server: Serving, shop: Shop, path: str, status: int
) -> None:
    shop.status = status
    answer = ask(nginx, path, [key(server.login("ming"))])
    assert (answer.status_code, "seen" in answer.json()) == (status, True)


@pytest.mark.parametrize("path", PATHS)
def test_where_denglu_is_away_nobody_gets_through_and_apps_are_told_busy(
    shop: Shop, path: str
) -> None:
    with protecting_nginx([free_port(), free_port()], shop) as alone:
        answer = ask(alone, path, [key("A" * 43)])
    assert (answer.status_code, answer.headers["retry-after"]) == (200, "1")
    assert answer.json()["data"] == {"reason": "busy", "retry_after": 1}
    assert shop.seen == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("elsewhere", ["/healthz", "/v1/site/nowhere", "/merapi/forward-auth"])
def test_a_yes_without_a_name_is_none(
    server: Serving, shop: Shop, path: str, elsewhere: str
) -> None:
    """As something else at denglu's port gives it, or a path that was written wrongly."""
    wrong = {"http://denglu/forward-auth": f"http://denglu{elsewhere}"}
    with protecting_nginx([server.port, free_port()], shop, wrong) as nginx:
        answer = ask(nginx, path, [key(server.login("ming")), *made_up()])
    assert answer.json()["data"]["reason"] == "busy"
    assert shop.seen == []


def test_where_the_back_end_is_away_apps_are_told_busy(server: Serving) -> None:
    nowhere = Shop(free_port(), free_port())
    token = server.login("ming")
    with protecting_nginx([server.port, free_port()], nowhere) as alone:
        for path in PATHS:
            assert ask(alone, path, [key(token)]).json()["data"]["reason"] == "busy"


def test_nobody_asks_from_outside(nginx: NginxServer, server: Serving) -> None:
    token = server.login("ming")
    for path in ("/denglu-forward-auth", "/denglu-forward-auth/"):
        assert "x-member-id" not in ask(nginx, path, [key(token)]).headers
    for path in ("/forward-auth", "/forward-auth/", "/merapi/forward-auth", "/merapi/introspect"):
        assert ask(nginx, path, [key(token)], host="login.example").status_code == 404
    here = f"http://127.0.0.1:{server.port}/forward-auth"
    assert httpx.get(here, headers=dict([key(token)])).headers["x-member-id"] == "1"


def test_T07_the_log_of_a_protected_back_end_holds_no_query(nginx: NginxServer, shop: Shop) -> None:
    token = "A" * 43
    ask(nginx, f"/orders?access-token={token}")
    log = nginx.folder / "shop.access.log"
    while not (logged := log.read_text()):  # nginx writes it after it has answered
        time.sleep(0.01)
    assert "/orders" in logged
    assert token not in logged
    assert token not in (nginx.folder / "shop.error.log").read_text()
