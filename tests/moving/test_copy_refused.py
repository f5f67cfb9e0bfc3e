"""What is not copied: each refusal is one line, and nothing has been written."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from denglu.moving import mysql_side, postgres_side
from denglu.moving.copy import copy_database
from denglu.moving.opening import open_side
from denglu.moving.side import MovingTrouble
from denglu.store.file import AlreadyServed, FileTrouble, ServerLock
from denglu.store.migrate import WrongSchema, migrate_database
from denglu.store.network.trouble import DatabaseTrouble
from denglu.store.schema import member
from tests.moving.places import Place, copy, file_url, fill, quiet, row_of

_MEMBER = "INSERT INTO member (id, tree, nickname) VALUES (1, '', 'somebody else')"
_LEVEL = "INSERT INTO member_level (id, level, name) VALUES (9, 9, 'another')"


@pytest.mark.parametrize("foreign", [_MEMBER, _LEVEL])
@pytest.mark.parametrize("restart", [False, True])
def test_a_target_with_data_of_its_own_is_left_alone(
    source: Place, target: Place, foreign: str, restart: bool
) -> None:
    fill(source, 3)
    migrate_database(target.url)
    target.sql(foreign)
    before = target.everything()
    with pytest.raises(MovingTrouble, match="holds data of its own"):
        copy(source, target, restart=restart)
    assert target.everything() == before


def test_a_target_that_is_the_database_of_something_else_is_left_alone(
    source: Place, network_target: Place
) -> None:
    network_target.sql("CREATE TABLE story (id int)")
    with pytest.raises(WrongSchema, match="something else"):
        copy(source, network_target)


@pytest.mark.parametrize("side", ["source", "target"])
def test_both_sides_must_be_at_this_versions_revision(
    source: Place, target: Place, side: str
) -> None:
    migrate_database(target.url)
    place = source if side == "source" else target
    place.sql("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(MovingTrouble, match=r"at revision 0000 .*`denglu migrate`"):
        copy(source, target)
    assert target.sql("SELECT count(*) FROM member") == [(0,)]


def test_a_source_without_tables_is_no_source(target: Place, tmp_path: Path) -> None:
    path = tmp_path / "nothing.db"
    with pytest.raises(MovingTrouble, match="no such file"):
        copy_database(file_url(path), target.url, restart=False, copying=quiet, comparing=quiet)
    path.touch()
    with pytest.raises(MovingTrouble, match="no denglu database"):
        copy_database(file_url(path), target.url, restart=False, copying=quiet, comparing=quiet)


def test_a_file_that_is_being_served_is_not_copied(source: Place, target: Place) -> None:
    with ServerLock(source.path), pytest.raises(MovingTrouble, match="stop the server"):
        copy(source, target)


def test_nothing_writes_to_a_file_while_it_is_copied(source: Place) -> None:
    async def peep() -> None:
        side = await open_side(source.url, frozen=True)
        with pytest.raises(AlreadyServed), ServerLock(source.path):
            pass
        with pytest.raises(Exception, match="locked"):
            source.sql("PRAGMA busy_timeout = 1; DELETE FROM member")
        await side.close()

    asyncio.run(peep())
    source.sql("DELETE FROM member")


def test_a_database_is_not_copied_onto_itself(source: Place) -> None:
    with pytest.raises(MovingTrouble, match="both sides"):
        copy(source, source)


async def test_one_copy_at_a_time_goes_into_a_database(
    network_target: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgres_side._SESSION, "lock_timeout", "100ms")
    monkeypatch.setattr(mysql_side, "_LOCK_SECONDS", 0.1)
    async with contextlib.AsyncExitStack() as stack:
        side = await open_side(network_target.url, frozen=False)
        stack.push_async_callback(side.close)
        with pytest.raises(MovingTrouble, match="another copy or import into it is running"):
            await open_side(network_target.url, frozen=False)


def test_what_the_target_cannot_hold_is_refused_without_showing_it(
    source: Place, network_target: Place
) -> None:
    source.sql(
        "INSERT INTO member (id, tree, nickname) VALUES (1, '', 'Wang ' || printf('%.70c', 'x'))"
    )
    with pytest.raises(MovingTrouble, match="table member: ") as refused:
        copy(source, network_target)
    assert "Wang" not in str(refused.value)


async def test_a_duplicate_is_named_by_its_key_alone(network_target: Place) -> None:
    await asyncio.to_thread(migrate_database, network_target.url)
    side = await open_side(network_target.url, frozen=False)
    same = {"merchant_id": 0, "type": 1, "mobile_key": "139"}
    rows = [row_of(member, number, **same) for number in (1, 2)]
    with pytest.raises(MovingTrouble, match="uq_member_mobile_key") as refused:
        await side.insert(member, rows)
    await side.close()
    assert "139" not in str(refused.value).partition("table member")[2]


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
@pytest.mark.parametrize("side", ["source", "target"])
def test_no_refusal_shows_a_password(source: Place, kind: str, side: str) -> None:
    away = f"{kind}://denglu:s3cret-word@127.0.0.1:1/denglu"
    pair = (away, source.url) if side == "source" else (source.url, away)
    with pytest.raises((MovingTrouble, DatabaseTrouble, FileTrouble)) as refused:
        copy_database(*pair, restart=False, copying=quiet, comparing=quiet)
    assert "127.0.0.1:1/denglu" in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert "\n" not in str(refused.value)
