"""The servers themselves: they hang, crash, and leave nothing behind."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.servers.fixtures import MakeNginx
from tests.servers.mariadb import MariadbServer
from tests.servers.postgres import PostgresServer
from tests.servers.process import PrivateServer
from tests.servers.redis import RedisServer
from tests.servers.shell import Shell
from tests.servers.tree import state

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["postgres", "mariadb", "redis_server"])
def server(request: pytest.FixtureRequest) -> PrivateServer:
    server: PrivateServer = request.getfixturevalue(request.param)
    return server


@pytest.mark.parametrize("fixture", ["postgres_url", "mysql_url"])
def test_a_database_is_empty_and_takes_whatever_is_written(
    request: pytest.FixtureRequest, fixture: str
) -> None:
    with closing(Shell(request.getfixturevalue(fixture))) as shell:
        shell("CREATE TABLE story (id int, words varchar(9))")
        shell("INSERT INTO story VALUES (?, ?)", 7, "月光 100%")
        assert shell("SELECT words FROM story WHERE id = ?", 7) == [("月光 100%",)]
        assert shell("SELECT id FROM story WHERE words LIKE '%光%'") == [(7,)]


def test_a_paused_server_does_nothing_until_it_goes_on(server: PrivateServer) -> None:
    with server.paused():
        assert {state(pid) for pid in server.pids()} == {"T"}
    assert "T" not in {state(pid) for pid in server.pids()}
    assert server.is_ready()


def test_the_processes_that_a_server_began_hang_with_it(postgres: PostgresServer) -> None:
    with closing(Shell(postgres.url())) as shell:
        ((backend,),) = shell("SELECT pg_backend_pid()")
        with postgres.paused():
            assert state(backend) == "T"
        assert shell("SELECT pg_backend_pid()") == [(backend,)]


@pytest.mark.parametrize("harm", ["pause", "stop", "kill"])
def test_a_server_is_well_again_whatever_a_test_did(server: PrivateServer, harm: str) -> None:
    getattr(server, harm)()
    server.heal()
    assert server.is_ready()


@pytest.mark.parametrize("end", ["restart", "kill -9"])
@pytest.mark.parametrize("fixture", ["postgres", "mariadb"])
def test_data_outlives_an_end(request: pytest.FixtureRequest, fixture: str, end: str) -> None:
    server: PostgresServer | MariadbServer = request.getfixturevalue(fixture)
    url = server.create_database()
    with closing(Shell(url)) as shell:
        shell("CREATE TABLE story (id int)")
        shell("INSERT INTO story VALUES (7)")
        if end == "restart":
            server.restart()
        else:
            server.kill()
            server.start()
        assert shell("SELECT id FROM story") == [(7,)]
    server.drop_database(url)


def test_nginx_answers_as_it_is_told(make_nginx: MakeNginx) -> None:
    nginx = make_nginx('server { listen 127.0.0.1:@PORT@; location / { return 200 "here"; } }')
    assert httpx.get(nginx.url).text == "here"
    nginx.restart()
    assert httpx.get(nginx.url).text == "here"


SESSION = """
    import os, signal, sys
    from tests.servers.{module} import {kind} as Server

    server = Server()
    server.start()
    server.{before}()
    print(server.folder, *server.pids(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("before", ["is_ready", "pause"])
@pytest.mark.parametrize("kind", [PostgresServer, RedisServer])
def test_nothing_is_left_of_a_session_that_was_killed(
    kind: type[PrivateServer], before: str
) -> None:
    script = SESSION.format(
        module=kind.__module__.rpartition(".")[2], kind=kind.__name__, before=before
    )
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    folder, *pids = done.stdout.split()
    until = time.monotonic() + 20
    while Path(folder).exists() or any(state(int(pid)) not in ("Z", "") for pid in pids):
        assert time.monotonic() < until, "something is left"
        time.sleep(0.02)


PHANTOM = """
    from typing import ClassVar

    import pytest

    from tests.servers.fixtures import installed
    from tests.servers.redis import RedisServer


    class Phantom(RedisServer):
        package: ClassVar[str] = "phantom-server"
        programs: ClassVar[tuple[str, ...]] = ("phantomd",)


    @pytest.fixture(scope="session")
    def phantom():
        with installed(Phantom) as server:
            yield server


    @pytest.mark.parametrize("number", range(3))
    def test_phantom(phantom, number): ...
"""


@pytest.mark.parametrize("ci", ["", "true"])
def test_a_missing_server_skips_its_tests_and_is_listed_but_fails_in_ci(
    tmp_path: Path, ci: str
) -> None:
    (tmp_path / "test_phantom.py").write_text(textwrap.dedent(PHANTOM))
    words = f"-p tests.servers.fixtures -c {os.devnull} --rootdir {tmp_path} {tmp_path}".split()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=ROOT,
        env=dict(os.environ, CI=ci),
        capture_output=True,
        text=True,
    )
    told = "not installed here: phantomd (apt install phantom-server)"
    if ci:
        assert done.returncode == 1
        assert f"{told}; with CI=true nothing is skipped" in done.stdout
        assert "skipped" not in done.stdout.splitlines()[-1]
    else:
        assert done.returncode == 0
        assert f"3 tests: {told}" in done.stdout
