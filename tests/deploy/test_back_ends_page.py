"""What docs/back-ends.md says, done: its lines in the nginx sample, its PHP behind it."""

import re
from collections.abc import Iterator

import pytest
import yaml

from denglu.api.forward_auth import identity
from denglu.api.routes import BACK_ENDS, PROXIES
from tests.api.fakes import FOUND
from tests.cli.desk import Desk, Serving
from tests.deploy.asking import ask, key, made_up
from tests.deploy.back_end import Shop, shop_open
from tests.deploy.nginx_sample import DEPLOY, protecting_nginx
from tests.servers.fixtures import installed
from tests.servers.php import PhpServer
from tests.servers.process import free_port

ROOT = DEPLOY.parent
SECRET = "0123456789abcdef" * 2
IDENTITY = ("x-member-id", "x-member-group", "x-member-level", "x-member-merchant-id")
_GUESTS, _GUESTS_PAGES, _ORIGINS, _QUERY = re.findall(
    r"```nginx\n(.*?)```", (ROOT / "docs/back-ends.md").read_text("utf-8"), re.DOTALL
)
_ASKED = "    location = /denglu-forward-auth {\n        internal;\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A denglu with a member, that back ends may ask."""
    settings = {
        "DENGLU_TRUSTED_PROXIES": "127.0.0.1",
        "DENGLU_INTROSPECTION_KEYS": f"shop:{SECRET}",
        "DENGLU_GROUPS": "kiosk:自助机:3",
    }
    desk = Desk(tmp_path_factory.mktemp("denglu"), settings, near=True)
    desk.add("ming")
    with desk.serving() as started:
        yield started


@pytest.fixture
def shop() -> Iterator[Shop]:
    with shop_open() as opened:
        yield opened


def test_guests_are_let_in_as_nobody(server: Serving, shop: Shop) -> None:
    pages = "        proxy_pass http://$shop_of_member;\n"
    changed = {_ASKED: f"{_GUESTS}\n{_ASKED}", pages: _GUESTS_PAGES}
    token = server.login("ming")
    with protecting_nginx([server.port, free_port()], shop, changed) as nginx:
        assert ask(nginx, "/products", [key(token), *made_up()]).json()["seen"]
        assert shop.seen[-1].member["ID"] == ["1"]
        for headers in ([], [key("A" * 43)], [*made_up()]):
            assert ask(nginx, "/products", headers).json()["seen"]
            assert shop.seen[-1].member == {}
        seen = len(shop.seen)
        assert ask(nginx, "/api/orders", [key("A" * 43)]).json()["code"] == 401
        assert len(shop.seen) == seen
    with protecting_nginx([free_port(), free_port()], shop, changed) as alone:
        assert ask(alone, "/products", [key(token)]).json()["code"] == 503
    assert len(shop.seen) == seen


def test_browsers_may_ask_before_they_send_a_token(server: Serving, shop: Shop) -> None:
    changed = {_ASKED: _ASKED + _ORIGINS}
    page = (ROOT / "docs/back-ends.md").read_text("utf-8")
    for name in ("shop", "php"):
        line = f'"OPTIONS:" {name};'
        assert f"`{line}`" in page
        changed[f"    default {name};\n"] = f"    default {name};\n    {line}\n"
    with protecting_nginx([server.port, free_port()], shop, changed) as nginx:
        for path in ("/orders", "/api/orders"):
            assert "seen" in ask(nginx, path, made_up(), "OPTIONS").json()
            assert shop.seen[-1].line == f"OPTIONS {path}"
            assert shop.seen[-1].member == {}
            assert ask(nginx, path, made_up()).json()["code"] == 401
    assert len(shop.seen) == 2


def test_a_token_in_the_query_of_an_old_client_is_found(server: Serving, shop: Shop) -> None:
    changed = {
        "upstream shop {": f"{_QUERY}\nupstream shop {{",
        "X-Api-Key $http_x_api_key;": "X-Api-Key $denglu_token;",
    }
    token = server.login("ming")
    with protecting_nginx([server.port, free_port()], shop, changed) as nginx:
        for path in (f"/orders?access-token={token}", f"/orders?page=2&access-token={token}&x=1"):
            assert ask(nginx, path).json()["seen"]
            assert shop.seen[-1].member["ID"] == ["1"]
        assert ask(nginx, "/orders", [key(token)]).json()["seen"]
        seen = len(shop.seen)
        bad = [f"/orders?my-access-token={token}", f"/orders?access-token={token}x",
               f"/orders/access-token={token}", "/orders?access-token="]  # fmt: skip
        for path in bad:
            assert ask(nginx, path).json()["code"] == 401
        assert ask(nginx, f"/?access-token={token}", [key("A" * 43)]).json()["code"] == 401
    assert len(shop.seen) == seen


