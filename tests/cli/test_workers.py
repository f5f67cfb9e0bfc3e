"""``denglu serve --workers``: several processes on PostgreSQL, as one server."""

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.asking import WHOAMI, Asking, read_answer
from tests.cli.desk import Desk, Serving
from tests.servers.postgres import PostgresServer

WORKERS = 4


@pytest.fixture
def crew(bare: Desk, postgres_url: str) -> Desk:
    """A desk whose settings lead to a migrated database on PostgreSQL."""
    return led_to(bare, postgres_url)


@pytest.fixture(params=["postgres_url", "mysql_url"], ids=["postgresql", "mysql"])
def each_crew(bare: Desk, request: pytest.FixtureRequest) -> Desk:
    """The test runs with ``crew``, and again on MariaDB."""
    return led_to(bare, request.getfixturevalue(request.param))


def led_to(desk: Desk, url: str) -> Desk:
    """A desk whose settings lead to a database, which is migrated."""
    desk.settings = {"DENGLU_DATABASE_URL": url, "DENGLU_SECRET_KEY": "s" * 32}
    desk.ok("migrate")
    return desk


@contextlib.contextmanager
def serving(desk: Desk, **settings: str) -> Iterator[Serving]:
    """Four workers, gone at the end whatever happens."""
    with desk.serving("--workers", str(WORKERS), **settings) as server:
        known = workers_of(server)
        try:
            yield server
        finally:
            for pid in {*known, *workers_of(server)}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def workers_of(server: Serving) -> list[int]:
    """The process numbers of the workers, in the order of their birth."""
    pid = server.process.pid
    with contextlib.suppress(FileNotFoundError):
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    return []


def until(true: Callable[[], object]) -> None:
    """Wait until something has become true."""
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    """Whether a process has ended; nobody may have asked for its exit code yet."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True


def ports_served_by(pid: int) -> set[int]:
    """The clients' ports of the connections that a process holds."""
    held = set()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            held.add(os.readlink(each))
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(line[2].partition(":")[2], 16) for line in lines if f"socket:[{line[9]}]" in held}


def log_of(server: Serving, logger: str) -> list[dict[str, object]]:
    """The lines of a logger; every line of the log is one whole JSON object."""
    lines = [json.loads(line) for line in server.errors.read_text().splitlines()]
    return [line for line in lines if line["logger"] == logger]


def busy_clients(server: Serving) -> list[Asking]:
    """Clients of both kinds, each of which has been answered many a time."""
    clients = [Asking(server.port, fresh=number % 2 == 0) for number in range(8)]
    until(lambda: all(client.answers > 20 for client in clients))
    return clients


def test_the_summary_comes_when_all_workers_serve(each_crew: Desk) -> None:
    kind = each_crew.settings["DENGLU_DATABASE_URL"].partition("://")[0]
    each_crew.add("ming")
    with serving(each_crew) as server:
        said = server.summary
        assert f"Workers    {WORKERS}\n" in said
        assert "Secret key from the environment" in said
        assert f"Database   {kind}://127.0.0.1:" in said
        token = server.login("ming")
        pids = workers_of(server)
        assert len(pids) == WORKERS
        for alone in pids:
            others = [pid for pid in pids if pid != alone]
            for pid in others:
                os.kill(pid, signal.SIGSTOP)
            assert server.whoami(token).code == 200
            for pid in others:
                os.kill(pid, signal.SIGCONT)
        assert server.stop() == 0
        assert all(map(is_gone, pids))


