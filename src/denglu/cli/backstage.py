"""What commands need to work on members: the settings, and flows of operators on the database of
running servers, which see every change at once (SQLite) or within 300 ms.

Nothing of a command needs the server's secret key: operators hash passwords and end sessions,
and neither makes nor reads a token.
"""

import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from denglu.cli.faults import Fault

if TYPE_CHECKING:
    from denglu.domain.member import Member
    from denglu.flows.administer import Administer
    from denglu.flows.look_back import LookBack
    from denglu.flows.ports import Clock, Passwords, Store
    from denglu.plugins.opening import Opened
    from denglu.plugins.specs import Desk
    from denglu.security.passwords import ArgonPasswords
    from denglu.settings import Settings
    from denglu.store.migrate import Branch

T = TypeVar("T")
_PATIENCE = 5.0


def read_settings() -> "Settings":
    """The settings of the environment and the working directory. Raises SettingsError and
    PluginFault.
    """
    from denglu.plugins.additions import plug
    from denglu.settings import load_settings

    settings = load_settings(os.environ, Path.cwd(), plug)
    if settings.log_level == "debug":
        from denglu.logs import configure_logging

        configure_logging("debug")
    else:
        # A fault is told in one line by the command, not in passing by those who met it.
        logging.getLogger().addHandler(logging.NullHandler())
    return settings


def administer(
    settings: "Settings", work: Callable[["Administer"], Awaitable[T]], *, create: bool = False
) -> T:
    """Run ``work``. ``create`` makes a database that is not there yet, as ``serve`` does."""
    from denglu.flows.administer import Administer

    return behind(settings, lambda *parts: work(Administer(*parts)), create=create)


def look_back(settings: "Settings", work: Callable[["Administer", "LookBack"], Awaitable[T]]) -> T:
    """Run ``work``, which only reads."""
    from denglu.flows.administer import Administer
    from denglu.flows.look_back import LookBack

    return behind(
        settings,
        lambda store, clock, passwords: work(
            Administer(store, clock, passwords), LookBack(store, clock)
        ),
    )


def behind(
    settings: "Settings",
    work: Callable[["Store", "Clock", "Passwords"], Awaitable[T]],
    *,
    create: bool = False,
) -> T:
    """Run ``work`` with what flows of operators are made of."""
    is_due = prepare(settings, create=create)

    async def run() -> T:
        async with _opened(settings) as parts:
            return await work(*parts)

    return _done(run(), is_due)


def at_desk(plugin: str, work: Callable[["Desk"], Awaitable[T]], *, create: bool = False) -> T:
    """Run ``work`` with what a plugin works with: for its commands. Raises as ``prepare`` does."""
    settings = read_settings()
    is_due = prepare(settings, create=create)

    async def run() -> T:
        async with _plugged(settings) as opened:
            return await work(opened.desks[plugin])

    return _done(run(), is_due)


def _done(work: Coroutine[None, None, T], is_due: bool) -> T:
    """Run ``work``; ``is_due``: a migration is, and may be what is missing."""
    import asyncio

    from denglu.domain.errors import Reason, Refusal

    try:
        return asyncio.run(work)
    except Refusal as refusal:
        if not is_due or refusal.reason is not Reason.busy:
            raise
        raise Fault(
            "nothing was changed: the database is busy, or lacks what this version added: "
            "run `denglu migrate`"
        ) from None


async def find(administer: "Administer", who: str, merchant_id: int | None = None) -> "Member":
    """The member that an operator means. Raises Fault."""
    from denglu.domain.mobile import canonical_mobile, mask_mobile

    member = await administer.find(who, merchant_id)
    if member is None:
        mobile = canonical_mobile(who)
        shown = mask_mobile(mobile) if mobile else repr(who)
        where = "" if merchant_id is None else f" of merchant {merchant_id}"
        raise Fault(
            f"there is no member {shown}{where}: name an id, a username, a mobile or an e-mail"
        )
    return member


@contextlib.asynccontextmanager
async def _opened(settings: "Settings") -> "AsyncIterator[tuple[Store, Clock, Passwords]]":
    passwords = _LatePasswords(settings)
    try:
        async with _plugged(settings) as opened:
            yield opened.store, opened.clock, passwords
    finally:
        passwords.close()


@contextlib.asynccontextmanager
async def _plugged(settings: "Settings") -> "AsyncIterator[Opened]":
    from denglu.clock import open_clock
    from denglu.feeds import open_feed
    from denglu.plugins.opening import open_plugged

    opened = open_plugged(settings, open_clock(settings), open_feed(settings))
    try:
        yield opened
    finally:
        await opened.store.close()


class _LatePasswords:
    """``flows.ports.Passwords`` that costs nothing until a password is hashed."""

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        self._opened: ArgonPasswords | None = None

    def _open(self) -> "ArgonPasswords":
        if self._opened is None:
            from denglu.security.passwords import ArgonPasswords

            settings = self._settings
            self._opened = ArgonPasswords(
                memory_kib=settings.argon2_memory_kib,
                time_cost=settings.argon2_time,
                parallelism=settings.argon2_parallelism,
                workers=1,
                deadline=settings.hash_deadline,
            )
        return self._opened

    async def hash(self, password: str) -> str:
        return await self._open().hash(password)

    async def verify(self, password: str, stored: str | None) -> bool:
        return await self._open().verify(password, stored)

    def needs_rehash(self, stored: str) -> bool:
        return self._open().needs_rehash(stored)

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()


def prepare(settings: "Settings", *, create: bool) -> bool:
    """Make sure that the database is there and can be used; whether a migration is due all the
    same. Raises Fault, FileTrouble, WrongSchema, DatabaseTrouble, MissingDriver and PluginFault.
    """
    from denglu.plugins.loading import load_plugins
    from denglu.plugins.tables import branches
    from denglu.store.migrate import check_schema

    of_plugins = branches(load_plugins(settings.plugins))
    if settings.database_kind == "sqlite":
        _prepare_file(settings.database_path, of_plugins, create=create)
    return check_schema(settings, of_plugins)


def _prepare_file(database: Path, branches: "Sequence[Branch]", *, create: bool) -> None:
    from denglu.store.file import AlreadyServed, ServerLock
    from denglu.store.migrate import HEAD, current_revision, is_due, migrate

    if not is_due(database, branches):
        return
    if (revision := current_revision(database)) is not None:
        older = "this denglu" if revision < HEAD else "its plugins"
        raise Fault(
            f"{database} is at revision {revision}, older than {older}: "
            "stop the server and run `denglu migrate`"
        )
    if not create:
        raise Fault(
            f"there is no database at {database} yet: `denglu serve` or `denglu migrate` makes it "
            "(DENGLU_DATABASE_URL names another)"
        )
    until = time.monotonic() + _PATIENCE
    while is_due(database, branches):
        try:
            with ServerLock(database):
                migrate(database, branches)
        except AlreadyServed:  # a server that starts is making it
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
