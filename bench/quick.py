"""``make bench``: denglu on SQLite against its own ceilings, in one run, A B A B.

Ceilings: a bare ASGI app on the same server answering the same bytes, and the same Argon2id
hash in a loop over as many threads. Needs wrk (Debian: ``apt install wrk``). Every counted
answer must be a success. Prints medians with their spread; machines are noisy, so read the
ratios. Bounded: about two minutes.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from argon2 import low_level

PASSWORD = "a lantern on the bridge"
HERE = Path(__file__).parent
SUCCESS_ONLY = """
local wrong = 0
wrk.method = "{method}"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["X-Api-Key"] = "{token}"
wrk.body = [[{body}]]
function response(status, headers, body)
    if status ~= 200 or not body:find('"code":200', 1, true) then wrong = wrong + 1 end
    if wrong > 0 and wrong < 3 then print("WRONG", status, body) end
end
"""


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def call(url: str, body: object = None, token: str = "") -> Any:
    """One call; the envelope's data."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "X-Api-Key": token}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30) as answer:
        envelope = json.load(answer)
    assert envelope["code"] == 200, envelope
    return envelope["data"]


def started(url: str, process: subprocess.Popen[bytes]) -> float:
    """Seconds until the first answer."""
    begun = time.monotonic()
    while process.poll() is None and time.monotonic() < begun + 30:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=1).close()
            return time.monotonic() - begun
        time.sleep(0.005)
    raise SystemExit("the server did not start")


@contextlib.contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Ends the process with the block."""
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def denglu(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """A server on a file of its own, with its defaults."""
    environ = {
        **{k: v for k, v in os.environ.items() if not k.startswith("DENGLU_")},
        "DENGLU_DATABASE_URL": f"sqlite:///{folder}/denglu.db",
        "DENGLU_SMS_GATEWAYS": "outbox",
        "DENGLU_SMS_OUTBOX": str(folder / "outbox"),
    }
    add = ["member", "add", "--username", "bench", "--password-stdin"]
    if not (folder / "denglu.db").exists():
        words = [sys.executable, "-m", "denglu", *add]
        subprocess.run(words, input=PASSWORD.encode(), env=environ, check=True, stdout=-3)
    log = (folder / "log").open("ab")
    serve = [sys.executable, "-m", "denglu", "serve", "--port", str(port)]
    return subprocess.Popen(serve, env=environ, stdout=log, stderr=log)


def wrk(url: str, seconds: int, connections: int, **script: str) -> dict[str, float]:
    """Requests per second and the p99 in milliseconds. Any wrong answer ends the run."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        values = {"method": "GET", "token": "", "body": ""} | script
        text = SUCCESS_ONLY
        for name, value in values.items():
            text = text.replace("{" + name + "}", value)
        lua.write(text if script.get("check") != "no" else "")
        lua.flush()
        words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", "-s", lua.name, url]
        out = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    if "WRONG" in out or "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(out)
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])  # type: ignore[index]
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()  # type: ignore[union-attr]
    return {"rate": rate, "p99": float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]}


def hash_ceiling(seconds: float, threads: int) -> float:
    """Argon2id hashes per second at denglu's parameters, as fast as the threads go."""
    done = [0] * threads
    until = time.monotonic() + seconds

    def work(index: int) -> None:
        while time.monotonic() < until:
            low_level.hash_secret(
                b"x" * 20, b"y" * 16, time_cost=2, memory_cost=19456, parallelism=1, hash_len=32,
                type=low_level.Type.ID,
            )  # fmt: skip
            done[index] += 1

    workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(done) / seconds


def resident(pid: int) -> float:
    """Resident memory in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def show(name: str, values: list[float], unit: str) -> None:
    """A figure: median, smallest, largest."""
    middle = statistics.median(values)
    print(f"{name:44} {middle:10.2f} {unit:6} ({min(values):.2f} … {max(values):.2f})", flush=True)


def rounds(count: int, *measures: Callable[[], float]) -> list[list[float]]:
    """Run the measures in turn, ``count`` times."""
    taken = [[measure() for measure in measures] for _ in range(count)]
    return [list(column) for column in zip(*taken, strict=True)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, choices=range(1, 21))
    parser.add_argument("--seconds", type=int, default=3, choices=range(1, 31))
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed (Debian: apt install wrk)")
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name), given.rounds, given.seconds)


def measure(folder: Path, count: int, seconds: int) -> None:
    """All figures of one run."""
    port = free_port()
    site, member = f"http://127.0.0.1:{port}/v1/site", "/v1/member/member/index"
    with ended(denglu(folder, port)) as first:
        started(f"http://127.0.0.1:{port}/healthz", first)
    starts = []
    for _ in range(count):
        with ended(denglu(folder, port)) as process:
            starts.append(started(f"http://127.0.0.1:{port}/healthz", process))
    show("process start to the first answer", starts, "s")
    with ended(denglu(folder, port)) as server:
        started(f"http://127.0.0.1:{port}/healthz", server)
        show("idle memory", [resident(server.pid)], "MiB")
        login = {"username": "bench", "password": PASSWORD, "group": "pc"}
        token = call(f"{site}/login", login)["access_token"]
        url = f"http://127.0.0.1:{port}{member}"
        with urllib.request.urlopen(urllib.request.Request(url, headers={"X-Api-Key": token})) as a:
            body = a.read()
        bare_port = free_port()
        words = [sys.executable, str(HERE / "bare.py"), str(bare_port)]
        with ended(subprocess.Popen(words, stdin=subprocess.PIPE)) as bare:
            assert bare.stdin is not None
            bare.stdin.write(body)
            bare.stdin.close()
            bare_url = f"http://127.0.0.1:{bare_port}/"
            started(bare_url, bare)
            checks, ceiling = rounds(
                count,
                lambda: wrk(url, seconds, 32, token=token, check="yes")["rate"],
                lambda: wrk(bare_url, seconds, 32)["rate"],
            )
        show("token checks", checks, "/s")
        show("  the bare server, same bytes", ceiling, "/s")
        show("  ratio", [a / b for a, b in zip(checks, ceiling, strict=True)], "")
        post = {"method": "POST", "body": json.dumps(login | {"group": "h5"})}
        threads = len(os.sched_getaffinity(0))
        logins, hashes = rounds(
            count,
            lambda: wrk(f"{site}/login", seconds, 16, **post)["rate"],
            lambda: hash_ceiling(seconds, threads),
        )
        show("logins", logins, "/s")
        show("  Argon2id alone, same threads", hashes, "/s")
        show("  ratio", [a / b for a, b in zip(logins, hashes, strict=True)], "")
        storm(site, url, token, post, count, seconds)
        show("memory at the end", [resident(server.pid)], "MiB")


def storm(site: str, url: str, token: str, post: dict[str, str], count: int, seconds: int) -> None:
    """Token checks on one connection while logins keep every hash thread busy."""
    p99s, rates = [], []
    for _ in range(count):
        found: list[float] = []
        flood = threading.Thread(
            target=lambda: found.append(wrk(f"{site}/login", seconds + 1, 16, **post)["rate"])  # noqa: B023
        )
        flood.start()
        time.sleep(0.5)
        p99s.append(wrk(url, seconds, 1, token=token)["p99"])
        flood.join()
        rates.extend(found)
    show("storm: token check p99, one connection", p99s, "ms")
    show("storm: logins meanwhile", rates, "/s")


if __name__ == "__main__":
    main()
