"""What is measured, in which order: every contender is served at once and idle until its turn."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from bench import ceilings, members, processes
from bench.contenders import JSON, MEMBERS, PASSWORD, Contender, Denglu, call, served
from bench.figures import Figures
from bench.load import Measured, Request, repeated, wrk
from bench.paced import paced

BARE, HASH, STATEMENTS = "bare server", "bare hash", "bare statements"
LOGINS, CHECKS, CHAINS = 16, 32, MEMBERS
_STORM_RATE = 50
_MOBILES = 5000
_GOOD = '"code":200'


@dataclass(frozen=True)
class Size:
    """How long: seconds of a figure, and how often each is taken."""

    seconds: int
    rounds: int


@dataclass
class Run:
    """A run under way. ``ours``: denglu, with the raw ceiling of its refreshes."""

    size: Size
    folder: Path
    figures: Figures
    ports: dict[str, int]
    processes: dict[str, "Popen[bytes]"]

    def port(self, who: Contender) -> int:
        return self.ports[who.name]


def prepare(ours: list[Denglu], peers: list[Contender], size: Size) -> None:
    """Tables and members for everybody."""
    for each in (*ours, *peers):
        print(f"preparing {each.name}", flush=True)
        each.folder.mkdir(parents=True, exist_ok=True)
        each.prepare()
    for each in ours:
        amount = _MOBILES * size.rounds
        members.fill({**each.environ}, each.folder, PASSWORD, CHAINS, amount)


def starts(ours: list[Denglu], peers: list[Contender], figures: Figures, rounds: int) -> None:
    """From the start of a process to its first answer; how much memory it then has."""
    for number in range(rounds):
        for each in (*ours, *(peers if number == 0 else ())):
            port, log = processes.free_port(), each.folder / "starts.log"
            words, cwd = each.words(port), each.folder
            with processes.running(words, cwd=cwd, environ=each.environ, log=log) as process:
                seconds = processes.first_answer(each.knock(port), process, log)
                figures.note("start, s", each.name, seconds)
                time.sleep(1)
                figures.note("idle memory, MiB", each.name, processes.memory(process.pid))


def measure(
    ours: list[Denglu], peers: list[Contender], size: Size, folder: Path, urls: dict[str, str]
) -> Figures:
    """All figures. ``urls``: the raw database below each denglu."""
    figures = Figures()
    starts(ours, peers, figures, size.rounds)
    with ExitStack() as stack:
        everybody: list[Contender] = [*ours, *peers]
        ports = {each.name: processes.free_port() for each in everybody}
        running = {
            each.name: stack.enter_context(served(each, ports[each.name])) for each in everybody
        }
        run = Run(size, folder, figures, ports, running)
        _checks(run, ours, peers, stack)
        _logins(run, everybody)
        _refreshes(run, ours, urls)
        _codes(run, ours)
        _mixed(run, ours)
        _storms(run, everybody)
        for each in everybody:
            figures.note("peak memory, MiB", each.name, processes.peak(running[each.name].pid))
    return figures


def _checks(run: Run, ours: list[Denglu], peers: list[Contender], stack: ExitStack) -> None:
    seconds, rounds = run.size.seconds, run.size.rounds
    checks = {each.name: each.check(run.port(each)) for each in (*ours, *peers)}
    body = json.dumps(call(checks[ours[0].name])[0], ensure_ascii=False, separators=(",", ":"))
    bare = stack.enter_context(ceilings.bare_server(body.encode(), run.folder))
    checks[BARE] = Request(bare, good=_GOOD)
    run.figures.take("check", rounds, **_each(checks, seconds, CHECKS))
    verified = {each.name: each.verify(run.port(each)) for each in ours}
    run.figures.take("verify", rounds, **_each(verified, seconds, CHECKS))


def _logins(run: Run, everybody: list[Contender]) -> None:
    seconds, rounds = run.size.seconds, run.size.rounds
    logins = {each.name: each.login(run.port(each)) for each in everybody}
    measures = _each(logins, seconds, LOGINS)
    measures[HASH] = lambda: Measured(ceilings.hashes(seconds), 0, 0)
    run.figures.take("login", rounds, **measures)


def _each(
    requests: dict[str, Request], seconds: int, connections: int
) -> dict[str, Callable[[], Measured]]:
    return {
        name: lambda request=request: repeated(request, seconds, connections)  # type: ignore[misc]
        for name, request in requests.items()
    }


def _refreshes(run: Run, ours: list[Denglu], urls: dict[str, str]) -> None:
    seconds = run.size.seconds
    measures: dict[str, Callable[[], Measured]] = {}
    for each in ours:

        def chained(each: Denglu = each) -> Measured:
            port = run.port(each)
            tokens = [each.tokens(port, f"bench{n}")[1] for n in range(1, CHAINS + 1)]
            request = Request(f"http://127.0.0.1:{port}/v1/site/refresh", "POST", JSON, good=_GOOD)
            facts = {"tokens": tokens, "group": "pc"}
            return wrk("chained", request, seconds, threads=CHAINS, connections=CHAINS, facts=facts)

        def bare(each: Denglu = each) -> Measured:
            url = urls[each.name]
            if url.startswith("postgresql"):
                return Measured(ceilings.refreshes_postgres(url, seconds, CHAINS), 0, 0)
            return Measured(ceilings.refreshes_sqlite(Path(url), seconds, CHAINS), 0, 0)

        measures[each.name] = chained
        measures[f"{STATEMENTS}, {each.name}"] = bare
    run.figures.take("refresh", run.size.rounds, **measures)


def _codes(run: Run, ours: list[Denglu]) -> None:
    """First numbers without a member; then members', who log in with what they were sent."""
    seconds = run.size.seconds
    serial = iter(range(0, 10**6, 20_000))
    blocks = iter(range(run.size.rounds * len(ours)))

    def strangers(each: Denglu) -> Measured:
        first = next(serial)
        numbers = [f"13{n % 90000:05d}{n // 90000:04d}" for n in range(first, first + 20_000)]
        return _listed(run, each, "sms-code", [_asked(n) for n in numbers], first, seconds)

    def members_of(each: Denglu) -> Measured:
        block = next(blocks) // len(ours)
        numbers = [members.mobile(block * _MOBILES + n) for n in range(_MOBILES)]
        outbox = each.folder / "outbox"
        start = outbox.stat().st_size
        _ask_all(each, run.port(each), numbers)
        with outbox.open() as lines:
            lines.seek(start)
            sent = {line["mobile"]: line["code"] for line in map(json.loads, lines)}
        bodies = [
            json.dumps({"mobile": number, "code": sent[number], "group": "h5"})
            for number in numbers
        ]
        return _listed(run, each, "mobile-login", bodies, 0, min(2, seconds))

    run.figures.take(
        "sms-code", run.size.rounds, **{e.name: lambda e=e: strangers(e) for e in ours}
    )
    run.figures.take(
        "mobile-login", run.size.rounds, **{e.name: lambda e=e: members_of(e) for e in ours}
    )


