"""Row R13 and what belongs to it: several processes on one database, with and without Redis.

Races have the same exact numbers as one process on SQLite: they are the same tests. A token
that one process revoked is refused by it at once, and by every other one 300 ms later at the
latest, whether or not a word about it arrived: what was asked later than that and was still
answered would fail the test. How soon it really is stands in the table.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.battery import test_races as races
from tests.battery.client import Client, fresh_mobile, new_by_old, new_password
from tests.battery.cluster import Cluster, Watch, cluster
from tests.battery.conftest import Record
from tests.battery.harness import Server
from tests.battery.proxy import muffled
from tests.battery.test_races import NEWER, Pair, pair_of
from tests.servers.mariadb import MariadbServer
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer

_PROXY = "127.0.0.1"
_AGE = 0.25
_PROMISED = 0.3


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> Iterator[str]:
    url = postgres_server.create_database()
    yield url
    postgres_server.heal()
    postgres_server.drop_database(url)


@pytest.fixture(scope="module")
def notified(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Processes that tell each other through PostgreSQL."""
    folder = tmp_path_factory.mktemp("notified")
    with cluster(folder, database, trusted_proxies=_PROXY) as started:
        yield started


@pytest.fixture(scope="module")
def redis_url(redis_process: RedisServer) -> str:
    return redis_process.url()


