"""What ``denglu sms`` works with: messages as they were written down, and a way to send one.

Numbers are found by a keyed digest, and sent messages are written down under one: these need the
server's secret key.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from denglu.app import read_messages
from denglu.cli.backstage import prepare
from denglu.cli.faults import Fault, Misuse
from denglu.clock import Clock, open_clock
from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import SITE, Namespace
from denglu.domain.mobile import canonical_mobile, mask_mobile
from denglu.domain.sms_code import Usage
from denglu.domain.sms_message import MessageResult, SmsMessage
from denglu.domain.watch import Alarms
from denglu.extras import load_sms
from denglu.feeds import open_feed
from denglu.flows.code_try import number_key
from denglu.flows.message_book import Number, ReadMessages
from denglu.flows.ports import GatewayFailed, Sent, SmsNotSent, SmsSender, Store
from denglu.flows.send_test import SendTest
from denglu.flows.sending import Sending
from denglu.flows.watch import Watch
from denglu.plugins.additions import gateways
from denglu.plugins.loading import load_plugins
from denglu.plugins.opening import open_plugged
from denglu.policies import budget_of, code_policy
from denglu.security.digests import HmacSecrets
from denglu.settings import Settings, ensure_secret_key
from denglu.settings.readers import GATEWAYS, is_of_plugin
from denglu.settings.wording import wording_of
from denglu.sms import open_sender

T = TypeVar("T")


def read(settings: Settings, work: Callable[[ReadMessages], Awaitable[T]]) -> T:
    """Run ``work``, which only reads."""
    prepare(settings, create=False)

    async def run() -> T:
        async with _opened(settings) as (store, clock):
            return await work(read_messages(settings, store, clock))

    return asyncio.run(run())


def mobile_of(text: str) -> str:
    """The number in its one form. Raises Misuse."""
    mobile = canonical_mobile(text)
    if mobile is None:
        raise Misuse("that is no whole mobile number of mainland China")
    return mobile


def number_of(settings: Settings, text: str, whose: Namespace = SITE) -> Number:
    """A number, as messages to it are found."""
    mobile = mobile_of(text)
    secrets = HmacSecrets(ensure_secret_key(settings))
    return Number(whose.marked(mask_mobile(mobile)), number_key(secrets, whose, mobile))


def check_gateway(name: str) -> None:
    """A name that is none would find nothing. Raises Misuse."""
    if name not in GATEWAYS and not is_of_plugin(name):
        raise Misuse(f"--gateway {name}: there are {', '.join(GATEWAYS)}")


def only(settings: Settings, gateway: str | None, *, dry_run: bool) -> Settings:
    """The settings with one gateway; with all of them, where none is named."""
    known = settings.sms_gateways
    if gateway is not None and gateway not in known:
        raise Misuse(f"--gateway {gateway}: DENGLU_SMS_GATEWAYS has {', '.join(known)}")
    gateways = known if gateway is None else (gateway,)
    dry = dry_run or settings.sms_dry_run
    return settings.model_copy(update={"sms_gateways": gateways, "sms_dry_run": dry})


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a test: the gateways that failed, and how it ended."""

    message: SmsMessage
    failures: tuple[GatewayFailed, ...]
    result: MessageResult | None
    surely: bool = True


class _Witness:
    """Fulfils ``flows.ports.SmsSender``: keeps which gateways failed before one sent."""

    def __init__(self, sender: SmsSender) -> None:
        self._sender = sender
        self.failures: tuple[GatewayFailed, ...] = ()

    async def send(self, message: SmsMessage) -> Sent:
        sent = await self._sender.send(message)
        self.failures = tuple(sent.failures)
        return sent

    def close(self) -> None:
        self._sender.close()


def send_test(settings: Settings, mobile: str, usage: Usage) -> Tried:
    """Send a test. Raises Fault, and MissingDriver."""
    prepare(settings, create=False)
    load_sms(settings)

    async def run() -> Tried:
        async with _opened(settings) as (store, clock):
            return await _send(settings, store, clock, mobile, usage)

    return asyncio.run(run())


async def _send(settings: Settings, store: Store, clock: Clock, mobile: str, usage: Usage) -> Tried:
    secrets = HmacSecrets(ensure_secret_key(settings))
    alarms = Alarms(settings.login_site_rates, settings.code_site_rates)
    watch = Watch(store, clock, secrets, alarms)
    others = gateways(load_plugins(settings.plugins), settings)
    witness = _Witness(open_sender(settings, others=others))
    sending = Sending(
        store, clock, witness, budget_of(settings), watch, dry_run=settings.sms_dry_run
    )
    send = SendTest(store, clock, secrets, sending, code_policy(settings), wording_of(settings))
    message = send.message(mobile, usage)
    try:
        result = await send(message)
        return Tried(message, witness.failures, result)
    except SmsNotSent as lost:
        return Tried(message, lost.failures, None, lost.surely)
    except Refusal as refusal:
        if refusal.reason is not Reason.sms_budget:
            raise
        raise Fault(f"a budget is spent: there is room in {refusal.retry_after} s") from None
    finally:
        await sending.close()
        await watch.close()


@contextlib.asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Store, Clock]]:
    clock = open_clock(settings)
    store = open_plugged(settings, clock, open_feed(settings)).store
    try:
        yield store, clock
    finally:
        await store.close()
