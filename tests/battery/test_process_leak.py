"""What the processes of a server let others on the machine see (row L05)."""

import base64
import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from denglu.settings import Settings
from denglu.settings.model import about
from tests.battery.conftest import Record
from tests.cli.desk import Desk
from tests.servers.postgres import PostgresServer

CANARY = {
    "secret_key": "canary-of-the-secret-key-0123456789",
    "database_url": "canary-of-the-database",
    "introspection_keys": "canary-of-introspection-0123456789",
    "sms_receipt_key": "canary-of-the-receipts-0123456789",
    "metrics_key": "canary-of-the-metrics-0123456789",
}


@pytest.fixture
def bare(tmp_path: Path) -> Desk:
    """A desk in an empty folder."""
    return Desk(tmp_path)


@pytest.fixture
def secrets(postgres_url: str) -> dict[str, str]:
    """Settings with a canary in each."""
    place = postgres_url.replace("denglu@", f"denglu:{CANARY['database_url']}@")
    return {
        "secret_key": CANARY["secret_key"],
        "database_url": place,
        "introspection_keys": f"shop:{CANARY['introspection_keys']}",
        "sms_receipt_key": CANARY["sms_receipt_key"],
        "metrics_key": CANARY["metrics_key"],
    }


@contextlib.contextmanager
def dumps_allowed() -> Iterator[None]:
    """Children of this process may write core files, unless they forbid it themselves."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


def family(pid: int) -> list[int]:
    """A process and those that it forked."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family(int(child)))]


def shown(pid: int) -> bytes:
    """What everybody on the machine may read of a process."""
    names = ("cmdline", "comm", "stat", "status", "wchan")
    return b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in names)


def seen_by_ps(pids: list[int]) -> bytes:
    words = ["ps", "-ww", "-o", "pid,user,comm,args", "-p", ",".join(map(str, pids))]
    return subprocess.run(words, check=True, capture_output=True).stdout


def core_limit(pid: int) -> str:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("Max core file size"))
    return " ".join(line.removeprefix("Max core file size").split())


def canaries_in(text: bytes) -> list[str]:
    """Of which secrets the beginning stands in it, plain or in base64."""
    return [
        name
        for name, secret in CANARY.items()
        if secret[:15].encode() in text or base64.b64encode(secret.encode())[:20] in text
    ]


def written(folder: Path) -> Iterator[Path]:
    """Files of a folder but those that hold a secret by their purpose."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith("secret-"):
            yield path


def in_files(secrets: dict[str, str], folder: Path) -> dict[str, str]:
    """The same settings by way of files."""
    named = {}
    for name, value in secrets.items():
        path = folder / f"secret-{name}"
        path.write_text(value + "\n")
        path.chmod(0o600)
        named[f"{name}_file"] = str(path)
    return named


@pytest.mark.parametrize("given", ["by variable", "by file"])
def test_L05_nobody_sees_a_secret_in_a_process_or_in_what_it_leaves_behind(
    bare: Desk, secrets: dict[str, str], postgres: PostgresServer, given: str, record: Record
) -> None:
    by_file = given == "by file"
    settings = in_files(secrets, bare.folder) if by_file else secrets
    bare.ok("migrate", **settings)
    with dumps_allowed(), bare.serving("--workers", "2", **settings) as server:
        pids = family(server.process.pid)
        assert len(pids) == 3
        for pid in pids:
            assert canaries_in(shown(pid)) == []
            assert core_limit(pid) == "0 0 bytes"
            # To be read by the same user and by root alone; with files there is nothing in it.
            environ = Path(f"/proc/{pid}/environ")
            assert environ.stat().st_mode & 0o077 == 0
            assert canaries_in(environ.read_bytes()) == ([] if by_file else list(CANARY))
        assert canaries_in(seen_by_ps(pids)) == []
        _crash(pids[1])
        _crash(server.process.pid)
        server.process.wait(20)
    left = list(written(bare.folder))
    assert [path for path in left if path.name.startswith("core")] == []
    assert canaries_in(b"".join(path.read_bytes() for path in left)) == []
    assert b"was killed by SIGABRT" in server.errors.read_bytes()
    record(
        "L05",
        tried=f"3 processes, secrets {given}; two of them crash",
        figure="0 secrets in ps, /proc and logs; core size 0",
    )


def _crash(pid: int) -> None:
    os.kill(pid, signal.SIGABRT)
    while True:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.01)
                continue
        return


def test_L05_a_canary_would_be_seen() -> None:
    secret = CANARY["secret_key"]
    words = [sys.executable, "-c", "print(flush=True); input()", secret]
    pipe = subprocess.PIPE
    with dumps_allowed(), subprocess.Popen(words, stdin=pipe, stdout=pipe) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()  # it is what it will be
            assert canaries_in(shown(process.pid)) == ["secret_key"]
            assert canaries_in(seen_by_ps([process.pid])) == ["secret_key"]
            assert core_limit(process.pid) != "0 0 bytes"
        finally:
            process.kill()


def test_L05_every_secret_may_come_from_a_file() -> None:
    secret = [name for name in Settings.model_fields if about(name).secret]
    assert set(secret) >= {"secret_key", "introspection_keys"}
    urls = ["database_url", "redis_url"]
    assert [name for name in (*secret, *urls) if not about(name).filed] == []


def test_L05_a_start_that_fails_and_a_doctor_show_no_secret(
    bare: Desk, secrets: dict[str, str]
) -> None:
    bare.near = True
    wrong = {
        "secret_key": CANARY["secret_key"][:31],
        "introspection_keys": f"shop: {CANARY['introspection_keys']}",
    }
    done = bare.run("serve", **secrets | wrong)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    for name, value in {**CANARY, **wrong}.items():
        assert value[8:20] not in done.stderr, name
    said = bare.run("doctor", **secrets)
    assert "DENGLU_INTROSPECTION_KEYS=(hidden)" in said.stdout
    assert canaries_in((said.stdout + said.stderr).encode()) == []
