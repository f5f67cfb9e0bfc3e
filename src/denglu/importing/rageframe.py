"""The whole of ``denglu import rageframe``."""

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import IO
from urllib.parse import urlsplit

from denglu.flows.erasing import Erase
from denglu.flows.ports import Clock, Store
from denglu.importing import accounts, levels, merchants
from denglu.importing.bindings import BindingStep
from denglu.importing.bringing import Run, Terms, bring
from denglu.importing.comparing import compare
from denglu.importing.layout import TABLES, TOKENS
from denglu.importing.members import MemberStep, own_ids, read_names
from denglu.importing.source import look_at
from denglu.importing.tally import Findings, Tally
from denglu.importing.target import Target
from denglu.importing.tokens import TokenStep
from denglu.moving.copying import Progress
from denglu.moving.opening import check_revision, open_side
from denglu.moving.side import MovingTrouble, Side
from denglu.store.schema import account, member, member_auth, merchant

# Ids that are left free above the source's: it may go on to register members until the last run.
RESERVED = 10_000


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done. URLs are as settings have them after reading; ``renamed``: the source is
    the one of earlier runs under another name.
    """

    source_url: str
    target_url: str
    terms: Terms
    prefix: str = "rf_"
    dry: bool = False
    renamed: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it. ``made``: empty accounts for members who had none."""

    source: str
    target: str
    dry: bool
    tallies: list[Tally]
    findings: dict[str, int]
    made: int
    seconds: float

    @property
    def same(self) -> bool:
        """Whether every row and cent is where it should be."""
        return all(tally.same for tally in self.tallies)


async def import_rageframe(
    order: Order, store: Store, clock: Clock, *, file: IO[str] | None, bringing: Progress
) -> Report:
    """Bring what is new or changed. ``file`` gets a line for each oddity. ``store``, on the same
    database, is for whoever is to be erased.

    Nothing else shall run on the loop: files block it. Raises MovingTrouble, FileTrouble,
    DatabaseTrouble, MissingDriver and Refusal (``busy``).
    """
    started, now, findings = time.monotonic(), clock.now(), Findings(file)
    async with _opened(order.source_url, frozen=True) as side:
        source = await look_at(side, order.prefix)
        async with _opened(order.target_url, frozen=False) as ours:
            await check_revision(ours)
            if ours.where == side.where:
                raise MovingTrouble(f"{side.where} is both sides: name the source's database")
            target = Target(ours, dry=order.dry)
            await target.identify(_identity(order), renamed=order.renamed)
            erase = Erase(store, clock)
            run = Run(source, target, order.terms, findings, bringing, now, erase)
            made = await _bring_all(run)
            for table in (*TABLES, TOKENS):
                await compare(run, table)
    seconds = time.monotonic() - started
    return Report(
        side.where,
        ours.where,
        order.dry,
        [run.tally(table) for table in (*TABLES, TOKENS)],
        dict(sorted(findings.counts.items())),
        made,
        seconds,
    )


async def _bring_all(run: Run) -> int:
    """Every table, what others point at first."""
    merchant_step, level_step = merchants.MerchantStep(run), levels.LevelStep(run)
    await merchant_step.prepare()
    await bring(run, merchant_step)
    await level_step.prepare()
    await bring(run, level_step)
    own = await own_ids(run)
    names = await read_names(run, own)
    await _leave_room(run)
    await bring(run, MemberStep(run, names, own))
    await merchants.make_missing(run)
    await levels.settle_first(run)
    await bring(run, accounts.AccountStep(run))
    made = await accounts.open_missing(run)
    await bring(run, BindingStep(run))
    await bring(run, TokenStep(run))
    if not run.target.dry:
        for table in (merchant, member_auth):
            await run.target.side.settle(table)
    return made


async def _leave_room(run: Run) -> None:
    """Whoever registers here meanwhile gets no id that the source may give to somebody."""
    newest = await run.source.newest("member")
    if not run.target.dry:
        for table in (member, account):
            await run.target.side.settle(table, newest + RESERVED)


def _identity(order: Order) -> str:
    parts = urlsplit(order.source_url)
    host, port = parts.hostname or "localhost", parts.port or 3306
    return f"{host}:{port}{parts.path}/{order.prefix}"


@contextlib.asynccontextmanager
async def _opened(url: str, *, frozen: bool) -> AsyncIterator[Side]:
    side = await open_side(url, frozen=frozen, alone=False)
    try:
        yield side
    finally:
        await side.close()
