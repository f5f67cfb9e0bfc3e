"""An import as operators run it: the command beside a server, and what is in the target after."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table

from denglu.store.schema import account, level, member, member_auth, metadata, tally
from tests.battery.harness import Server
from tests.importing.expectation import Expectation, Live
from tests.importing.people import Row
from tests.importing.rageframe import Rageframe
from tests.servers.mariadb import MariadbServer
from tests.servers.process import HOST
from tests.servers.shell import Shell

# Where apps of RageFrame and of its shop call.
MOUNTS = ("/api", "/api/tiny-shop", "/tiny-shop")
_SECONDS = 600


@dataclass
class Move:
    """A RageFrame, and the denglu that takes over from it."""

    source: Rageframe
    server: Server

    def start_import(self, *words: str) -> "subprocess.Popen[str]":
        """``denglu import rageframe`` as somebody who may only read the source."""
        return subprocess.Popen(
            [sys.executable, "-m", "denglu", "import", "rageframe", self.source.url, *words],
            env=self.server.environ(),
            cwd=self.server.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run_import(self, *words: str) -> "Imported":
        """The same, to its end, which is a good one."""
        started = time.perf_counter()
        process = self.start_import("--json", *words)
        out, err = process.communicate(timeout=_SECONDS)
        assert process.returncode == 0, err or out
        return Imported(json.loads(out), time.perf_counter() - started)

    def rows(self, table: Table) -> list[Row]:
        """What is in one of our tables."""
        names = [column.name for column in table.columns]
        found = self.server.rows(f"select {', '.join(names)} from {table.name}")
        return [dict(zip(names, row, strict=True)) for row in found]

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every value of every table that an import writes, in no order that means anything."""
        return {
            table.name: sorted(map(_comparable, self.server.rows(f"select * from {table.name}")))
            for table in metadata.sorted_tables
            if table is not tally  # a server is counting
        }

    def sessions(self) -> list[Live]:
        """Live sessions that have the tokens which they came with."""
        found = self.server.rows(
            "select s.member_id, s.member_type, s.merchant_id, s.client_group, a.digest, r.digest,"
            " s.access_expires_at, s.refresh_expires_at from session s"
            " join session_token a on a.session_id = s.id and a.generation = 1 and a.kind = 1"
            " join session_token r on r.session_id = s.id and r.generation = 1 and r.kind = 2"
            " where s.slot is not null and s.generation = 1"
        )
        return [Live(*row) for row in found]

    def check(self, expected: Expectation) -> None:
        """The target holds what it must: every row, and every value of it."""
        levels = {(row["merchant_id"], row["level"]): row for row in self.rows(level)}
        accounts = {row["member_id"]: row for row in self.rows(account)}
        assert _differences(_by_id(self.rows(member)), expected.members) == []
        assert _differences(accounts, expected.accounts) == []
        assert _differences(_by_id(self.rows(member_auth)), expected.bindings) == []
        assert _differences(levels, expected.levels) == []
        sessions = self.sessions()
        assert len(sessions) == len(expected.sessions)
        assert set(sessions) == expected.sessions


@dataclass
class Imported:
    """What the command printed, and how long it took."""

    report: dict[str, Any]
    seconds: float

    @property
    def changed_nothing(self) -> bool:
        """Whether there was nothing to bring."""
        counts = ("new", "changed", "gone")
        return not any(table[count] for table in self.report["tables"] for count in counts)


def _comparable(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple((value is not None, str(value)) for value in row)


def _by_id(rows: list[Row]) -> dict[int, Row]:
    return {row["id"]: row for row in rows}


def _differences(
    found: Mapping[Any, Row], expected: Mapping[Any, Row]
) -> list[tuple[Any, str, Any, Any]]:
    """The first few: which row, which column, what is there, what should be."""
    assert sorted(found.keys() ^ expected.keys())[:5] == []
    differences = [
        (key, name, found[key][name], value)
        for key, row in expected.items()
        for name, value in row.items()
        if found[key][name] != value
    ]
    return differences[:5]


@contextmanager
def rageframe_on(server: MariadbServer, *, version: int = 3) -> Iterator[Rageframe]:
    """A new, empty database, whose URL is that of somebody who may only read."""
    url = server.create_database()
    name = url.rpartition("/")[2]
    reader = f"shop_reader@'{HOST}'"
    server.admin(f"CREATE USER IF NOT EXISTS {reader}; GRANT SELECT ON {name}.* TO {reader}")
    with closing(Shell(url)) as shell:
        yield Rageframe(server, url.replace("//denglu@", "//shop_reader@"), shell, version)
    server.drop_database(url)
