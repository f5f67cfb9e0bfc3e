"""What an operation costs on databases of several sizes, side by side, in one run.

One operation at a time: what is measured is the cost of one, not how many go at once.
"""

import itertools
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from bench.scale_data import GROUPS, mobile, stranger
from bench.scale_sites import OPERATIONS, Holder, Site
from denglu.domain.groups import DOCUMENT_GROUPS
from denglu.domain.session import Caller, Kind
from denglu.domain.sms_code import Usage

# Numbers and addresses that nobody else uses: not another process, and not another run.
_PLACES = itertools.count(secrets.randbelow(10**9))
_GROUP = {group.name: group for group in DOCUMENT_GROUPS}


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one operation of a block: microseconds on the clock (median) and of CPU in denglu and
    in the database (means), and bytes of write-ahead log (mean).
    """

    clock: float
    denglu: float
    database: float
    log: float


Costs = dict[str, dict[int, list[Cost]]]
Operation = Callable[[], Awaitable[object]]


def prepared(site: Site, name: str, count: int) -> list[Operation]:
    """``count`` operations, each by another member and from another address."""
    return [_operation(site, name, holder) for holder in site.next_holders(name, count)]


def endless(site: Site, name: str) -> Iterator[Operation]:
    """Operations by one member after the other."""
    while True:
        yield from prepared(site, name, 1)


def _operation(site: Site, name: str, holder: Holder) -> Operation:
    service, place = site.app.service, next(_PLACES)
    # Each in a range of its own, so that nobody pumps.
    address = f"10.{place & 255}.{place >> 8 & 255}.{place >> 16 & 255}"
    caller = Caller(ip=address, device="bench")
    if name.startswith("token check"):
        access = holder.token(Kind.access)
        if name != "token check":
            return lambda: site.request(access)
        return lambda: service.authenticate(access)
    if name == "login":
        return lambda: service.login(
            username=mobile(holder.member),
            password="free",
            group=_GROUP[GROUPS[0]],
            caller=caller,
        )
    if name == "refresh":
        return lambda: _refresh(site, holder, caller)
    number = stranger(place)
    return lambda: service.send_code(mobile=number, usage=Usage.login, caller=caller)


async def _refresh(site: Site, holder: Holder, caller: Caller) -> None:
    """With the token that the refresh before gave."""
    token = holder.token(Kind.refresh)
    await site.app.service.refresh(token=token, group=_GROUP[GROUPS[1]], caller=caller)
    holder.generation += 1


async def block(site: Site, name: str, count: int) -> Cost:
    """Run ``count`` operations."""
    todo = prepared(site, name, count)
    log, database = await site.log_position(), await site.database_seconds()
    clocks = []
    denglu = time.process_time()
    for operation in todo:
        started = time.perf_counter()
        await operation()
        clocks.append(time.perf_counter() - started)
    denglu = time.process_time() - denglu
    database = await site.database_seconds() - database
    log = await site.log_position() - log
    mega = 1e6 / count
    return Cost(statistics.median(clocks) * 1e6, denglu * mega, database * mega, log / count)


async def warm_up(site: Site) -> None:
    """Do everything once with every member of the sample: the pages of active members are in
    memory. The checkpoint after it makes the log pay for every page again.
    """
    for name, holders in site.holders.items():
        for holder in sorted(holders, key=lambda holder: holder.nonce[::-1]):
            await _operation(site, name, holder)()
    if site.watch is not None:
        await site.watch.execute("CHECKPOINT")


async def measure(sites: list[Site], rounds: int, count: int) -> Costs:
    """Rounds of blocks: A B C, C B A, and so on, for one operation after the other."""
    costs: Costs = {name: {site.size: [] for site in sites} for name in OPERATIONS}
    for site in sites:
        await warm_up(site)
    for turn in range(rounds):
        for name in OPERATIONS:
            for site in sites[:: 1 if turn % 2 else -1]:
                costs[name][site.size].append(await block(site, name, count))
    return costs
