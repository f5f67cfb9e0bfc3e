"""The fixtures that give a test its servers, and the list of what did not run for want of one."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from tests.servers.mariadb import MariadbServer
from tests.servers.nginx import NginxServer
from tests.servers.postgres import PostgresServer
from tests.servers.process import PrivateServer
from tests.servers.programs import MISSING, Missing, skip_or_fail
from tests.servers.redis import RedisServer

MakeNginx = Callable[[str], NginxServer]
Server = TypeVar("Server", bound=PrivateServer)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's PostgreSQL, for fixtures; a test asks for ``postgres``."""
    with installed(PostgresServer) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    """The session's MariaDB, for fixtures; a test asks for ``mariadb``."""
    with installed(MariadbServer) as server:
        yield server


@pytest.fixture(scope="session")
def redis_process() -> Iterator[RedisServer]:
    with installed(RedisServer) as server:
        yield server


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """The session's PostgreSQL; it is well again after the test."""
    yield postgres_server
    postgres_server.heal()


@pytest.fixture
def mariadb(mariadb_server: MariadbServer) -> Iterator[MariadbServer]:
    """The session's MariaDB; it is well again after the test."""
    yield mariadb_server
    mariadb_server.heal()


@pytest.fixture
def redis_server(redis_process: RedisServer) -> Iterator[RedisServer]:
    """The session's Redis, empty; it is well again after the test."""
    redis_process.ask("FLUSHALL")
    yield redis_process
    redis_process.heal()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """A new, empty database."""
    url = postgres.create_database()
    yield url
    postgres.heal()
    postgres.drop_database(url)


@pytest.fixture
def mysql_url(mariadb: MariadbServer) -> Iterator[str]:
    """A new, empty database."""
    url = mariadb.create_database()
    yield url
    mariadb.heal()
    mariadb.drop_database(url)


@pytest.fixture
def make_nginx() -> Iterator[MakeNginx]:
    """Starts nginx with what stands inside ``http { }``; see ``NginxServer``."""
    started: list[NginxServer] = []

    def make(http: str) -> NginxServer:
        server = installed(lambda: NginxServer(http))
        started.append(server)
        server.start()
        return server

    yield make
    for server in started:
        server.close()


def installed(make: Callable[[], Server]) -> Server:
    """A server, or the test is skipped (fails, with CI=true) where its programs are missing."""
    try:
        return make()
    except Missing as missing:
        skip_or_fail(missing)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and MISSING in report.longrepr[2]
    )
    if reasons:
        terminalreporter.section("what did not run", yellow=True)
        for reason, count in sorted(reasons.items()):
            terminalreporter.write_line(f"{count} tests: {reason}")