def _asked(number: str) -> str:
    return json.dumps({"mobile": number, "usage": "login"})


def _address(serial: int) -> str:
    return f"10.{serial // 250 % 250}.{serial % 250}.7"


def _listed(
    run: Run, each: Denglu, what: str, bodies: list[str], first: int, seconds: int
) -> Measured:
    file = run.folder / "list"
    lines = (f"{_address(first + n)}\t{body}\n" for n, body in enumerate(bodies))
    file.write_text("".join(lines))
    url = f"http://127.0.0.1:{run.port(each)}/v1/site/{what}"
    request = Request(url, "POST", JSON, good=_GOOD)
    facts = {"file": str(file), "threads": CHAINS}
    return wrk("listed", request, seconds, threads=CHAINS, connections=CHAINS, facts=facts)


def _ask_all(each: Denglu, port: int, numbers: list[str]) -> None:
    """A code for each number: not measured, so a few threads will do."""
    url = f"http://127.0.0.1:{port}/v1/site/sms-code"

    def ask(part: int) -> None:
        for serial in range(part, len(numbers), 16):
            headers = {**JSON, "X-Forwarded-For": _address(30_000 + serial)}
            call(Request(url, "POST", headers, _asked(numbers[serial])))

    asking = [threading.Thread(target=ask, args=(part,)) for part in range(16)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()


def _mixed(run: Run, ours: list[Denglu]) -> None:
    firsts = iter(range(500_000, 10**7, 60_000))

    def mixed(each: Denglu) -> Measured:
        port = run.port(each)
        pairs = [each.tokens(port, f"bench{n}") for n in range(1, CHAINS + 1)]
        facts = {
            "access": [access for access, _ in pairs],
            "refresh": [refresh for _, refresh in pairs],
            "logins": list(each.login(port).bodies),
            "first": next(firsts),
        }
        request = Request(f"http://127.0.0.1:{port}", good=_GOOD)
        return wrk(
            "mixed", request, run.size.seconds, threads=CHAINS, connections=CHAINS, facts=facts
        )

    run.figures.take("mix", run.size.rounds, **{e.name: lambda e=e: mixed(e) for e in ours})
    for each in ours:
        pid = run.processes[each.name].pid
        run.figures.note("memory after the mix, MiB", each.name, processes.memory(pid))


def _storms(run: Run, everybody: list[Contender]) -> None:
    """Checks at a fixed rate while logins want everything the machine has."""

    def storm(each: Contender) -> Measured:
        port, seconds = run.port(each), run.size.seconds
        check, login = each.check(port), each.login(port)
        found: list[Measured] = []
        flood = threading.Thread(target=lambda: found.append(repeated(login, seconds + 2, LOGINS)))
        flood.start()
        time.sleep(1)
        measured = paced(check, seconds, _STORM_RATE)
        flood.join()
        run.figures.measured.setdefault("logins in the storm", {}).setdefault(each.name, []).append(
            found[0]
        )
        return measured

    run.figures.take("storm", run.size.rounds, **{e.name: lambda e=e: storm(e) for e in everybody})