@pytest.fixture(scope="module")
def with_redis(
    postgres_server: PostgresServer, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """Processes that tell each other through Redis, and count requests there."""
    database = postgres_server.create_database()
    settings = {"redis_url": redis_url, "request_rates": "100000/1m"}
    folder = tmp_path_factory.mktemp("redis")
    with cluster(folder, database, trusted_proxies=_PROXY, **settings) as started:
        yield started
    postgres_server.drop_database(database)


@pytest.fixture(scope="module")
def unheard(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """Processes whose every notification is lost on its way."""
    database = postgres_server.create_database()
    with muffled("127.0.0.1", postgres_server.port) as muffler:
        url = f"{database}?sslmode=disable".replace(f":{postgres_server.port}", f":{muffler.port}")
        with cluster(tmp_path_factory.mktemp("unheard"), url, trusted_proxies=_PROXY) as started:
            yield started
        assert muffler.swallowed, "there was nothing to lose"
    postgres_server.drop_database(database)


@pytest.fixture(scope="module")
def untold(
    mariadb_server: MariadbServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """Processes that have no way to tell each other: MariaDB, without Redis."""
    database = mariadb_server.create_database()
    folder = tmp_path_factory.mktemp("untold")
    with cluster(folder, database, trusted_proxies=_PROXY) as started:
        yield started
    mariadb_server.drop_database(database)


@pytest.fixture(scope="module")
def workers(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """``denglu serve --workers 4``: the kernel chooses who answers."""
    folder, database = tmp_path_factory.mktemp("workers"), postgres_server.create_database()
    settings = {"DATABASE_URL": database, "SECRET_KEY": "k" * 40, "TRUSTED_PROXIES": _PROXY}
    server = Server(folder, {f"DENGLU_{name}": value for name, value in settings.items()})
    server.options += ["--workers", "4"]
    server.migrate()
    server.start()
    yield server
    server.close()
    assert server.stop() == 0, server.log[-2000:]
    assert not server.troubles()
    postgres_server.drop_database(database)


_SERVICES = {
    "workers": "workers",
    "notifications": "notified",
    "redis": "with_redis",
    "redis dead": "with_redis",
    "mariadb": "untold",
}


@pytest.fixture(params=_SERVICES)
def service(request: pytest.FixtureRequest) -> Iterator[tuple[Client, str]]:
    """A client of all processes, and how they tell each other."""
    started: Server = request.getfixturevalue(_SERVICES[request.param])
    redis: RedisServer | None = None
    if request.param == "redis dead":
        redis = request.getfixturevalue("redis_server")
        redis.stop()
    with Client(started) as client:
        yield client, request.param
    started.set_clock(0)
    if redis is not None:
        redis.start()


Rows = Callable[[str], Record]


@pytest.fixture
def as_R13(record: Record, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The races of one process, told as R13; and a token's death takes what it may take."""
    dead = races.assert_dead

    def dead_when_promised(client: Client, pairs: list[Pair], group: str = "pc") -> None:
        time.sleep(_PROMISED)
        dead(client, pairs, group)

    monkeypatch.setattr(races, "assert_dead", dead_when_promised)

    def of(feed: str) -> Record:
        def tell(row: str, *, tried: str = "", figure: str = "") -> None:
            record("R13", tried=f"{row} against 4 processes: {tried}", figure=f"{feed}: {figure}")

        return tell

    return of


def test_R13_one_code_many_logins(service: tuple[Client, str], as_R13: Rows) -> None:
    """R01 against 4 processes."""
    races.test_R01_one_code_many_logins(service[0], as_R13(service[1]))


@pytest.mark.parametrize("addresses", [1, 100])
def test_R13_one_mobile_many_registers(
    service: tuple[Client, str], as_R13: Rows, addresses: int
) -> None:
    """R02 against 4 processes."""
    races.test_R02_one_mobile_many_registers(service[0], as_R13(service[1]), addresses)


def test_R13_one_refresh_token_many_refreshes(service: tuple[Client, str], as_R13: Rows) -> None:
    """R03 against 4 processes."""
    races.test_R03_one_refresh_token_many_refreshes(service[0], as_R13(service[1]))


def test_R13_replay_after_the_window(service: tuple[Client, str], as_R13: Rows) -> None:
    """R04 against 4 processes."""
    client, feed = service
    for use in (races._use_access, races._use_refresh):
        races.test_R04_replay_after_the_window(client, as_R13(feed), use)
    races.test_R04_rivals_with_a_stolen_parent(client)


# What revokes a token, done at the first process or beside all.


def _logout(many: Cluster, here: Client, mobile: str, pair: Pair) -> None:
    assert here.logout(pair["access_token"]).code == 200


def _login_again(many: Cluster, here: Client, mobile: str, pair: Pair) -> None:
    pair_of(here.login(mobile))


def _reset(many: Cluster, here: Client, mobile: str, pair: Pair) -> None:
    many.advance(61)
    assert here.site("sms-code", {"mobile": mobile, "usage": "up-pwd"}).code == 200
    code = many.outbox(mobile)[-1]["code"]
    answer = here.site("up-pwd", new_password(mobile, code, NEWER, "h5"))
    assert answer.code == 200, answer.text


def _end_others(many: Cluster, here: Client, mobile: str, pair: Pair) -> None:
    own = pair_of(here.login(mobile, group="h5"))
    others = "/v1/member/session/others"
    assert here.call("DELETE", others, token=own["access_token"]).code == 200


def _change_password(many: Cluster, here: Client, mobile: str, pair: Pair) -> None:
    own = pair_of(here.login(mobile, group="h5"))
    body = new_by_old(NEWER)
    assert here.call("POST", "/v1/member/password", body, token=own["access_token"]).code == 200


def _disable(many: Cluster, here: Client, mobile: str, pair: Pair) -> None:
    done = many.cli("member", "disable", mobile)
    assert done.returncode == 0, done.stderr


def _revoke(many: Cluster, here: Client, mobile: str, pair: Pair) -> None:
    done = many.cli("session", "revoke", mobile)
    assert done.returncode == 0, done.stderr


DEEDS: dict[str, Callable[[Cluster, Client, str, Pair], None]] = {
    "logout": _logout,
    "login": _login_again,
    "reset": _reset,
    "end others": _end_others,
    "password": _change_password,
    "disable": _disable,
    "revoke": _revoke,
}
_COMMANDS = ("disable", "revoke")


async def _watched(
    many: Cluster, token: str, deed: Callable[[], object]
) -> tuple[float, list[Watch]]:
    """When the deed was done, and what each process said about the token before and after."""
    watches = [Watch(process) for process in many.processes]
    asking = [asyncio.create_task(watch.until_refused(token)) for watch in watches]
    await asyncio.gather(*(watch.known.wait() for watch in watches))
    await asyncio.to_thread(deed)
    done = time.perf_counter()
    await asyncio.gather(*asking)
    return done, watches


def _revoked_everywhere(many: Cluster, deed: str, record: Record, row: str, how: str) -> None:
    with Client(many) as client, Client(many.processes[0]) as here:
        mobile = fresh_mobile()
        pair = pair_of(client.register(mobile))
        done, watches = asyncio.run(
            _watched(many, pair["access_token"], lambda: DEEDS[deed](many, here, mobile, pair))
        )
        late = [watch.last_good - done for watch in watches]
        if deed not in _COMMANDS:
            assert late.pop(0) <= 0, "the process that did it answered afterwards"
        assert max(late) < _PROMISED, f"{late}: a token was good for too long"
        refreshed = [client.refresh(pair["refresh_token"]) for _ in many.processes]
        assert {answer.code for answer in refreshed} == {401}
    many.set_clock(0)
    figure = f"{how}: {max(0.0, *late) * 1000:.0f} ms"
    record(row, tried=f"a token that every process knows, then {deed}: good elsewhere for",
           figure=figure)  # fmt: skip


@pytest.mark.parametrize("deed", DEEDS)
def test_R13_a_revoked_token_is_refused_everywhere_notified(
    notified: Cluster, deed: str, record: Record
) -> None:
    """Through PostgreSQL's notifications."""
    _revoked_everywhere(notified, deed, record, "R13", "notified")


@pytest.mark.parametrize("deed", DEEDS)
def test_R13_a_revoked_token_is_refused_everywhere_through_redis(
    with_redis: Cluster, redis_server: RedisServer, deed: str, record: Record
) -> None:
    """Through Redis."""
    _revoked_everywhere(with_redis, deed, record, "R13", "Redis")


@pytest.mark.parametrize("deed", DEEDS)
def test_R13_a_revoked_token_is_refused_everywhere_though_no_word_arrives(
    unheard: Cluster, deed: str, record: Record
) -> None:
    """Every notification is lost: the age of the look-ups is all there is."""
    _revoked_everywhere(unheard, deed, record, "R13", "lost notifications")


def test_R13_a_revoked_token_is_refused_everywhere_where_nothing_is_told(
    untold: Cluster, record: Record
) -> None:
    """MariaDB without Redis: there is no feed."""
    for deed in DEEDS:
        _revoked_everywhere(untold, deed, record, "R13", "MariaDB, no feed")


@pytest.mark.parametrize("state", ["hangs", "is dead"])
def test_R13_a_revoked_token_is_refused_everywhere_without_redis(
    with_redis: Cluster, redis_server: RedisServer, state: str, record: Record
) -> None:
    """Redis is configured, and of no use."""
    with contextlib.ExitStack() as until_then:
        if state == "hangs":
            until_then.enter_context(redis_server.paused())
        else:
            redis_server.stop()
            until_then.callback(redis_server.start)
        for deed in DEEDS:
            _revoked_everywhere(with_redis, deed, record, "R13", f"Redis {state}")


def test_R13_a_revoked_token_is_refused_everywhere_though_listeners_were_killed(
    notified: Cluster, postgres_server: PostgresServer, record: Record
) -> None:
    """The connections that listen are ended just before."""
    for deed in DEEDS:
        postgres_server.admin(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'denglu feed'"
        )
        _revoked_everywhere(notified, deed, record, "R13", "listeners killed")


@pytest.mark.parametrize("status", [0, -1])
def test_T08_a_status_set_in_the_database_itself(
    notified: Cluster, status: int, record: Record
) -> None:
    """Nobody tells anybody, and every process refuses within the age of a look-up."""
    with Client(notified) as client:
        mobile = fresh_mobile()
        pair = pair_of(client.register(mobile))
        set_status = f"UPDATE member SET status = {status} WHERE mobile_key = ?"
        done, watches = asyncio.run(
            _watched(notified, pair["access_token"], lambda: notified.rows(set_status, mobile))
        )
        late = [watch.last_good - done for watch in watches]
        assert max(late) < _PROMISED
        assert client.refresh(pair["refresh_token"]).code == 401
    record("T08", tried=f"4 processes, status {status} set in the database: good for",
           figure=f"{max(0.0, *late) * 1000:.0f} ms")  # fmt: skip


def test_R13_the_promise_rests_on_the_age_of_a_look_up(tmp_path: Path) -> None:
    """No setting may make a look-up older than the promise allows."""
    from denglu.settings.model import about

    assert about("session_cache").high <= _AGE < _PROMISED
