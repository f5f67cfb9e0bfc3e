"""What denglu cannot go beyond on a machine: the bare server, the bare hash. The bare statements
of a refresh stand in ``raw_refresh``.
"""

import os
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from argon2 import low_level

from bench import processes
from bench.bare import Answer
from bench.load import Request

_ROOT = Path(__file__).parents[1]


@contextmanager
def bare_server(answer: Answer, folder: Path, *, kind: str) -> Iterator[str]:
    """A bare ASGI app that answers the same to everything (see ``bare``); its address."""
    file, log, port = folder / "answer", folder / "bare.log", processes.free_port()
    answer.write(file)
    words = [sys.executable, "-m", "bench.bare", str(port), str(file), kind]
    with processes.running(words, cwd=_ROOT, environ={}, log=log) as process:
        address = f"http://127.0.0.1:{port}/"
        processes.first_answer(address, process, log)
        if (given := answer_to(Request(address)).size) != answer.size:
            raise SystemExit(f"the bare server answers {given} bytes, not {answer.size}")
        yield address


def answer_to(request: Request) -> Answer:
    """What a server answers, but for its date; the request's id is a constant."""
    asked = urllib.request.Request(request.url, headers=dict(request.headers))
    with urllib.request.urlopen(asked, timeout=30) as got:
        headers = [
            (name, "0" * len(value) if name.lower() == "x-request-id" else value)
            for name, value in got.headers.raw_items()
            if name.lower() not in ("date", "connection")
        ]
        return Answer(headers, got.read().decode())


def hashes(seconds: float) -> float:
    """Argon2id hashes per second at denglu's parameters: a thread for each core, in a loop."""
    threads = len(os.sched_getaffinity(0))
    rates = [0.0] * threads

    def work(index: int) -> None:
        done, begun = 0, time.monotonic()
        while time.monotonic() < begun + seconds:
            low_level.hash_secret(
                b"x" * 23,
                b"y" * 16,
                time_cost=2,
                memory_cost=19456,
                parallelism=1,
                hash_len=32,
                type=low_level.Type.ID,
            )
            done += 1
        rates[index] = done / (time.monotonic() - begun)

    workers = [threading.Thread(target=work, args=(index,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(rates)
