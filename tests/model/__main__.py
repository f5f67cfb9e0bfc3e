"""Many stories on every database: for a release, or for a night.

    python -m tests.model                           20,000 examples, most of them on SQLite
    python -m tests.model --minutes 60              as many as an hour takes
    python -m tests.model --on postgresql --seed 7 --examples 10

Stretches of examples take turns, each with a new server on a new database: an
SQLite file; PostgreSQL and MariaDB with two workers and a Redis that sometimes dies.
"""

import argparse
import contextlib
import itertools
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.model.house import House, at_home
from tests.model.running import EXAMPLES, run_round
from tests.servers.mariadb import MariadbServer
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer

# Those take longer: what one process did is known to the other one only after 300 ms.
_STRETCH = {"sqlite": 500, "postgresql": 50, "mysql": 50}
# In so many rounds one is about one mobile at two merchants.
_NAMESAKES = 4
_TURNS = ("sqlite", "postgresql", "sqlite", "mysql")


@contextlib.contextmanager
def housed(kind: str) -> Iterator[House]:
    """A house on a new database of this kind."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="denglu-model-")))
        if kind == "sqlite":
            yield stack.enter_context(at_home(folder, has_merchant=True))
            return
        database: PostgresServer | MariadbServer
        database = PostgresServer() if kind == "postgresql" else MariadbServer()
        stack.enter_context(database)
        redis = stack.enter_context(RedisServer())
        url, key = database.create_database(), secrets.token_hex(32)
        yield stack.enter_context(
            at_home(folder, redis, workers=2, has_merchant=True, database_url=url, secret_key=key)
        )


def main() -> int:
    """Run until all examples are done or the time is over; 1 where a promise was broken."""
    asked = _asked()
    seeds, done = itertools.count(asked.seed), Counter[str]()
    until = time.monotonic() + asked.minutes * 60
    turns = itertools.cycle([kind for kind in _TURNS if kind in asked.on])
    _say(f"seed {asked.seed}")
    while done.total() < asked.examples and time.monotonic() < until:
        kind = next(turns)
        begun, before = time.monotonic(), done[kind]
        with housed(kind) as house:
            while (
                done[kind] - before < _STRETCH[kind]
                and done.total() < asked.examples
                and time.monotonic() < until
            ):
                seed = next(seeds)
                run_round(house, seed, namesakes=seed % _NAMESAKES == 0)
                done[kind] += EXAMPLES
            took = (time.monotonic() - begun) / (done[kind] - before)
            requests = f"{house.said.total()} requests, {house.stalls} examples given up"
        _say(f"{kind}: {done[kind] - before} examples, {requests}, {took:.2f} s each")
    told = ", ".join(f"{many} on {kind}" for kind, many in done.items())
    _say(f"{done.total()} examples ({told}): every promise was kept")
    return 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.model")
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=24 * 60)
    parser.add_argument("--on", nargs="+", choices=sorted(set(_TURNS)), default=sorted(_TURNS))
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9))
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
