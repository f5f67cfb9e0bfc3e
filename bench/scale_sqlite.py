"""An SQLite file of the measurement's own, and how it is filled."""

import contextlib
import hashlib
import os
from pathlib import Path

import apsw

from bench.scale_data import Keyring, Words, rows_of
from denglu.store.migrate import migrate

WORDS = Words(
    series="WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count})"
    " SELECT n FROM c",
    digest="sha256({text})",
    nonce="md5({text})",
    last=" ORDER BY digest",
)
# In two goes, each in the order of the keys: pages end up with room in them, as in a file that
# is lived in. One go would pack them, and every page's first change would split it.
_GOES = ("n % 8 < 5", "n % 8 >= 5")
# KiB of pages in memory while the file is filled: the keys come in no order.
_CACHE = 3_000_000


def version() -> str:
    """The library's version."""
    return f"SQLite {apsw.sqlite_lib_version()}"


def path_of(folder: Path, size: int) -> Path:
    """The file of so many members."""
    return folder / f"{size}.db"


def fill(folder: Path, size: int, now: int) -> None:
    """Make and fill a file, with every safety off: it gets its name when it is whole."""
    begun = folder / f"{size}.begun"
    begun.unlink(missing_ok=True)
    migrate(begun)
    os.environ["SQLITE_TMPDIR"] = str(folder)  # what is sorted finds its room here, too
    _fill(begun, size, now)
    begun.rename(path_of(folder, size))


def _fill(path: Path, size: int, now: int) -> None:
    with contextlib.closing(apsw.Connection(str(path))) as db:
        db.create_scalar_function("sha256", _sha256, 1, deterministic=True)
        db.create_scalar_function("md5", _md5, 1, deterministic=True)
        for pragma in (
            "journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE",
            f"cache_size = -{min(_CACHE, 64_000 + size // 2)}", "threads = 0",
        ):  # fmt: skip
            db.execute(f"PRAGMA {pragma}").fetchall()
        goes = [rows_of(WORDS, size, now, only) for only in _GOES]
        for table in goes[0]:
            with db:
                _fill_table(db, table, [go[table] for go in goes], size)


def _fill_table(db: apsw.Connection, table: str, inserts: list[str], size: int) -> None:
    """Plain indexes are made after the rows; unique keys are part of the table."""
    indexes = db.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ?"
        " AND sql IS NOT NULL",
        (table,),
    ).fetchall()
    for name, _ in indexes:
        db.execute(f"DROP INDEX {name}")
    for insert in inserts:
        db.execute(insert)
    if table == "session_token":
        db.executemany(
            "INSERT INTO session_token (digest, session_id, member_id, generation, kind)"
            " VALUES (?, ?, ?, ?, ?)",
            ((t.digest, t.session_id, t.member_id, t.generation, t.kind)
             for t in Keyring().rows(size)),
        )  # fmt: skip
    for _, definition in indexes:
        db.execute(str(definition))


def sizes(path: Path) -> dict[str, int]:
    """Bytes of every table and index."""
    with contextlib.closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        found = db.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").fetchall()
    return {str(name): int(str(size)) for name, size in found}


def _sha256(*texts: object) -> bytes:
    return hashlib.sha256(str(texts[0]).encode()).digest()


def _md5(*texts: object) -> bytes:
    return hashlib.md5(str(texts[0]).encode(), usedforsecurity=False).digest()
