"""A copy holds every value of every table, whichever way it goes."""

import apsw
import pytest
from sqlalchemy import Table

from denglu.domain.spend import Kind
from denglu.moving import copying
from denglu.moving.copying import tables
from denglu.store.schema import import_mark, metadata, sms_spend
from tests.moving.conftest import Empty
from tests.moving.places import Place, copy, fill, row_of


def test_every_table_and_every_column_is_moved(source: Place) -> None:
    there = {
        name: [row[1] for row in source.sql(f"PRAGMA table_info({name})")]
        for (name,) in source.sql("SELECT name FROM sqlite_master WHERE type = 'table'")
        if name not in ("alembic_version", "schema_note")
    }
    assert there == {table.name: [c.name for c in table.columns] for table in tables()}


def test_every_value_survives(source: Place, target: Place) -> None:
    fill(source, 7)
    report = copy(source, target)
    assert report.same
    assert target.everything() == source.everything()
    assert {table.table: table.rows for table in report.compared} == {
        table.name: (7, 7) for table in tables()
    }


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("postgresql", "sqlite"),
        ("postgresql", "mysql"),
        ("mysql", "sqlite"),
        ("mysql", "postgresql"),
    ],
)
def test_a_copy_can_go_on_to_any_other_kind_and_back(
    source: Place, empty: Empty, first: str, last: str
) -> None:
    fill(source, 7)
    middle, end = empty(first), empty(last)
    there, back = copy(source, middle), copy(middle, end)
    assert end.everything() == source.everything()
    assert [t.checksums for t in there.compared] == [t.checksums for t in back.compared]


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_an_account_gets_its_member_s_id_whatever_id_it_had(
    source: Place, empty: Empty, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "BATCH", 3)
    fill(source, 7)
    middle, end = empty(kind), empty("sqlite")
    copy(source, middle)
    # As after registrations that were undone: there the ids of members run ahead.
    middle.sql("UPDATE member_account SET id = 1000 - id")
    assert copy(middle, end).same
    assert end.everything() == source.everything()


def test_many_batches_are_as_good_as_one(
    source: Place, target: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "BATCH", 5)
    fill(source, 23)
    assert copy(source, target).same
    assert target.everything() == source.everything()


def test_an_empty_database_is_copied_with_the_level_that_it_has(
    source: Place, target: Place
) -> None:
    source.sql("UPDATE member_level SET created_at = 7")
    assert copy(source, target).same
    assert target.sql("SELECT id, name, created_at FROM member_level") == [(1, "普通会员", 7)]


@pytest.mark.parametrize("rows", [0, 4])
def test_new_ids_follow_those_that_were_copied(
    source: Place, network_target: Place, rows: int
) -> None:
    fill(source, rows)
    copy(source, network_target)
    for table in tables():
        if "id" in table.columns:
            _insert_without_id(network_target, table)
            ((newest,),) = network_target.sql(f"SELECT max(id) FROM {table.name}")
            assert rows * 3 < newest <= rows * 3 + 2, table.name


def _insert_without_id(place: Place, table: Table) -> None:
    names = [column.name for column in table.columns if column.name != "id"]
    marks = ", ".join("?" * len(names))
    text = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"
    place.sql(text, *row_of(table, 1000)[1:])


def test_the_note_of_a_copy_is_gone_when_it_is_done(source: Place, target: Place) -> None:
    copy(source, target)
    for place in (source, target):
        with pytest.raises(Exception, match=r"(?i)denglu_copy"):
            place.sql("SELECT * FROM denglu_copy")


def test_the_source_is_left_as_it_was_and_free(source: Place, target: Place) -> None:
    fill(source, 3)
    before = source.everything()
    copy(source, target)
    assert source.everything() == before
    with apsw.Connection(str(source.path)) as db:
        db.execute("DELETE FROM member")


def test_the_key_of_every_table_sorts_alike_everywhere() -> None:
    """Integers and bytes do, and so do the few words of the two keys that hold words."""
    assert all(table.primary_key.columns for table in metadata.tables.values())
    keys = [column for table in tables() for column in table.primary_key.columns]
    words = [key for key in keys if key.type.python_type is str]
    assert words == [sms_spend.c.kind, import_mark.c.kind]
    assert {key.type.python_type for key in keys} == {int, bytes, str}
    assert all(kind.isascii() and kind.isalpha() and kind.islower() for kind in Kind)


def test_a_key_of_several_columns_is_gone_through_to_its_last(
    source: Place, target: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches end anywhere: within a scope, and within its hours."""
    periods = [(s, kind, n) for n in range(40) for kind in Kind for s in (-1, 0, 7)]
    values = ", ".join(f"({s}, '{kind}', {n}, {n + 1}, {n}, 450)" for s, kind, n in periods)
    source.sql(f"INSERT INTO sms_spend VALUES {values}")
    monkeypatch.setattr(copying, "BATCH", 7)
    report = copy(source, target)
    assert report.same
    assert [row[:3] for row in target.rows(sms_spend)] == sorted(periods)


def test_what_an_import_has_seen_is_gone_through_to_its_last(
    source: Place, target: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table's key begins with a word, and a batch may end within any."""
    kinds = (
        "account", "auth", "level", "made", "member", "merchant", "source", "token", "tokens",
    )  # fmt: skip
    marks = [(kind, number) for kind in kinds for number in range(5)]
    digest = f"x'{bytes(range(32)).hex()}'"
    values = ", ".join(f"('{kind}', {number}, {digest}, NULL, 7)" for kind, number in marks)
    source.sql(f"INSERT INTO import_mark VALUES {values}")
    monkeypatch.setattr(copying, "BATCH", 3)
    report = copy(source, target)
    assert report.same
    assert [row[:2] for row in target.rows(import_mark)] == sorted(marks)
