"""``make scale``: what an operation costs on 10,000, 1,000,000 and 10,000,000 members.

    python -m bench.scale [SIZE ...] [--on sqlite] [--folder F] [--keep] [--write]

Fills a PostgreSQL server of its own and SQLite files with members (an account each, and two
live sessions with their tokens and audit events), as far as the disk allows, then measures
denglu's own flows on all sizes in one run. Everything it made is removed, unless ``--keep``:
then the next run on the same folder fills nothing twice (its tokens are good for two hours
after they were used).
"""

import argparse
import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import uvloop

from bench import scale_postgres, scale_server, scale_sqlite
from bench.scale_blocks import pace, pages, round_trips, tidied, with_full_tally, with_history
from bench.scale_measure import block, measure
from bench.scale_report import Run, report, write
from bench.scale_sites import OPERATIONS, Site, open_site

SIZES = (10_000, 1_000_000, 10_000_000)
PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"
# Bytes a member takes, and what sorting the largest table takes besides; what stays free.
_BYTES = {"postgresql": 2500 + 400, "sqlite": 1400 + 400}
# Everything that is made is in a folder of this name, and nothing else is removed.
_FOLDER = "denglu-scale"
_RESERVE = 8 << 30
_PACE_SECONDS = 5.0


def main() -> None:
    """Fill, measure, print, clean up."""
    given = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with everything cleaned up
    load = os.getloadavg()[0]
    above = given.folder or Path(tempfile.mkdtemp(prefix="denglu-scale-"))
    folder = above / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for place in (folder,) if given.folder else (folder, above):
        place.chmod(0o711)  # the server's user must get through
    runs = []
    try:
        for kind in given.on:
            place = folder / kind
            runs.append(_RUNS[kind](place, given))
            if not given.keep:
                shutil.rmtree(place)
    finally:
        if not given.keep:
            shutil.rmtree(folder if given.folder else above, ignore_errors=True)
    words = shlex.join(["python", "-m", "bench.scale", *map(str, given.sizes)])
    text = report(runs, f"`{words}`, load {load:.1f} when it began")
    print("\n" + text)
    if given.write:
        write(text, PAGE)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", type=int, nargs="*", default=list(SIZES), metavar="SIZE")
    parser.add_argument("--on", choices=_RUNS, action="append")
    parser.add_argument("--folder", type=Path, help=f"{_FOLDER} is made in it; else in a temporary")
    parser.add_argument("--rounds", type=int, default=40, choices=range(2, 101), metavar="N")
    parser.add_argument("--block", type=int, default=25, choices=range(5, 101), metavar="N")
    parser.add_argument("--keep", action="store_true", help="leave the databases for the next run")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/scaling.md")
    given = parser.parse_args()
    given.on = given.on or list(_RUNS)
    given.sizes = sorted(set(given.sizes or SIZES))
    if given.sizes[0] < 1000:
        parser.error("1000 members at the least")
    if given.write and set(given.on) != set(_RUNS):
        parser.error("--write is for both databases")
    return given


def _run_postgres(place: Path, given: argparse.Namespace) -> Run:
    run = Run("postgresql", scale_server.version())
    server = scale_server.PrivatePostgres(place)
    with server.running(scale_server.FILLING, nice=19):
        there = asyncio.run(scale_postgres.filled(server))
        for size in _that_fit(run, place.parent, given.sizes, there):
            with _timed(run, place, size):
                if size not in there:
                    asyncio.run(scale_postgres.fill(server, size, int(time.time())))
            run.bytes[size] = asyncio.run(scale_postgres.sizes(server, size))
    with server.running(scale_server.operated()):
        uvloop.run(_measure(run, given, lambda n: scale_postgres.url_of(server, n)))
        for name in OPERATIONS:
            _say(f"{run.kind}: {name} by several processes")
            url, size = scale_postgres.url_of(server, max(run.bytes)), max(run.bytes)
            for processes in (1, 4):
                run.paces[name, processes] = pace(url, size, name, processes, _PACE_SECONDS)
    return run


def _run_sqlite(place: Path, given: argparse.Namespace) -> Run:
    run = Run("sqlite", scale_sqlite.version())
    place.mkdir(exist_ok=True)
    there = {size for size in given.sizes if scale_sqlite.path_of(place, size).exists()}
    for size in _that_fit(run, place, given.sizes, there):
        with _timed(run, place, size):
            if size not in there:
                scale_sqlite.fill(place, size, int(time.time()))
        run.bytes[size] = scale_sqlite.sizes(scale_sqlite.path_of(place, size))
    uvloop.run(_measure(run, given, lambda n: f"sqlite:///{scale_sqlite.path_of(place, n)}"))
    for name in OPERATIONS:
        _say(f"{run.kind}: {name}, several at once")
        url, size = f"sqlite:///{scale_sqlite.path_of(place, max(run.bytes))}", max(run.bytes)
        run.paces[name, 1] = pace(url, size, name, 1, _PACE_SECONDS)
    return run


_RUNS = {"postgresql": _run_postgres, "sqlite": _run_sqlite}


def _that_fit(run: Run, place: Path, sizes: list[int], there: set[int]) -> Iterator[int]:
    """The sizes that are there or find room; the others are noted and said."""
    for size in sizes:
        room = shutil.disk_usage(place).free - _RESERVE
        if size in there or size * _BYTES[run.kind] <= room:
            yield size
            continue
        need = size * _BYTES[run.kind] / (1 << 30)
        run.left_out.append(
            f"{size:,} members need {need:.0f} GiB, {room / (1 << 30):.0f} are free"
        )
        _say(f"{run.kind}: left out: {run.left_out[-1]}")
    if not run.bytes:
        raise SystemExit(f"{run.kind}: no size finds room; choose --folder")


@contextlib.contextmanager
def _timed(run: Run, place: Path, size: int) -> Iterator[None]:
    """How long filling takes, or took in an earlier run."""
    note = place.with_name(f"{place.name}.{size}.seconds")
    _say(f"{run.kind}: {size:,} members")
    started = time.monotonic()
    yield
    if not note.exists():
        note.write_text(str(time.monotonic() - started))
    run.filled[size] = float(note.read_text())


async def _measure(run: Run, given: argparse.Namespace, url_of: Callable[[int], str]) -> None:
    async with contextlib.AsyncExitStack() as stack:
        sites = [
            await stack.enter_async_context(open_site(run.kind, size, url_of(size)))
            for size in run.bytes
        ]
        _say(f"{run.kind}: measuring {', '.join(f'{site.size:,}' for site in sites)} members")
        run.costs = await measure(sites, given.rounds, given.block)
        if run.kind == "postgresql":
            await _measure_more(run, sites)


async def _measure_more(run: Run, sites: list[Site]) -> None:
    looked_at = " / ".join([f"{await pages(site):.0f}" for site in sites])
    run.notes.append(f"A token check looks at {looked_at} pages of 8 KiB (smallest to largest).")
    site = sites[-1]
    run.trips = await round_trips(site)
    run.notes.append(f"One server forgets {await tidied(site):,.0f} expired tallies a second.")
    run.extras = [
        ("login of a member with 10,000 ended sessions", await with_history(site, 10_000)),
        ("sms-code when the site has sent all day", await with_full_tally(site)),
        ("sms-code, the site's tally almost empty", await block(site, "sms-code", 50)),
    ]


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
