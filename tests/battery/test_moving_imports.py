"""The import of a shop by itself: killed and started again, large, and of the version before
(rows V).
"""

from pathlib import Path

import pytest

from tests.battery.conftest import DatabaseFor, Record
from tests.battery.moved import brought, check_sums, denglu_in, filled, tell_speed
from tests.importing.moving_in import Move
from tests.servers.mariadb import MariadbServer

# More than what is brought at a time.
_TWO_BATCHES = (5_000, 500)
_WHOLE = (100_000, 20_000)


def test_V05_an_import_that_is_killed_goes_on_and_another_changes_nothing(
    kind: str,
    tmp_path: Path,
    mariadb_server: MariadbServer,
    database_for: DatabaseFor,
    record: Record,
) -> None:
    with filled(mariadb_server, *_TWO_BATCHES) as there:
        move = Move(there.source, denglu_in(tmp_path, database_for(kind)))
        before = move.everything()
        move.run_import("--dry-run")
        assert move.everything() == before
        kills = [_killed_at(move, table) for table in ("member", "member_account", "session")]
        move.run_import()
        move.check(there.expected)
        after = move.everything()
        again = move.run_import()
        assert again.changed_nothing
        assert move.everything() == after
        move.server.close()
    record("V05", tried=f"kill -9 in the middle of {sum(kills)} imports into {kind}, then again",
           figure=f"all there once; another run changes nothing, in {again.seconds:.1f} s",
    )  # fmt: skip


def _killed_at(move: Move, table: str) -> bool:
    """Kill an import as soon as there are rows in a table."""
    process = move.start_import()
    rows = int(move.server.rows(f"select count(*) from {table}")[0][0])
    while process.poll() is None:
        if int(move.server.rows(f"select count(*) from {table}")[0][0]) > rows:
            process.kill()
            break
    was_killed = process.wait() < 0
    process.communicate()
    return was_killed


@pytest.mark.release
def test_V01_a_hundred_thousand_members(
    kind: str,
    tmp_path: Path,
    mariadb_server: MariadbServer,
    database_for: DatabaseFor,
    record: Record,
) -> None:
    with filled(mariadb_server, *_WHOLE) as there:
        moved = brought(there, denglu_in(tmp_path, database_for(kind)))
        moved.move.check(moved.expected)
        check_sums(moved)
        tell_speed(moved, record)
        before = moved.move.everything()
        assert moved.move.run_import().changed_nothing
        assert moved.move.everything() == before
        moved.server.close()


def test_V01_version_two_is_brought_as_well(
    tmp_path: Path, mariadb_server: MariadbServer, database_for: DatabaseFor
) -> None:
    with filled(mariadb_server, 2_000, 400, version=2) as there:
        moved = brought(there, denglu_in(tmp_path, database_for("sqlite")))
        moved.move.check(moved.expected)
