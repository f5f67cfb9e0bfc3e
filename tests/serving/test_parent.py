"""The parent of workers: what it does with workers that die, hang, or never serve."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_SOURCES = Path(__file__).parents[2] / "src"
_PARENT = """
import os, sys, time
from denglu.logs import configure_logging
from denglu.serving import workers
from denglu.serving.workers import READY, Workers, WorkerTrouble

def serves(number, channel):
    channel.send(READY)
    channel.recv(1)

def never_serves(number, channel):
    if number == 2:
        os._exit(3)
    serves(number, channel)

def fails(number, channel):
    raise RuntimeError("no room")

def dies_young(number, channel):
    channel.send(READY)
    if number == 2:
        os._exit(0)
    channel.recv(1)

def one_hangs(number, channel):
    channel.send(READY)
    if number == 1:
        channel.recv(1)
    else:
        time.sleep(60)

def hangs(number, channel):
    channel.send(READY)
    while True:
        time.sleep(60)

configure_logging("info")
workers._PATIENCE = 0.2
try:
    parent = Workers(2, globals()[sys.argv[1]], [], grace=0.1)
    whole = parent.run(lambda: print("ready", flush=True))
except WorkerTrouble as trouble:
    sys.exit(str(trouble))
print(whole)
"""


def started(work: str) -> "subprocess.Popen[str]":
    """A parent whose two workers do this work."""
    environ = {"PYTHONPATH": str(_SOURCES), "PYTHONWARNINGS": "error", "PATH": os.environ["PATH"]}
    return subprocess.Popen(
        [sys.executable, "-c", _PARENT, work],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def parent(request: pytest.FixtureRequest) -> Iterator["subprocess.Popen[str]"]:
    """A parent; the parameter names its workers' work."""
    with started(request.param) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("parent", ["never_serves", "fails"], indirect=True)
def test_workers_that_never_serve_are_not_tried_again(parent: "subprocess.Popen[str]") -> None:
    out, err = parent.communicate(timeout=20)
    assert (parent.returncode, out) == (1, "")
    assert "before it served: the log says more" in err.splitlines()[-1]
    assert "Traceback" not in err


@pytest.mark.parametrize("parent", ["dies_young"], indirect=True)
def test_a_worker_that_always_dies_is_replaced_later_and_later(
    parent: "subprocess.Popen[str]",
) -> None:
    assert parent.stdout is not None
    assert parent.stderr is not None
    assert parent.stdout.readline() == "ready\n"
    deaths: list[str] = []
    while len(deaths) < 4:
        said = json.loads(parent.stderr.readline())["message"]
        if "ended" in said:
            deaths.append(said.rpartition("; ")[2])
    assert deaths == [f"another one starts {when}" for when in _PAUSES]
    parent.send_signal(signal.SIGTERM)
    assert parent.communicate(timeout=20)[0] == "True\n"
    assert parent.returncode == 0


_PAUSES = ("at once", "in 0.1 s", "in 0.2 s", "in 0.4 s")


@pytest.mark.parametrize("parent", ["hangs"], indirect=True)
def test_workers_that_hang_are_killed_in_the_end(parent: "subprocess.Popen[str]") -> None:
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    parent.send_signal(signal.SIGTERM)
    _, err = parent.communicate(timeout=20)
    assert parent.returncode == 1
    assert err.count("was killed by SIGKILL") == 2
    assert err.splitlines()[-1] == "not every worker ended well: the log says which and how"


@pytest.mark.parametrize("parent", ["serves"], indirect=True)
def test_workers_end_with_their_parent(parent: "subprocess.Popen[str]") -> None:
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    parent.kill()
    # The workers hold the other ends: this returns when they are gone.
    assert parent.communicate(timeout=20) == ("", "")


@pytest.mark.parametrize("parent", ["one_hangs"], indirect=True)
def test_a_worker_that_hangs_does_not_keep_the_others_from_ending(
    parent: "subprocess.Popen[str]",
) -> None:
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    other, hung = map(int, children)
    gone = os.pidfd_open(other)
    try:
        parent.kill()
        assert select.select([gone], [], [], 20)[0]
    finally:
        os.close(gone)
        os.kill(hung, signal.SIGKILL)
