"""An export holds every value exactly, of one instant, whatever the database and the format."""

import asyncio
import csv
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from denglu import __version__
from denglu.exporting import export as exporting
from denglu.exporting.tables import Exported, Kind, exported
from denglu.moving.side import MovingTrouble
from denglu.store.migrate import HEAD
from denglu.store.migrate.revisions import COPY_NOTE
from denglu.store.rows import HUNDREDTHS
from tests.exporting.conftest import NOW, Export
from tests.exporting.reading import read
from tests.moving.conftest import Empty
from tests.moving.places import Place, fill

FORMS = ("jsonl", "csv")


def stored(place: Place, each: Exported) -> list[dict[str, Any]]:
    """The rows of the database, past everything of ours."""
    names = ", ".join(column.name for column in each.columns)
    rows = place.sql(f"SELECT {names} FROM {each.table.name} ORDER BY {each.key.name}")
    return [dict(zip((c.name for c in each.columns), row, strict=True)) for row in rows]


def in_hundredths(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Decimals as the database holds them; each must have two digits after its point."""
    for row in rows:
        for name in row.keys() & HUNDREDTHS:
            assert re.fullmatch(r"-?(0|[1-9][0-9]*)\.[0-9]{2}", str(row[name]))
            row[name] = int(Decimal(row[name]).scaleb(2))
    return rows


@pytest.mark.parametrize("form", FORMS)
def test_every_value_comes_back_exactly(filled: Place, export: Export, form: str) -> None:
    report = export(filled, form, with_hashes=True)
    for each in exported(with_hashes=True):
        rows = in_hundredths(read(report.folder / f"{each.name}.{form}"))
        assert rows == stored(filled, each)
        assert report.files[f"{each.name}.{form}"] == len(rows) == 7


def test_many_batches_are_as_good_as_one(
    filled: Place, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "BATCH", 3)
    told: list[tuple[str, int, int]] = []
    report = export(filled, progress=lambda *said: told.append(said))
    for each in exported(with_hashes=False):
        assert in_hundredths(read(report.folder / f"{each.name}.jsonl")) == stored(filled, each)
    assert [said for said in told if said[0] == "members"] == [
        ("members", done, 7) for done in (0, 3, 6, 7)
    ]


def test_what_is_written_meanwhile_is_not_in_it_and_nobody_waits(
    filled: Place, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "BATCH", 3)
    if filled.url.startswith("sqlite"):
        filled.sql("PRAGMA journal_mode = WAL")  # as every server makes it
    before = {each.name: stored(filled, each) for each in exported(with_hashes=False)}

    def meddle(name: str, done: int, total: int) -> None:
        if (name, done) == ("members", 3):
            filled.sql("UPDATE member SET nickname = 'new', visit_count = 5")
            filled.sql("UPDATE member_account SET user_money = 1")
            filled.sql("DELETE FROM member WHERE id > 15")
            filled.sql("DELETE FROM merchant")

    report = export(filled, progress=meddle)
    for each in exported(with_hashes=False):
        rows = in_hundredths(read(report.folder / f"{each.name}.jsonl"))
        assert rows == before[each.name]
    assert filled.sql("SELECT count(*) FROM merchant") == [(0,)]


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_database_has_the_first_level_and_nothing_else(
    source: Place, export: Export, form: str
) -> None:
    report = export(source, form)
    assert {name: rows for name, rows in report.files.items() if rows} == {f"levels.{form}": 1}
    [level] = read(report.folder / f"levels.{form}")
    assert (level["name"], str(level["discount"])) == ("普通会员", "10.00")
    assert read(report.folder / f"members.{form}") == []


def test_postgresql_reads_the_csv_back_as_it_was(
    source: Place, empty: Empty, export: Export
) -> None:
    """With COPY … CSV, which tells an empty text from none by its quotation marks."""
    fill(source, 7)
    report = export(source, "csv", with_hashes=True)
    place = empty("postgresql")
    for each in exported(with_hashes=True):
        kinds = {Kind.whole: "bigint", Kind.exact: "numeric", Kind.text: "text"}
        columns = ", ".join(
            f"{column.name} {kinds[kind]}"
            for column, kind in zip(each.columns, each.kinds, strict=True)
        )
        place.sql(f"CREATE TABLE {each.name} ({columns})")
        asyncio.run(_copy_in(place.url, each.name, report.folder / f"{each.name}.csv"))
        key = each.key.name
        names = [column.name for column in each.columns]
        rows = place.sql(f"SELECT * FROM {each.name} ORDER BY {key}")
        back = [dict(zip(names, row, strict=True)) for row in rows]
        assert in_hundredths(back) == stored(source, each)


async def _copy_in(url: str, table: str, path: Path) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.copy_to_table(table, source=path, format="csv", header=True)
    finally:
        await connection.close()


def test_python_reads_the_csv_too(filled: Place, export: Export) -> None:
    report = export(filled, "csv")
    path = report.folder / "members.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = [{k: "" if v is None else str(v) for k, v in row.items()} for row in read(path)]
    assert rows == texts


@pytest.mark.parametrize("form", FORMS)
def test_nothing_secret_is_in_it_unless_it_is_asked_for(
    filled: Place, export: Export, form: str
) -> None:
    canary = "$argon2id$canary"
    filled.sql(f"UPDATE member SET password_hash = '{canary}'")
    without = export(filled, form)
    assert all(canary not in path.read_text("utf-8") for path in without.folder.iterdir())
    asked = export(filled, form, name="with", with_hashes=True)
    rows = read(asked.folder / f"members.{form}")
    assert {row["password_hash"] for row in rows} == {canary}
    assert (asked.folder / f"members.{form}").read_text("utf-8").count(canary) == 7


def test_it_says_what_it_is(filled: Place, export: Export) -> None:
    report = export(filled)
    about = json.loads((report.folder / "export.json").read_text())
    files = {f"{each.name}.jsonl": 7 for each in exported(with_hashes=False)}
    assert about == {"denglu": __version__, "revision": HEAD, "made_at": NOW, "rows": files}
    assert {path.name for path in report.folder.iterdir()} == {*files, "export.json"}


def test_half_a_copy_is_not_exported(source: Place, export: Export, tmp_path: Path) -> None:
    source.sql(f"CREATE TABLE {COPY_NOTE} (source TEXT, begun_at INTEGER)")
    source.sql(f"INSERT INTO {COPY_NOTE} VALUES ('another', 1)")
    with pytest.raises(MovingTrouble, match="a copy of another that is not done"):
        export(source)
    assert not list(tmp_path.glob("out*"))


def test_a_database_at_another_revision_is_not_exported(source: Place, export: Export) -> None:
    source.sql("UPDATE alembic_version SET version_num = '0004'")
    with pytest.raises(MovingTrouble, match="denglu migrate"):
        export(source)
