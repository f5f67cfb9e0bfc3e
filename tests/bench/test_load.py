"""What wrk prints is read, and an answer that is no success is not counted."""

import sys
import time
from pathlib import Path

import pytest

from bench import load, processes
from bench.load import WrongAnswer

_TOLD = """Running 2s test @ http://127.0.0.1:8000/
  Latency Distribution
     50%   {p50}
     75%    1.20ms
     90%    1.33ms
     99%    {p99}
  65785 requests in 2.00s, 30.11MB read
{more}Requests/sec:  {rate}
Transfer/sec:     15.06MB
"""


def told(
    p50: str = "0.96ms", p99: str = "1.35ms", rate: str = "32892.45", *, more: str = ""
) -> str:
    """The output of a run."""
    return _TOLD.format(p50=p50, p99=p99, rate=rate, more=more)


@pytest.mark.parametrize(
    ("p50", "p99", "milliseconds"),
    [("0.96ms", "1.35ms", (0.96, 1.35)), ("12.00us", "1.64s", (0.012, 1640.0))],
)
def test_rate_and_latencies_are_read(p50: str, p99: str, milliseconds: tuple[float, float]) -> None:
    measured = load._read(told(p50, p99), "repeated")
    assert measured.rate == 32892.45
    assert (measured.p50, measured.p99) == pytest.approx(milliseconds)


@pytest.mark.parametrize(
    "output",
    [
        told(more="  Non-2xx or 3xx responses: 7\n"),
        told(more="  Socket errors: connect 0, read 3, write 0, timeout 0\n"),
        'WRONG\t200\t{"code":422}\n' + told(),
        told(p99="nan"),
        told(rate=""),
        "unable to connect to 127.0.0.1:8000 Connection refused\n",
    ],
    ids=["status", "socket", "body", "no latencies", "no rate", "nobody there"],
)
def test_what_is_no_success_is_told_and_not_counted(output: str) -> None:
    with pytest.raises(WrongAnswer, match=r"not every answer was a success \(repeated\.lua\)"):
        load._read(output, "repeated")


def test_facts_become_lua() -> None:
    facts = {"n": 3, "yes": True, "list": ["a", 'b"c'], "map": {"X-Y": "z"}}
    assert load._lua(facts) == (
        '{["n"] = 3, ["yes"] = true, ["list"] = {"a", "b\\"c"}, ["map"] = {["X-Y"] = "z"}}'
    )


def test_a_server_that_ends_at_once_is_refused_with_what_it_said(tmp_path: Path) -> None:
    log = tmp_path / "log"
    words = [sys.executable, "-c", "raise SystemExit('no such ' + 'database')"]
    url = f"http://127.0.0.1:{processes.free_port()}/"
    with (
        processes.running(words, cwd=tmp_path, environ={}, log=log) as process,
        pytest.raises(SystemExit, match=r"(?s)did not start: .*no such database"),
    ):
        processes.first_answer(url, process, log)


def test_what_was_started_ends_with_the_block_and_its_children_too(tmp_path: Path) -> None:
    words = ["sh", "-c", "sleep 600 & echo begun; wait"]
    log = tmp_path / "log"
    with processes.running(words, cwd=tmp_path, environ={}, log=log) as process:
        while not log.read_text():
            assert process.poll() is None
        child = processes.family(process.pid)[1]
    assert process.returncode is not None
    until = time.monotonic() + 20
    while _alive(child):
        assert time.monotonic() < until, "a child outlived the block"


def _alive(pid: int) -> bool:
    """Neither gone nor waiting to be buried."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
