"""What commands need to work on members: the settings, and ``Administer`` on the same database
as running servers, which see every change at once (SQLite) or within 300 ms.

Nothing of a command needs the server's secret key: operators hash passwords and end sessions,
and neither makes nor reads a token.
"""

import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from denglu.cli.faults import Fault

if TYPE_CHECKING:
    from denglu.domain.member import Member
    from denglu.flows.administer import Administer
    from denglu.flows.look_back import LookBack
    from denglu.security.passwords import ArgonPasswords
    from denglu.settings import Settings

T = TypeVar("T")
_PATIENCE = 5.0


def read_settings() -> "Settings":
    """The settings of the environment and the working directory. Raises SettingsError."""
    from denglu.settings import load_settings

    settings = load_settings(os.environ, Path.cwd())
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
    return _run(settings, lambda desk, _: work(desk), create=create)


def look_back(settings: "Settings", work: Callable[["Administer", "LookBack"], Awaitable[T]]) -> T:
    """Run ``work``, which only reads."""
    return _run(settings, work, create=False)


def _run(
    settings: "Settings",
    work: Callable[["Administer", "LookBack"], Awaitable[T]],
    *,
    create: bool,
) -> T:
    import asyncio

    prepare(settings, create=create)

    async def run() -> T:
        async with _opened(settings) as opened:
            return await work(*opened)

    return asyncio.run(run())


async def find(administer: "Administer", who: str) -> "Member":
    """The member that an operator means. Raises Fault."""
    from denglu.domain.mobile import canonical_mobile, mask_mobile

    member = await administer.find(who)
    if member is None:
        mobile = canonical_mobile(who)
        shown = mask_mobile(mobile) if mobile else repr(who)
        raise Fault(f"there is no member {shown}: name an id, a username, a mobile or an e-mail")
    return member


@contextlib.asynccontextmanager
async def _opened(settings: "Settings") -> "AsyncIterator[tuple[Administer, LookBack]]":
    from denglu.clock import open_clock
    from denglu.feeds import open_feed
    from denglu.flows.administer import Administer
    from denglu.flows.look_back import LookBack
    from denglu.store.opening import open_store

    clock, store = open_clock(settings), open_store(settings, feed=open_feed(settings))
    passwords = _LatePasswords(settings)
    try:
        yield Administer(store, clock, passwords), LookBack(store, clock)
    finally:
        passwords.close()
        await store.close()


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


def prepare(settings: "Settings", *, create: bool) -> None:
    """Make sure that the database is there and can be used. Raises Fault, FileTrouble,
    WrongSchema, DatabaseTrouble and MissingDriver.
    """
    from denglu.store.migrate import check_schema

    if settings.database_kind == "sqlite":
        _prepare_file(settings.database_path, create=create)
    check_schema(settings)


def _prepare_file(database: Path, *, create: bool) -> None:
    from denglu.store.file import AlreadyServed, ServerLock
    from denglu.store.migrate import current_revision, is_due, migrate

    if not is_due(database):
        return
    if (revision := current_revision(database)) is not None:
        raise Fault(
            f"{database} is at revision {revision}, older than this denglu: "
            "stop the server and run `denglu migrate`"
        )
    if not create:
        raise Fault(
            f"there is no database at {database} yet: `denglu serve` or `denglu migrate` makes it "
            "(DENGLU_DATABASE_URL names another)"
        )
    until = time.monotonic() + _PATIENCE
    while is_due(database):
        try:
            with ServerLock(database):
                migrate(database)
        except AlreadyServed:  # a server that starts is making it
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
