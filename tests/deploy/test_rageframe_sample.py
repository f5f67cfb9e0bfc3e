"""The sample of a RageFrame shop beside denglu, with the real nginx and PHP: before, during and
after the evening of the move.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

import httpx
import pytest

from denglu.api.routes import ROUTES
from tests.cli.desk import PASSWORD, Desk, Serving
from tests.deploy.asking import Headers, ask, key, made_up
from tests.deploy.nginx_sample import DEPLOY, rageframe_nginx, rageframe_shop
from tests.servers.nginx import NginxServer
from tests.servers.php import PhpServer
from tests.servers.process import free_port

MOUNTS = ("/api", "/api/tiny-shop", "/tiny-shop")
LOGINS = sorted({r.path for r in ROUTES if r.path.startswith("/v1/site/")})
OURS = "a-token-of-the-shop"
PAGE = "/api/v1/order?page=2"
FORM = [("Content-Type", "application/json")]
Front = Callable[..., NginxServer]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """denglu in the profile and with the mounts of such a shop."""
    settings = {
        "DENGLU_TRUSTED_PROXIES": "127.0.0.1",
        "DENGLU_WIRE": "rageframe",
        "DENGLU_MOUNTS": ",".join(MOUNTS),
    }
    desk = Desk(tmp_path_factory.mktemp("denglu"), settings, near=True)
    desk.add("ming", "--mobile", "13800000000")
    with desk.serving() as started:
        yield started


@pytest.fixture
def php(server: Serving) -> Iterator[PhpServer]:
    """The shop."""
    with rageframe_shop(server.port, {OURS: 77}) as started:
        yield started


@pytest.fixture
def front(server: Serving, php: PhpServer) -> Iterator[Front]:
    """Starts nginx with one word for who answers logins."""
    with ExitStack() as stack:

        def start(logins: str, port: int = 0) -> NginxServer:
            nginx: AbstractContextManager[NginxServer] = rageframe_nginx(
                [port or server.port, free_port()], php, logins
            )
            return stack.enter_context(nginx)

        yield start


def log_in(nginx: NginxServer, mount: str = "/api") -> httpx.Response:
    body = {"username": "ming", "password": PASSWORD, "group": "app"}
    path = f"{mount}/v1/site/login"
    return ask(nginx, path, FORM, "POST", json.dumps(body).encode())


def page(nginx: NginxServer, headers: Headers = (), path: str = PAGE) -> dict[str, object]:
    answer = ask(nginx, path, headers).json()
    assert answer["php"] == f"GET {path}"
    return dict(answer)


def test_before_everything_is_the_shop_s_even_where_denglu_is_not_there(front: Front) -> None:
    nginx = front("php", free_port())
    for mount in MOUNTS:
        answer = log_in(nginx, mount).json()
        assert (answer["php"], answer["script"]) == (
            f"POST {mount}/v1/site/login",
            "/api/index.php",
        )
        assert json.loads(answer["body"])["username"] == "ming"
    assert page(nginx, [key(OURS), *made_up()])["member"] == {"member_id": 77, "member_type": 1}
    assert page(nginx)["member"] is None
    assert ask(nginx, "/").json() == {"php": "the site"}


def test_while_the_last_import_runs_logins_wait_and_the_rest_goes_on(front: Front) -> None:
    nginx = front("busy")
    for path in LOGINS:
        answer = ask(nginx, f"/api{path}", FORM, "POST", b"{}")
        assert (answer.json()["code"], answer.headers["retry-after"]) == (503, "1")
    assert page(nginx, [key(OURS)])["member"] == {"member_id": 77, "member_type": 1}


def test_afterwards_denglu_answers_logins_and_the_shop_knows_its_members(
    front: Front, php: PhpServer
) -> None:
    nginx = front("denglu")
    for mount in MOUNTS:
        data = log_in(nginx, mount).json()["data"]
        found = page(nginx, [key(data["access_token"]), *made_up()])["member"]
        assert found == {
            "member_id": 1,
            "member_type": 1,
            "merchant_id": 0,
            "store_id": 0,
            "group": "app",
            "access_token": data["access_token"],
            "status": 1,
        }
    assert page(nginx, [], f"/api/v1/me?access-token={data['access_token']}")["member"] == found
    for headers in ([], [key(OURS)], [key("A" * 43)], [key(data["refresh_token"])], made_up()):
        assert page(nginx, headers)["member"] is None
    again = json.dumps({"refresh_token": data["refresh_token"], "group": "app"}).encode()
    assert ask(nginx, "/api/v1/site/refresh", FORM, "POST", again).json()["code"] == 200
    assert ask(nginx, "/").json() == {"php": "the site"}


def test_a_member_whom_the_shop_does_not_know_gets_a_row_with_the_same_id(
    front: Front, php: PhpServer
) -> None:
    nginx = front("denglu")
    token = log_in(nginx).json()["data"]["access_token"]
    assert list((php.folder / "web/api/rows").iterdir()) == []
    page(nginx, [key(token)])
    row = php.folder / "web/api/rows/1"
    brought = json.loads(row.read_text("utf-8"))
    assert (brought["id"], brought["username"], brought["mobile"]) == (1, "ming", "13800000000")
    assert brought["status"] == 1
    row.write_text(json.dumps(brought | {"status": 0}))
    assert page(nginx, [key(token)])["member"] is None


def test_whoever_logs_out_at_denglu_is_a_guest_of_the_shop(front: Front) -> None:
    nginx = front("denglu")
    token = log_in(nginx).json()["data"]["access_token"]
    assert page(nginx, [key(token)])["member"]
    assert ask(nginx, "/api/v1/site/logout", [key(token)], "POST").json()["code"] == 200
    assert page(nginx, [key(token)])["member"] is None


def test_while_denglu_is_away_nobody_is_taken_for_a_guest_or_a_member(front: Front) -> None:
    nginx = front("denglu", free_port())
    for headers in ([], [key("A" * 43)]):
        assert ask(nginx, PAGE, headers).json()["code"] == 503
    assert log_in(nginx).json()["code"] == 503
    assert ask(nginx, "/").json() == {"php": "the site"}


def test_the_eight_paths_go_to_denglu_and_no_others(front: Front) -> None:
    assert len(LOGINS) == 8
    nginx = front("denglu")
    for mount in MOUNTS:
        for path in LOGINS:
            for spelling in (path, path + "/"):
                assert "php" not in ask(nginx, mount + spelling, FORM, "POST", b"{}").json()
    for path in ("/api/v1/site/ping", "/api/v2/site/login", "/api/v1/site/login/x",
                 "/api/v1/member/member/index", "/api/v1/site/login2"):  # fmt: skip
        assert ask(nginx, path).json()["php"] == f"GET {path}"


def test_the_script_s_own_name_leads_nobody_to_the_logins_of_before(front: Front) -> None:
    nginx = front("denglu")
    for mount in MOUNTS:
        for path in LOGINS:
            answer = ask(nginx, f"{mount}/index.php{path}", FORM, "POST", b"{}").json()
            assert answer["data"]["reason"] == "not_found"
    assert log_in(front("php"), "/api/index.php").json()["php"].startswith("POST /api/index.php/v1")


def test_no_script_of_the_shop_is_told_what_a_client_says_of_itself(
    front: Front, php: PhpServer
) -> None:
    script = php.folder / "web/headers.php"
    script.write_text("<?php echo json_encode(array_filter($_SERVER));")
    script.chmod(0o644)
    made_up = [(f"X-Member-{name}", "999") for name in ("Id", "Group", "Level", "Merchant-Id")]
    said = ask(front("denglu"), "/headers.php", made_up).json()
    assert [name for name in said if "MEMBER" in name] == []


def test_the_sample_has_the_mounts_that_the_page_names() -> None:
    text = (DEPLOY / "nginx/rageframe.conf").read_text("utf-8")
    found = re.search(r"location ~ \^\(\?:([^)]+)\).*?/v1/site/\(\?:([^)]+)\)", text)
    assert found is not None
    assert tuple(found[1].split("|")) == MOUNTS
    assert sorted(f"/v1/site/{name}" for name in found[2].split("|")) == LOGINS
