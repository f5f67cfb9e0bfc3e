"""What all rows share: running servers, the figures for ``make battery``, and which tests run.

Tests marked ``measured`` report times. They run with ``make battery`` or ``-m measured``, and
assert nothing about time.
"""

from collections.abc import Callable, Iterator

import pytest

from scripts.battery import FIGURE, TABLE
from tests.battery.client import Client
from tests.battery.harness import HOLDERS, Answer, Server, running
from tests.openapi_holder import check_answer

Record = Callable[..., None]
DatabaseFor = Callable[[str], dict[str, str]]
_PROXY = "127.0.0.1"
_KEY = "a key that the processes of a test have in common"


# Given before the API sees a request, by what reads HTTP: the API document knows none of them.
_NO_REQUEST = {"malformed_request", "request_timeout", "url_too_long", "headers_too_large"}
_EACH_TIME_ANOTHER = {"x-request-id", "date"}
_held: set[tuple[object, ...]] = set()


def hold_to_document(server: Server, method: str, path: str, answer: Answer) -> None:
    """Every answer of the battery is one that the API document allows."""
    if answer.reason in _NO_REQUEST:
        return
    profile = server.settings.get("DENGLU_WIRE", "document")
    path = path.partition("?")[0]
    # Races get the same refusal a hundred times: to look at it once is enough.
    headers = frozenset(
        (name.lower(), value)
        for name, value in answer.headers.items()
        if name.lower() not in _EACH_TIME_ANOTHER
    )
    seen = (profile, method, path, answer.status, headers, answer.text)
    if seen not in _held:
        body = answer.text.encode()
        check_answer(method, path, answer.status, answer.headers, body, profile)
        if answer.code != 200:  # what was granted never comes again
            _held.add(seen)


HOLDERS.append(hold_to_document)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "measured: reports times; runs with `make battery` or -m measured"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.pluginmanager.has_plugin(TABLE) or "measured" in config.option.markexpr:
        return
    measured = [item for item in items if item.get_closest_marker("measured")]
    if measured:
        config.hook.pytest_deselected(items=measured)
        items[:] = [item for item in items if item not in measured]


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """``record("S02", tried="200 wrong codes at once", figure="5 compared")`` for the table."""

    def tell(row: str, *, tried: str = "", figure: str = "") -> None:
        entry = {"row": row, "tried": tried, "figure": figure}
        request.node.user_properties.append((FIGURE, entry))

    return tell


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mysql"])
def kind(request: pytest.FixtureRequest) -> str:
    """The test runs on each database."""
    return str(request.param)


@pytest.fixture(scope="session")
def database_for(request: pytest.FixtureRequest) -> DatabaseFor:
    """Settings that name a new database of a kind: none for SQLite's file beside the server."""

    def make(kind: str) -> dict[str, str]:
        if kind == "sqlite":
            return {}
        fixture = "postgres_server" if kind == "postgresql" else "mariadb_server"
        url = request.getfixturevalue(fixture).create_database()
        return {"database_url": url, "secret_key": _KEY}

    return make


@pytest.fixture(scope="module")
def any_server(
    tmp_path_factory: pytest.TempPathFactory, kind: str, database_for: DatabaseFor
) -> Iterator[Server]:
    """``server`` on each database, one after the other."""
    folder = tmp_path_factory.mktemp(kind)
    with running(folder, trusted_proxies=_PROXY, **database_for(kind)) as started:
        yield started


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the document profile, for a module; it believes X-Forwarded-For."""
    with running(tmp_path_factory.mktemp("document"), trusted_proxies=_PROXY) as started:
        yield started


@pytest.fixture(scope="module")
def rageframe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the rageframe profile, for a module; it believes X-Forwarded-For."""
    folder = tmp_path_factory.mktemp("rageframe")
    with running(folder, wire="rageframe", trusted_proxies=_PROXY) as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """A client of ``server`` on one kept connection, from a new address each time."""
    yield from client_of(server)


@pytest.fixture
def any_client(any_server: Server) -> Iterator[Client]:
    """The same for ``any_server``."""
    yield from client_of(any_server)


@pytest.fixture
def field_client(rageframe: Server) -> Iterator[Client]:
    """The same for ``rageframe``: an app in the field."""
    yield from client_of(rageframe)


@pytest.fixture(params=["server", "rageframe"], ids=["document", "rageframe"])
def each_client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """The test runs with ``client``, and again with ``field_client``."""
    yield from client_of(request.getfixturevalue(request.param))


def client_of(server: Server) -> Iterator[Client]:
    """For a fixture; the server's clock is right again after the test."""
    with Client(server) as opened:
        yield opened
    server.set_clock(0)
