"""Measure denglu, its ceilings and its peers in one run, and hold the figures against the targets.

`make bench` and `make bench-quick` install what this needs, and call it. docs/benchmark.md says
what is measured.
"""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import asyncpg

from bench import codes, report, scale_server, theirs
from bench.contenders import Renewing
from bench.figures import Figures
from bench.load import WrongAnswer
from bench.ours import Denglu
from bench.plan import Cast, measure, prepare
from bench.run import Size
from bench.scale_server import PrivatePostgres
from bench.theirs import INSTALLED, PEERS, Allauth, BetterAuth, FastapiUsers

_FULL, _QUICK = Size(seconds=3, rounds=3), Size(seconds=2, rounds=1)
_PAGE = Path(__file__).parents[1] / "docs/benchmark.md"


def main() -> None:
    """Measure, print, write."""
    given = _given()
    _refuse_without_programs(alone=given.ours)
    # Whoever ends this ends all that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    figures, begun = Figures(_versions(alone=given.ours)), time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as name:
            _measure(Path(name), _QUICK if given.quick else _FULL, figures, alone=given.ours)
    except KeyboardInterrupt:
        raise SystemExit("interrupted: nothing was written") from None
    except WrongAnswer as wrong:
        raise SystemExit(str(wrong)) from None
    minutes = (time.monotonic() - begun) / 60
    print("\n" + report.page(figures, minutes))
    if given.write or not (given.quick or given.ours):
        report.write(_PAGE, figures, minutes)


def _given() -> argparse.Namespace:
    kind = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m bench", description=__doc__, formatter_class=kind)
    parser.add_argument(
        "--quick", action="store_true", help="each figure once: three minutes, not ten"
    )
    parser.add_argument("--ours", action="store_true", help="denglu and its ceilings, no peers")
    parser.add_argument(
        "--write",
        action="store_true",
        help="write docs/benchmark.md and its plot, as a full run does anyhow",
    )
    return parser.parse_args()


def _refuse_without_programs(*, alone: bool) -> None:
    """What `make bench` installs where it may. PostgreSQL refuses by itself."""
    needed = {"wrk": "wrk"} if alone else {"wrk": "wrk", "node": "nodejs"}
    for program, package in needed.items():
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is not installed (Debian: apt install {package})")
    installed = INSTALLED.exists() and (PEERS / "better_auth/node_modules").exists()
    if not alone and not installed:
        raise SystemExit("the peers are not installed: `make bench` does it; --ours needs none")


def _versions(*, alone: bool) -> str:
    return ", ".join([scale_server.version(), *([] if alone else theirs.versions())])


def _measure(folder: Path, size: Size, figures: Figures, *, alone: bool) -> None:
    folder.chmod(0o755)  # PostgreSQL runs as somebody else
    with PrivatePostgres(folder / "postgres").running({}) as server:
        asyncio.run(_databases(server, "denglu", "fastapi_users", "allauth", "better_auth"))
        cast = _cast(folder, server, alone=alone)
        prepare(cast, size)
        measure(cast, size, folder, figures)


async def _databases(server: PrivatePostgres, *names: str) -> None:
    admin = await asyncpg.connect(server.url())
    try:
        for name in names:
            await admin.execute(f"CREATE DATABASE {name}")
    finally:
        await admin.close()


def _cast(folder: Path, server: PrivatePostgres, *, alone: bool) -> Cast:
    file, url = folder / "sqlite" / "denglu.db", server.url("denglu")
    ours = [
        Denglu("denglu, SQLite", folder / "sqlite", f"sqlite:///{file}", codes.SETTINGS),
        Denglu("denglu, PostgreSQL", folder / "network", url, codes.SETTINGS),
    ]
    raw = {ours[0].name: str(file), ours[1].name: url}
    if alone:
        return Cast(ours, [], [], raw)
    allauth = folder / "allauth", server.url("allauth")
    better = folder / "better-auth", server.url("better_auth")
    fastapi = FastapiUsers(folder / "fastapi-users", server.url("fastapi_users"))
    renewing: list[Renewing] = [
        Allauth(*allauth, strategy="jwt"),
        BetterAuth(*better, update_age="0"),
    ]
    return Cast(ours, [fastapi, Allauth(*allauth), BetterAuth(*better)], renewing, raw)


if __name__ == "__main__":
    main()
