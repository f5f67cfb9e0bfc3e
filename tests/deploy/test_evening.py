"""The evening of the move, as docs/moving-from-rageframe.md has it: a RageFrame database, its shop
behind nginx, one import, one word in nginx's file, and back again.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.battery.conftest import Record
from tests.battery.harness import Server
from tests.deploy.asking import ask, key
from tests.deploy.nginx_sample import rageframe_nginx, rageframe_shop
from tests.deploy.test_rageframe_sample import FORM, page
from tests.importing.moving_in import MOUNTS, Move, rageframe_on
from tests.importing.people import MEMBER
from tests.importing.phones import LiveToken
from tests.importing.shop import Shop, grown_shop
from tests.servers.mariadb import MariadbServer
from tests.servers.nginx import NginxServer
from tests.servers.process import free_port

_SITE = {
    "DENGLU_WIRE": "rageframe",
    "DENGLU_MOUNTS": ",".join(MOUNTS),
    "DENGLU_TRUSTED_PROXIES": "127.0.0.1",
}


@pytest.fixture
def move(tmp_path: Path, mariadb_server: MariadbServer) -> Iterator[Move]:
    """A RageFrame, and a denglu that is up and has no members yet."""
    with rageframe_on(mariadb_server) as source:
        server = Server(tmp_path, dict(_SITE))
        server.start()
        try:
            yield Move(source, server)
        finally:
            server.close()
            assert server.stop() == 0
        assert not server.troubles(), server.troubles()[:5]


def test_V02_an_evening_with_nobody_logged_out(move: Move, record: Record) -> None:
    shop = grown_shop(200, 60, int(time.time()))
    shop.move_in(move.source)
    app = _app(shop)
    given = {token.access: token.member["id"] for token in shop.live}
    with (
        rageframe_shop(move.server.port, given) as php,
        rageframe_nginx([move.server.port, free_port()], php, "php") as nginx,
    ):
        assert _member(nginx, app.access) == app.member["id"]

        _say(nginx, "php", "busy")
        assert _refresh(nginx, app)["code"] == 503
        assert _member(nginx, app.access) == app.member["id"]
        began = time.perf_counter()
        move.run_import()
        _say(nginx, "busy", "denglu")
        seconds = time.perf_counter() - began

        assert _member(nginx, app.access) == app.member["id"]
        fresh = _refresh(nginx, app)["data"]["access_token"]
        assert _member(nginx, fresh) == app.member["id"]
        members = {_member(nginx, token.access) for token in shop.live if _is_fresh(token)}
        assert members == {token.member["id"] for token in shop.live if _is_fresh(token)}

        _say(nginx, "denglu", "php")
        assert _member(nginx, fresh) is None
        assert _member(nginx, app.access) == app.member["id"]
    record("V02", tried="the evening behind nginx: php, busy, import, denglu; and back",
           figure=f"{len(members)} members went on; logins waited {seconds:.1f} s")  # fmt: skip


def _app(shop: Shop) -> LiveToken:
    """The phone of a member of the site, with an access token that is good for a while."""
    of_site = (t for t in shop.live if t.member["type"] == MEMBER and _is_fresh(t))
    return next(token for token in of_site if not token.member["merchant_id"])


def _is_fresh(token: LiveToken) -> bool:
    return token.member["type"] == MEMBER and token.made_at + 7200 > time.time() + 600


def _say(nginx: NginxServer, before: str, word: str) -> None:
    """What the page's line does: another word, and a reload."""
    assert nginx.http.count(f"default {before};") == 1
    workers = set(nginx.pids()[1:])
    nginx.reload(nginx.http.replace(f"default {before};", f"default {word};"))
    # Those of the configuration before answer until they are gone.
    while not workers.isdisjoint(nginx.pids()):
        time.sleep(0.02)


def _member(nginx: NginxServer, token: str) -> object:
    """Who is calling, in the eyes of the shop."""
    found = page(nginx, [key(token)])["member"]
    return found["member_id"] if isinstance(found, dict) else found


def _refresh(nginx: NginxServer, app: LiveToken) -> dict[str, Any]:
    body = {"refresh_token": app.refresh, "group": app.group}
    answer = ask(nginx, "/api/v1/site/refresh", FORM, "POST", json.dumps(body).encode())
    return dict(answer.json())
