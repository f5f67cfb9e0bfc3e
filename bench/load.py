"""The load: wrk with a script for each kind of traffic.

Every answer is looked at. One that is no success is a `WrongAnswer`: what is counted was done.
"""

import json
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
LUA = Path(__file__).parent / "lua"


class WrongAnswer(Exception):
    """An answer that is no success, or none at all; its text is for whoever runs this."""


@dataclass(frozen=True)
class Request:
    """A request that can be sent again and again; ``good`` stands in the body of a success.
    ``bodies``: several that take turns.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    good: str = ""
    bodies: Sequence[str] = ()


@dataclass(frozen=True)
class Chain:
    """Sessions that are renewed again and again. ``%s`` stands for a session's token in the body
    and the headers of ``request``; where it ``rotates``, the next token is in the answer.
    """

    request: Request
    tokens: Sequence[str]
    rotates: bool = True


@dataclass(frozen=True)
class Measured:
    """Requests per second; the median and the 99th per cent of latencies, in milliseconds; the
    most memory that the answering processes had meanwhile, in MiB. 0: not known.
    """

    rate: float
    p50: float = 0
    p99: float = 0
    peak: float = 0


def repeated(request: Request, seconds: float, connections: int) -> Measured:
    """The same request over and over."""
    return wrk("repeated", request, seconds, threads=1, connections=connections)


def chained(chain: Chain, seconds: float) -> Measured:
    """Each session on a connection of its own."""
    count = len(chain.tokens)
    facts = {"tokens": chain.tokens, "rotates": chain.rotates}
    return wrk("chained", chain.request, seconds, threads=count, connections=count, facts=facts)


def wrk(
    script: str,
    request: Request,
    seconds: float,
    *,
    threads: int,
    connections: int,
    facts: Mapping[str, object] | None = None,
) -> Measured:
    """Run a script of ``bench/lua``. ``facts`` are what it knows beside the request. Raises
    WrongAnswer.
    """
    known = {
        "method": request.method,
        "headers": dict(request.headers),
        "body": request.body,
        "good": request.good,
        "bodies": list(request.bodies),
    } | dict(facts or {})
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as told:
        told.write(f"facts = {_lua(known)}\n{(LUA / 'common.lua').read_text()}")
        told.write((LUA / f"{script}.lua").read_text())
        told.flush()
        words = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{max(1, round(seconds))}"]
        words += ["--timeout", "30", "--latency", "-s", told.name, request.url]
        out = subprocess.run(words, capture_output=True, text=True, check=False)
    return _read(out.stdout + out.stderr, script)


def _read(out: str, script: str) -> Measured:
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    times = {share: re.search(rf"{share}%\s+([\d.]+)(us|ms|s)\b", out) for share in (50, 99)}
    bad = "WRONG" in out or "Non-2xx" in out or "Socket errors" in out
    middle, high = times[50], times[99]
    if bad or rate is None or middle is None or high is None:
        raise WrongAnswer(f"not every answer was a success ({script}.lua)\n{out[-3000:].strip()}")
    p50, p99 = (float(found[1]) * _UNITS[found[2]] for found in (middle, high))
    return Measured(float(rate[1]), p50, p99)


def _lua(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"[{_lua(k)}] = {_lua(v)}" for k, v in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "{" + ", ".join(map(_lua, value)) + "}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    # JSON's escapes are Lua's, for what a measurement writes.
    return json.dumps(str(value))
