"""What plugins are told: after the commit, once, and without a hurt to anybody."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from denglu.domain.audit import AuditEvent, Event
from denglu.flows.ports import Transaction
from denglu.plugins.loading import Plugins, load_plugins
from denglu.plugins.opening import open_plugged
from denglu.plugins.specs import Desk
from denglu.plugins.store import HeardStore
from denglu.plugins.telling import Telling
from denglu.settings import Settings
from denglu.store.memory import MemoryStore
from denglu.store.migrate import migrate, target_of
from tests.flows.world import NOW, FakeClock
from tests.plugins.packages import put

LOGIN = AuditEvent(Event.login, NOW, member_id=1, group="pc", ip="203.0.113.7", note="x")
_HOOK = "from denglu.plugins import hookimpl\nheard = []\n@hookimpl\n"

MakePlugins = Callable[..., Plugins]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakePlugins:
    """Loads a plugin whose event hook is given as text, from its signature on."""
    counter = iter(range(100))

    def make(hook: str) -> Plugins:
        name = f"ear-{tmp_path.name[-30:].replace('_', '-').strip('-').lower()}-{next(counter)}"
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.syspath_prepend(str(put(folder, name, _HOOK + hook)))
        return Plugins([name])

    return make


def heard_by(plugins: Plugins) -> list[Any]:
    """The list that the module of a plugin keeps."""
    module: Any = plugins._manager.get_plugin(plugins.names[0])
    return list(module.heard)


def telling_of(plugins: Plugins, **bounds: Any) -> Telling:
    desk = Desk(MemoryStore(), FakeClock())
    return Telling(plugins, dict.fromkeys(plugins.names, desk), **bounds)


_KEEPS = "def denglu_event(event):\n    heard.append(event)\n"


async def test_an_event_is_told_after_the_commit_and_only_then(loaded: MakePlugins) -> None:
    plugins = loaded(_KEEPS)
    store = HeardStore(MemoryStore(), telling_of(plugins))

    async def work(tx: Transaction) -> None:
        await tx.trail.write(LOGIN)
        assert heard_by(plugins) == []

    async def undone(tx: Transaction) -> None:
        await work(tx)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await store.write(undone)
    assert heard_by(plugins) == []
    await store.write(work)
    assert heard_by(plugins) == [LOGIN]
    await store.close()


async def test_a_transaction_that_is_run_again_is_told_once(loaded: MakePlugins) -> None:
    class Twice(MemoryStore):
        async def write(self, work: Any) -> Any:
            with pytest.raises(RuntimeError):
                await super().write(lambda tx: _then_fail(work, tx))
            return await super().write(work)

    async def _then_fail(work: Any, tx: Transaction) -> None:
        await work(tx)
        raise RuntimeError("a rival was first")

    plugins = loaded(_KEEPS)
    store = HeardStore(Twice(), telling_of(plugins))
    await store.write(lambda tx: tx.trail.write(LOGIN))
    assert heard_by(plugins) == [LOGIN]
    await store.close()


async def test_no_whole_number_is_told(loaded: MakePlugins) -> None:
    plugins = loaded(_KEEPS)
    telling = telling_of(plugins)
    telling.tell([AuditEvent(Event.sms_code_sent, NOW, note="login", mobile="13800000000")])
    assert heard_by(plugins)[0].mobile == ""
    assert heard_by(plugins)[0].note == "login"


async def test_what_a_hook_raises_is_logged_and_hurts_nobody(
    loaded: MakePlugins, caplog: pytest.LogCaptureFixture
) -> None:
    for hook in (
        "def denglu_event(event):\n    1 / 0\n",
        "async def denglu_event(event): 1 / 0\n",
        "def denglu_event(event):\n    import asyncio\n    raise asyncio.CancelledError\n",
        "async def denglu_event(event): raise SystemExit(3)\n",
    ):
        plugins = loaded(hook)
        store = HeardStore(MemoryStore(), telling_of(plugins))
        with caplog.at_level(logging.ERROR):
            await store.write(lambda tx: tx.trail.write(LOGIN))
            await store.close()
        (line,) = caplog.messages
        assert plugins.names[0] in line
        assert "event login" in line
        caplog.clear()


async def test_an_awaitable_is_run_behind_and_has_its_time(
    loaded: MakePlugins, caplog: pytest.LogCaptureFixture
) -> None:
    plugins = loaded(
        "async def denglu_event(event):\n    import asyncio\n    heard.append(event)\n"
        "    await asyncio.Event().wait()\n"
    )
    telling = telling_of(plugins, seconds=0.01)
    telling.tell([LOGIN])
    assert heard_by(plugins) == []
    with caplog.at_level(logging.ERROR):
        await telling.close()
    assert heard_by(plugins) == [LOGIN]
    assert caplog.messages == [f"plugin {plugins.names[0]}: event login takes too long"]


async def test_so_many_are_under_way_and_what_comes_above_is_lost_with_one_line(
    loaded: MakePlugins, caplog: pytest.LogCaptureFixture
) -> None:
    plugins = loaded(
        "async def denglu_event(event):\n    import asyncio\n    await asyncio.sleep(0)\n"
        "    heard.append(event)\n"
    )
    telling = telling_of(plugins, most=3)
    with caplog.at_level(logging.ERROR):
        telling.tell([LOGIN] * 8)
        await telling.close()
    assert len(heard_by(plugins)) == 3
    assert caplog.messages == [
        f"plugin {plugins.names[0]}: events are lost, because it does not keep up"
    ]
    telling.tell([LOGIN])
    await telling.close()
    assert len(heard_by(plugins)) == 4


@pytest.fixture
async def file(tmp_path: Path) -> Settings:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/denglu.db")
    await asyncio.to_thread(migrate, target_of(settings))
    return settings


async def test_what_a_plugin_does_about_an_event_is_told_to_nobody(
    loaded: MakePlugins, file: Settings
) -> None:
    names = loaded(
        "async def denglu_event(event, desk):\n"
        "    from denglu.domain.audit import AuditEvent, Event\n"
        "    heard.append(event)\n"
        "    await desk.store.write(lambda tx: tx.trail.write(AuditEvent(Event.alert, 1)))\n"
    ).names
    opened = open_plugged(file.model_copy(update={"plugins": names}), FakeClock(), None)
    await opened.desks[names[0]].store.write(lambda tx: tx.trail.write(LOGIN))
    await opened.store.close()
    assert heard_by(load_plugins(names)) == [LOGIN]


async def test_where_nobody_listens_the_store_is_the_plain_one(
    loaded: MakePlugins, file: Settings
) -> None:
    names = loaded("def denglu_commands(): return []\n").names
    for chosen in ((), names):
        opened = open_plugged(file.model_copy(update={"plugins": chosen}), FakeClock(), None)
        assert not isinstance(opened.store, HeardStore)
        await opened.store.close()