_PAGE = """<?php
require __DIR__ . '/member.php';
$token = $_SERVER['HTTP_X_API_KEY'] ?? '';
try {
    $asked = denglu_member_of_token($token, '%s', 'shop', '%s');
} catch (DengluAway $away) {
    $asked = 'away';
}
header('Content-Type: application/json');
echo json_encode(['proxy' => denglu_member_from_proxy($_SERVER), 'asked' => $asked]);
"""


@pytest.fixture
def php(server: Serving) -> Iterator[PhpServer]:
    """PHP with the example and a page that uses it; another page asks a denglu that is away."""
    example = (ROOT / "examples/php/member.php").read_text("utf-8")
    url = f"http://127.0.0.1:{server.port}"
    pages = {
        "index.php": _PAGE % (url, SECRET),
        "wrong.php": _PAGE % (url, SECRET[:-1]),
        "away.php": _PAGE % (f"http://127.0.0.1:{free_port()}", SECRET),
    }
    with installed(lambda: PhpServer({"member.php": example, **pages})) as started:
        yield started


@pytest.mark.parametrize(
    ("page", "asked"), [("index.php", None), ("wrong.php", "away"), ("away.php", "away")]
)
def test_php_knows_the_member_both_ways(
    server: Serving, php: PhpServer, page: str, asked: str | None
) -> None:
    changed = {"/srv/shop/web/index.php": str(php.script(page))}
    back_end = Shop(free_port(), php.port)
    with protecting_nginx([server.port, free_port()], back_end, changed) as nginx:
        answer = ask(nginx, "/api/me", [key(server.login("ming", "kiosk")), *made_up()]).json()
    ming = {"id": 1, "group": "kiosk", "level": 1, "merchant_id": 0}
    assert answer == {"proxy": ming, "asked": asked or ming}


def test_php_takes_nobody_for_somebody(server: Serving, php: PhpServer) -> None:
    """Past the question: what PHP makes of a request without a good token."""
    changed = {
        "/srv/shop/web/index.php": str(php.script("index.php")),
        "    auth_request /denglu-forward-auth;\n": "",
        "$php_of_member;": "php;",
    }
    back_end = Shop(free_port(), php.port)
    with protecting_nginx([server.port, free_port()], back_end, changed) as nginx:
        for headers in ([key("A" * 43)], [key("x&y=1"), *made_up()]):
            assert ask(nginx, "/api/me", headers).json() == {"proxy": None, "asked": None}


def test_all_that_denglu_says_is_passed_on_and_replaced() -> None:
    said = {name.decode() for name, _ in identity(FOUND)} & set(IDENTITY)
    assert said == set(IDENTITY)
    nginx = (DEPLOY / "nginx/protected.conf").read_text("utf-8")
    page = (ROOT / "docs/back-ends.md").read_text("utf-8")
    for name in IDENTITY:
        title, plain = name.title(), name.replace("-", "_")
        value = f"${plain.removeprefix('x_')};"
        assert f"auth_request_set {value[:-1]} $upstream_http_{plain};" in nginx
        assert f"proxy_set_header {title} {value}" in nginx
        assert f"fastcgi_param HTTP_{plain.upper()} {value}" in nginx
        assert title in page
    for reason in PROXIES[0].refusals:
        assert f"`{reason.value}`" in page
    for route in (*PROXIES, *BACK_ENDS):
        assert f"`{route.method} {route.path}`" in page


def test_the_traefik_sample_asks_the_right_path_and_drops_what_clients_make_up() -> None:
    config = yaml.safe_load((DEPLOY / "traefik/protected.yaml").read_text("utf-8"))["http"]
    asked = config["middlewares"]["member"]["forwardAuth"]
    assert asked["address"].endswith(":8001" + PROXIES[0].path)
    assert asked["authRequestHeaders"] == ["X-Api-Key", "Authorization"]
    ours = re.compile(asked["authResponseHeadersRegex"])  # Go's means the same here
    assert all(ours.search(name.title()) for name in IDENTITY)
    assert all(ours.search(name) for name, _ in made_up())
    assert not ours.search("X-Membership")
    router = config["routers"]["shop"]
    assert router["middlewares"] == list(config["middlewares"])
    assert router["service"] in config["services"]