def test_F04_a_killed_worker_takes_only_its_own_connections_along(crew: Desk) -> None:
    with serving(crew) as server:
        clients = [Asking(server.port, fresh=False) for _ in range(12)]
        until(lambda: all(client.answers > 20 for client in clients))
        pids = workers_of(server)
        victim = max(pids, key=lambda pid: len(ports_served_by(pid)))
        lost = {client.own_port for client in clients} & ports_served_by(victim)
        assert lost
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(log_of(server, "denglu.serving.workers")) == 2)
        assert server.whoami("").reason == "token_missing"
        number = pids.index(victim) + 1
        successors = workers_of(server)
        assert successors[:-1] == [pid for pid in pids if pid != victim]
        assert server.stop() == 0
        for client in clients:
            client.join(20)
        assert {client.own_port for client in clients if client.cut} == lost
        died, serves = log_of(server, "denglu.serving.workers")
    message = (
        f"worker {number} (process {victim}) was killed by SIGKILL; another one starts at once"
    )
    assert died["message"] == message
    assert serves["message"] == f"worker {number} (process {successors[-1]}) serves"


@pytest.mark.parametrize("told", ["the parent", "every process"])
@pytest.mark.parametrize("turn", range(2))
def test_F15_all_workers_answer_what_is_in_flight(crew: Desk, told: str, turn: int) -> None:
    with serving(crew) as server:
        clients = busy_clients(server)
        if told == "every process":  # as a terminal and some service managers do
            for pid in workers_of(server):
                os.kill(pid, signal.SIGTERM)
        assert server.stop() == 0
        for client in clients:
            client.join(20)
        assert [client.cut for client in clients] == [""] * len(clients)
        logged = log_of(server, "denglu.access")
        assert sum(client.answers for client in clients) == len(logged)
        assert len(server.errors.read_text().splitlines()) == len(logged)


def test_F15_workers_say_farewell_when_their_parent_was_killed(crew: Desk) -> None:
    with serving(crew) as server:
        clients = busy_clients(server)
        pids = workers_of(server)
        server.process.kill()
        until(lambda: all(map(is_gone, pids)))
        for client in clients:
            client.join(20)
        assert [client.cut for client in clients] == [""] * len(clients)


def test_a_worker_whose_parent_dies_before_it_serves_ends_as_well(crew: Desk) -> None:
    """It listens already, and finds nobody to tell."""
    with serving(crew) as server:
        old = workers_of(server)
        os.kill(old[0], signal.SIGKILL)
        until(lambda: set(workers_of(server)) - set(old))
        everybody = workers_of(server)
        server.process.kill()
        until(lambda: all(map(is_gone, everybody)))


def test_F15_a_second_interrupt_does_not_wait(crew: Desk) -> None:
    with serving(crew) as server, socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(b"POST /v1/site/login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        server.process.send_signal(signal.SIGINT)
        until(lambda: _refuses(server.port))
        assert server.process.poll() is None
        assert server.stop(signal.SIGINT) == 130
        with contextlib.suppress(ConnectionResetError):
            assert slow.recv(4096) == b""
        assert server.errors.read_text().splitlines()[-1] == "denglu: stopped"


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_port_in_use_is_told_before_anything_is_begun(crew: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = crew.fault("serve", "--port", str(port), "--workers", "2")
    assert line.startswith(f"cannot listen on 127.0.0.1:{port}: something else listens there")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_database_that_is_not_migrated_is_not_served(
    crew: Desk, postgres: PostgresServer, workers: str
) -> None:
    words = ("serve", "--port", "0", "--workers", workers)
    empty = postgres.create_database()
    try:
        assert "run `denglu migrate`" in crew.fault(*words, database_url=empty)
    finally:
        postgres.drop_database(empty)


def test_one_process_on_postgresql_stops_as_one_on_a_file(crew: Desk) -> None:
    with crew.serving() as server:
        assert "Workers" not in server.summary
        assert workers_of(server) == []
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(WHOAMI)
            assert b"token_missing" in read_answer(client)
        assert server.stop() == 0


def test_a_worker_says_in_the_log_which_one_it_is(crew: Desk, postgres: PostgresServer) -> None:
    body = {"username": "ming", "password": "moonlit-harbour-17", "group": "pc"}
    with serving(crew) as server:
        with postgres.paused():
            assert server.call("/v1/site/login", body).code == 503
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.errors.read_text().splitlines()]
    numbers = [line["worker"] for line in lines if line["logger"].startswith("denglu.store")]
    assert numbers
    assert set(numbers) <= set(range(1, WORKERS + 1))
