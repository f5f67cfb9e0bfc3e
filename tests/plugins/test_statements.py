"""Tables and statements of plugins, on every database."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.member import NewMember
from denglu.flows.erasing import Erase
from denglu.flows.ports import Store, Taken, Transaction
from denglu.plugins.loading import load_plugins
from denglu.plugins.opening import Opened, open_plugged
from denglu.plugins.tables import branches
from denglu.settings import Settings
from denglu.store.migrate import check_schema, look_at_branches, migrate, target_of
from denglu.store.migrate.branches import Branch
from denglu.store.migrate.revisions import WrongSchema
from tests.flows.world import NOW, FakeClock

# What each kind of database needs to be there.
_URLS = {"sqlite": None, "postgresql": "postgres_url", "mysql": "mysql_url"}


@pytest.fixture(params=_URLS)
def settings(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    greet: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """Settings of a database that has the tables of the example in docs/plugins.md."""
    monkeypatch.syspath_prepend(str(greet))
    name = _URLS[request.param]
    url = request.getfixturevalue(name) if name else f"sqlite:///{tmp_path}/denglu.db"
    settings = Settings(database_url=url, plugins=("greet",))
    migrate(target_of(settings), branches(load_plugins(("greet",))))
    return settings


@pytest.fixture
async def opened(settings: Settings) -> AsyncIterator[Opened]:
    opened = open_plugged(settings, FakeClock(), None)
    yield opened
    await opened.store.close()


async def add(store: Store, member_id: int) -> int:
    return await store.write(lambda tx: tx.statements.run("greet.add", {"p_member_id": member_id}))


async def counted(store: Store, member_id: int) -> int | None:
    row = await store.read(lambda tx: tx.statements.one("greet.of", {"p_member_id": member_id}))
    return row[0] if row else None


async def test_a_transaction_runs_them_beside_ours_and_undoes_both(opened: Opened) -> None:
    store = opened.store
    assert await add(store, 7) == 1
    assert await counted(store, 7) == 1

    async def half_done(tx: Transaction) -> None:
        await tx.members.add(NewMember(username="ming", password_hash="x"), NOW)
        await tx.statements.run("greet.more", {"p_member_id": 7})
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await store.write(half_done)
    assert await counted(store, 7) == 1
    assert await store.read(lambda tx: tx.roster.page(0, 10)) == []
    page = await store.read(
        lambda tx: tx.statements.all("greet.page", {"p_after": 0, "p_limit": 9})
    )
    assert [tuple(row) for row in page] == [(7, 1)]


async def test_a_key_that_is_in_use_is_taken_and_the_transaction_undone(opened: Opened) -> None:
    await add(opened.store, 7)
    with pytest.raises(Taken, match=r"greet\.add"):
        await add(opened.store, 7)
    assert await counted(opened.store, 7) == 1


async def test_rivals_who_count_the_same_member_are_all_counted(opened: Opened) -> None:
    from denglu_greet.counting import count  # type: ignore[import-not-found]

    for _ in range(5):
        await asyncio.gather(*(count(opened.store, 7) for _ in range(4)))
    assert await counted(opened.store, 7) == 20


async def test_ours_are_not_reached_by_name(opened: Opened) -> None:
    member: dict[str, Any] = {"p_member_id": 1, "p_status": 1, "p_now": NOW}
    with pytest.raises(KeyError):
        await opened.store.write(lambda tx: tx.statements.run("member_status", member))
    with pytest.raises(KeyError):
        await opened.store.read(lambda tx: tx.statements.one("member_get", member))


async def test_a_read_writes_nothing(opened: Opened, settings: Settings) -> None:
    work = lambda tx: tx.statements.run("greet.add", {"p_member_id": 1})  # noqa: E731
    with pytest.raises(Exception, match=r"may not write|readonly"):
        await opened.store.read(work)
    assert await counted(opened.store, 1) is None


async def test_what_is_kept_of_a_member_is_erased_in_the_same_transaction(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, clock = opened.store, FakeClock()
    ming, hua = [
        await store.write(
            lambda tx, name=name: tx.members.add(  # type: ignore[misc]
                NewMember(username=name, password_hash="x"), NOW
            )
        )
        for name in ("ming", "hua")
    ]
    await add(store, ming)
    await add(store, hua)

    async def fail_after(tx: Transaction) -> None:
        await tx.trail.write(AuditEvent(Event.member_deleted, NOW, member_id=ming))
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await store.write(fail_after)
    assert await counted(store, ming) == 1
    assert await Erase(store, clock)(ming, note="operator")
    assert await counted(store, ming) is None
    assert await counted(store, hua) == 1
    behind_events: Any = opened.store
    assert await Erase(behind_events._telling._desks["greet"].store, clock)(hua, note="operator")
    assert await counted(store, hua) is None


def test_tables_of_another_revision_are_not_served(settings: Settings) -> None:
    target = target_of(settings)
    (branch,) = branches(load_plugins(("greet",)))
    assert look_at_branches(target, [branch]) == {"greet": "0001"}
    assert not migrate(target, [branch])
    check_schema(settings, [branch])
    for head, said in (("0002", "older than 0002: run `denglu migrate`"), ("0000", "newer one")):
        with pytest.raises(WrongSchema, match=said):
            check_schema(settings, [Branch("greet", branch.folder, head)])
    other = Branch("other", branch.folder, "0001")
    with pytest.raises(WrongSchema, match="no tables of plugin other yet"):
        check_schema(settings, [branch, other])


def test_a_script_that_fails_leaves_what_was_there(settings: Settings, tmp_path: Path) -> None:
    script = 'revision = "0001"\ndown_revision = None\ndef upgrade():\n    1 / 0\n'
    folder = tmp_path / "scripts"
    folder.mkdir()
    (folder / "0001_bad.py").write_text(script)
    bad = Branch("bad", folder, "0001")
    with pytest.raises(WrongSchema, match="plugin bad: cannot be migrated: ZeroDivisionError"):
        migrate(target_of(settings), [bad])
    assert look_at_branches(target_of(settings), [bad]).get("bad") is None
    (folder / "0001_bad.py").write_text(script.replace("1 / 0", "pass"))
    assert migrate(target_of(settings), [bad])
    assert look_at_branches(target_of(settings), [bad]) == {"bad": "0001"}


_COLUMN = """
import sqlalchemy as sa
from denglu.store.migrations.steps import add_column
revision, down_revision = "0002", "0001"
def upgrade():
    add_column("greet_count", sa.Column("since", sa.Integer(), nullable=False, server_default="7"))
    {then}
"""


async def test_a_column_is_added_beside_a_server_and_after_a_kill(
    settings: Settings, opened: Opened, tmp_path: Path
) -> None:
    """MySQL keeps the column of a migration that did not come to its end."""
    (branch,) = branches(load_plugins(("greet",)))
    folder = tmp_path / "newer"
    shutil.copytree(branch.folder, folder)
    newer, script = Branch("greet", folder, "0002"), folder / "0002_since.py"
    await add(opened.store, 1)
    script.write_text(_COLUMN.format(then="1 / 0"))
    with pytest.raises(WrongSchema, match="ZeroDivisionError"):
        await asyncio.to_thread(migrate, target_of(settings), [newer])
    script.write_text(_COLUMN.format(then=""))
    assert await asyncio.to_thread(migrate, target_of(settings), [newer])
    assert not await asyncio.to_thread(migrate, target_of(settings), [newer])
    await add(opened.store, 2)
    assert [await counted(opened.store, member) for member in (1, 2)] == [1, 1]
