"""Members of denglu for a measurement: some who log in with a password, many who have a mobile."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from denglu.domain.member import NewMember
from denglu.flows.ports import Transaction
from denglu.security.passwords import ArgonPasswords
from denglu.settings import load_settings
from denglu.store.opening import open_store

_BATCH = 500


def fill(environ: Mapping[str, str], folder: Path, password: str, names: int, mobiles: int) -> None:
    """Add ``bench1`` … ``bench{names}`` with the password, and members with a mobile."""
    asyncio.run(_fill(environ, folder, password, names, mobiles))


def mobile(number: int) -> str:
    """The mobile of a member."""
    return f"15{number % 90000:05d}{number // 90000:04d}"


async def _fill(
    environ: Mapping[str, str], folder: Path, password: str, names: int, mobiles: int
) -> None:
    settings = load_settings(environ, folder)
    passwords = ArgonPasswords(
        memory_kib=settings.argon2_memory_kib,
        time_cost=settings.argon2_time,
        parallelism=settings.argon2_parallelism,
        workers=1,
    )
    hashed = await passwords.hash(password)
    passwords.close()
    new = [NewMember(f"bench{n}", password_hash=hashed) for n in range(1, names + 1)]
    new += [NewMember(mobile=mobile(n)) for n in range(mobiles)]
    store = open_store(settings)
    try:
        for first in range(0, len(new), _BATCH):
            batch = new[first : first + _BATCH]

            async def work(tx: Transaction, batch: list[NewMember] = batch) -> None:
                for member in batch:
                    await tx.members.add(member, 0)

            await store.write(work)
    finally:
        await store.close()
