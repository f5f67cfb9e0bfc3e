"""Requests at a fixed rate, whatever the server does: what somebody feels who just wants an answer.

wrk sends the next request when the last is answered, so a server that stalls is asked less often,
and its stalls count less. Here each request has a moment when it is due, and its latency counts
from there.
"""

import http.client
import statistics
import threading
import time
from urllib.parse import urlsplit

from bench.load import Measured, Request, WrongAnswer


def paced(request: Request, seconds: float, rate: int, connections: int = 16) -> Measured:
    """So many requests a second, over so many connections in turn. Raises WrongAnswer."""
    began, total = time.monotonic() + 0.05, int(seconds * rate)
    lines = [
        _Line(request, [began + turn / rate for turn in range(number, total, connections)])
        for number in range(connections)
    ]
    for line in lines:
        line.start()
    for line in lines:
        line.join()
    for line in lines:
        if line.wrong:
            raise WrongAnswer(f"a check was not answered well: {line.wrong}")
    latencies = [each for line in lines for each in line.latencies]
    cuts = statistics.quantiles(latencies, n=100)
    return Measured(len(latencies) / seconds, cuts[49], cuts[98])


class _Line(threading.Thread):
    """One connection, and the moments when its requests are due."""

    def __init__(self, request: Request, moments: list[float]) -> None:
        super().__init__(daemon=True)
        parts = urlsplit(request.url)
        self._request, self._path, self._moments = request, parts.path, moments
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        self.latencies: list[float] = []
        self.wrong = ""

    def run(self) -> None:
        try:
            for due in self._moments:
                time.sleep(max(0.0, due - time.monotonic()))
                self._ask()
                self.latencies.append((time.monotonic() - due) * 1000)
        except (OSError, http.client.HTTPException, WrongAnswer) as wrong:
            self.wrong = repr(wrong)
        finally:
            self._connection.close()

    def _ask(self) -> None:
        request = self._request
        self._connection.request(request.method, self._path, headers=dict(request.headers))
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200 or request.good.encode() not in body:
            raise WrongAnswer(f"{answer.status} {body[:300]!r}")
