"""``make bench`` and ``make bench-quick``: denglu, its ceilings and its peers, in one run."""

import argparse
import asyncio
import shutil
import tempfile
import time
from pathlib import Path

from bench import report
from bench.contenders import INSTALLED, Allauth, BetterAuth, Contender, Denglu, FastapiUsers
from bench.figures import Figures
from bench.plan import Size, measure, prepare
from bench.scale_server import PrivatePostgres

_FULL, _QUICK = Size(4, 3), Size(2, 1)
_PAGE = Path(__file__).parents[1] / "docs/benchmark.md"
# Every message goes to a number of its own from an address of its own, told by a proxy.
_MANY_MESSAGES = {
    "DENGLU_TRUSTED_PROXIES": "127.0.0.1",
    "DENGLU_SMS_SITE_RATES": "1000000/24h",
}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three minutes; writes no page")
    parser.add_argument("--ours", action="store_true", help="denglu and its ceilings alone")
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed (Debian: apt install wrk)")
    if not given.ours and not INSTALLED.exists():
        raise SystemExit("the peers are not installed: `make bench` does it")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        figures = _measured(Path(name), _QUICK if given.quick else _FULL, alone=given.ours)
    minutes = (time.monotonic() - begun) / 60
    print("\n" + report.page(figures, minutes))
    if not given.quick and not given.ours:
        report.write(_PAGE, figures, minutes)


def _measured(folder: Path, size: Size, *, alone: bool) -> Figures:
    folder.chmod(0o755)  # PostgreSQL runs as somebody else
    with PrivatePostgres(folder / "postgres").running({}) as server:
        names = ["denglu", "fastapi_users", "allauth", "better_auth"]
        asyncio.run(_databases(server, names))
        file = folder / "sqlite" / "denglu.db"
        ours = [
            Denglu("denglu, SQLite", folder / "sqlite", f"sqlite:///{file}", _MANY_MESSAGES),
            Denglu("denglu, PostgreSQL", folder / "network", server.url("denglu"), _MANY_MESSAGES),
        ]
        peers: list[Contender] = [
            FastapiUsers(folder / "fastapi-users", server.url("fastapi_users")),
            Allauth(folder / "allauth", server.url("allauth")),
            BetterAuth(folder / "better-auth", server.url("better_auth")),
        ]
        if alone:
            peers = []
        prepare(ours, peers, size)
        raw = {ours[0].name: str(file), ours[1].name: server.url("denglu")}
        return measure(ours, peers, size, folder, raw)


async def _databases(server: PrivatePostgres, names: list[str]) -> None:
    import asyncpg

    admin = await asyncpg.connect(server.url())
    try:
        for name in names:
            await admin.execute(f"CREATE DATABASE {name}")
    finally:
        await admin.close()


if __name__ == "__main__":
    main()
