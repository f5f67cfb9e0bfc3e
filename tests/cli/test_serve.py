"""``denglu serve``: what it says, what it refuses, and how it ends."""

import contextlib
import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from tests.cli.asking import Asking, read_answer
from tests.cli.desk import Desk


@contextlib.contextmanager
def raw(port: int) -> Iterator[socket.socket]:
    """A raw connection to a server."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        yield client


def test_the_start_is_told_on_the_terminal(desk: Desk) -> None:
    with desk.serving(mounts="/api") as server:
        said = server.summary
        assert f"http://127.0.0.1:{server.port}/v1/site/login" in said
        assert "also under /api" in said
        assert f"http://127.0.0.1:{server.port}/docs" in said
        assert str(desk.database) in said
        assert "Profile    document" in said
        assert "SMS codes  appear here" in said
        assert "denglu.db.key" in said
        assert "warning" not in said
        assert server.stop() == 0
        assert server.errors.read_text() == ""


def test_what_is_allowed_and_unwise_is_told_too(desk: Desk) -> None:
    with desk.serving(
        wire="rageframe",
        sms_gateways="outbox,console",
        sms_outbox="codes",
        docs_enabled="false",
        secret_key="s" * 32,
    ) as server:
        said = server.summary
        assert "Profile    rageframe" in said
        assert f"are written to {desk.folder / 'codes'}, else appear here" in said
        assert "warning: codes of four digits are outside what SECURITY.md claims" in said
        assert "API page   off" in said
        assert "Secret key from the environment" in said
        assert "s" * 32 not in said


def test_the_first_start_makes_file_and_key_for_its_owner_only(bare: Desk) -> None:
    with bare.serving() as server:
        assert server.stop() == 0
    modes = {p.name: p.stat().st_mode & 0o777 for p in bare.folder.iterdir() if p.name != "stderr"}
    assert modes == dict.fromkeys(("denglu.db", "denglu.db.key", "denglu.db.lock"), 0o600)


def test_F14_a_second_server_on_one_file_is_refused(desk: Desk) -> None:
    (desk.folder / "link.db").symlink_to(desk.database)
    with desk.serving() as first:
        process = first.process.pid
        for url in ("sqlite:///denglu.db", f"sqlite:///{desk.database}", "sqlite:///link.db"):
            line = desk.fault("serve", "--port", "0", database_url=url, secret_key="s" * 32)
            assert f"already served by another denglu (process {process})" in line
        assert first.whoami("").reason == "token_missing"
        assert first.stop() == 0
    with desk.serving() as second:
        assert second.stop() == 0


def test_F14_a_server_that_was_killed_leaves_the_file_free(desk: Desk) -> None:
    with desk.serving() as first:
        first.process.kill()
        first.process.wait()
        with desk.serving() as second:
            assert second.stop() == 0


def test_a_port_in_use_is_told_in_one_line(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = desk.fault("serve", "--port", str(port))
    assert line == (
        f"cannot listen on 127.0.0.1:{port}: something else listens there; "
        "stop it, or choose another --port"
    )


def test_an_address_that_cannot_be_is_told_in_one_line(desk: Desk) -> None:
    desk.settings = {"DENGLU_SECRET_KEY": "s" * 32, "DENGLU_SMS_CLEARTEXT": "accept"}
    assert "no such address" in desk.fault("serve", "--host", "192.0.2.1", "--port", "0")
    assert "no address of that name" in desk.fault("serve", "--host", "no host")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (
            ("--workers", "2"),
            "--workers 2: an SQLite file takes one server process; leave --workers out, "
            "or let DENGLU_DATABASE_URL name a PostgreSQL or MySQL database",
        ),
        (("--workers", "0"), "Invalid value for '--workers'"),
        (("--port", "65536"), "Invalid value for '--port'"),
        (("--prot", "1"), "No such option"),
        (("extra",), "unexpected extra argument"),
    ],
)
def test_a_server_that_cannot_be_asked_for(desk: Desk, words: tuple[str, ...], why: str) -> None:
    assert why in desk.fault("serve", *words, code=2)


def test_a_file_that_is_no_database_of_ours_is_left_alone(bare: Desk) -> None:
    bare.near = True
    bare.database.write_bytes(b"These are the notes of somebody else, and not a database. " * 99)
    for command in ("serve --port 0", "migrate", "member list", "member show ming"):
        assert "is no SQLite file" in bare.fault(*command.split())
    other = bare.folder / "other.db"
    with contextlib.closing(apsw.Connection(str(other))) as db:
        db.execute("create table notes (text)")
    for command in ("serve --port 0", "migrate", "member list"):
        line = bare.fault(*command.split(), database_url="sqlite:///other.db")
        assert "is the SQLite file of something else" in line
    assert "notes of somebody else" in bare.database.read_text()


def test_a_damaged_file_is_not_served(desk: Desk) -> None:
    content = bytearray(desk.database.read_bytes())
    content[8192:40960] = bytes(range(256)) * 128
    desk.database.write_bytes(content)
    line = desk.fault("serve", "--port", "0")
    assert "is damaged" in line
    assert "restore a backup" in line


def test_a_folder_that_is_not_there_is_told(bare: Desk) -> None:
    bare.near = True
    for command in ("serve --port 0", "migrate"):
        line = bare.fault(*command.split(), database_url="sqlite:///nowhere/denglu.db")
        assert line.startswith(f"{bare.folder / 'nowhere'}: there is no such folder")
    (bare.folder / "folder").mkdir()
    assert "is a folder" in bare.fault("serve", database_url="sqlite:///folder")


def test_a_file_of_a_newer_version_is_left_alone(desk: Desk) -> None:
    desk.near = True
    with contextlib.closing(apsw.Connection(str(desk.database))) as db:
        db.execute("update alembic_version set version_num = '9999'")
    for command in ("serve --port 0", "migrate", "migrate --check", "member list"):
        assert "written by a newer version" in desk.fault(*command.split())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_F15_a_server_that_is_told_to_stop_has_not_failed(desk: Desk, number: int) -> None:
    with desk.serving() as server:
        assert server.whoami("").reason == "token_missing"
        assert server.stop(number) == 0
        lines = server.errors.read_text().splitlines()
    assert [json.loads(line)["logger"] for line in lines] == ["denglu.access"]


def test_F15_requests_in_flight_are_answered_whole(desk: Desk) -> None:
    with desk.serving() as server:
        clients = [Asking(server.port, fresh=number % 2 == 0) for number in range(4)]
        while not all(client.answers > 20 for client in clients):
            time.sleep(0.01)
        assert server.stop() == 0
        for client in clients:
            client.join(20)
    assert [client.cut for client in clients] == [""] * 4
    logged = server.errors.read_text().splitlines()
    assert sum(client.answers for client in clients) == len(logged)


def test_a_request_line_that_is_too_long_is_refused_in_the_envelope(desk: Desk) -> None:
    with desk.serving() as server:
        with raw(server.port) as client:
            client.sendall(b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = read_answer(client)
        assert answer.startswith(b"HTTP/1.1 414 ")
        assert b'"reason":"url_too_long"' in answer
        assert server.stop() == 0


def test_the_log_level_of_uvicorn_is_ours(desk: Desk) -> None:
    with desk.serving(log_level="debug") as server:
        with raw(server.port) as client:
            client.sendall(b"nonsense\r\n\r\n")
            assert b"malformed_request" in read_answer(client)
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.errors.read_text().splitlines()]
    assert {line["logger"].partition(".")[0] for line in lines} <= {"denglu", "asyncio"}


def test_migrations_are_not_loaded_for_a_current_file(desk: Desk) -> None:
    assert "alembic" not in desk.run("migrate", "--check", log_level="debug").stderr


def test_a_summary_that_nobody_reads_stops_no_server(desk: Desk, tmp_path: Path) -> None:
    with desk.serving() as server:
        assert server.process.stdout is not None
        server.process.stdout.close()
        assert server.whoami("").reason == "token_missing"
        assert server.stop() == 0
