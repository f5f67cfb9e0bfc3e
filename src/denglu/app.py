"""The only module that sees every layer: settings in, wired flows and an ASGI app out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from denglu.api.app import AccessLog as RequestLog
from denglu.api.app import Application, build_api
from denglu.api.envelope import Answer
from denglu.api.exchange import Exchange
from denglu.captcha import OpenedCaptcha, open_captcha
from denglu.clock import Clock, open_clock
from denglu.domain.groups import Groups
from denglu.domain.limits import Limit
from denglu.domain.request_limit import News, RequestLimit
from denglu.domain.sms_code import CodePolicy, FixedCodes
from denglu.domain.watch import Alarms
from denglu.extras import load_captcha, load_metrics, load_sms
from denglu.feeds import open_feed
from denglu.flows.administer import Administer
from denglu.flows.authenticate import Authenticate
from denglu.flows.budget import Budget
from denglu.flows.cancel import Cancel
from denglu.flows.change_mobile import ChangeMobile
from denglu.flows.change_password import ChangePassword
from denglu.flows.code_try import CodeTry
from denglu.flows.devices import Devices
from denglu.flows.erasing import Erase
from denglu.flows.login import Login
from denglu.flows.logout import Logout
from denglu.flows.message_book import ReadMessages
from denglu.flows.mobile_login import MobileLogin
from denglu.flows.notice import Notices
from denglu.flows.opening import Opening
from denglu.flows.password_try import PasswordTry
from denglu.flows.ports import Captcha, Meter, NoMeter, Passwords, SmsSender, Store
from denglu.flows.proof import Prove
from denglu.flows.pumping import Pumping
from denglu.flows.receipts import TakeReceipts
from denglu.flows.refresh import Refresh
from denglu.flows.register import Register
from denglu.flows.reset_password import ResetPassword
from denglu.flows.retain import Retain, Retention
from denglu.flows.sending import Sending
from denglu.flows.service import Service
from denglu.flows.sms_code import SendCode
from denglu.flows.suspicion import Suspicion
from denglu.flows.turnstile import Turnstile
from denglu.flows.watch import Watch
from denglu.logs import AccessLog
from denglu.metrics import Metrics, Used
from denglu.plugins import additions
from denglu.plugins.loading import Plugins
from denglu.plugins.opening import Opened, open_plugged
from denglu.policies import (
    budget_of,
    code_policy,
    fixed_codes,
    groups_of,
    login_limits,
    session_policy,
    sms_limits,
)
from denglu.security.common_passwords import common_passwords
from denglu.security.digests import HmacSecrets
from denglu.security.passwords import ArgonPasswords
from denglu.security.tokens import HmacTokens
from denglu.settings import Settings
from denglu.settings.sms_budget import caps_of
from denglu.settings.wording import wording_of
from denglu.sms import Metered, open_sender

if TYPE_CHECKING:
    from denglu.redis.counts import SharedCounts

# Imported hashes take longer to compare than ours; failures are made to take as long as both.
_FAILURE_FLOOR = 0.6
# One address has at most a quarter of the places where passwords are compared.
_ADDRESS_SHARE = 4


@dataclass(frozen=True, slots=True)
class App:
    """A wired denglu. ``close`` it on the loop that made it."""

    service: Service
    administer: Administer
    retain: Retain
    groups: Groups
    store: Store
    passwords: ArgonPasswords
    clock: Clock
    sending: Sending
    metrics: Metrics | None = None
    requests: RequestLimit | None = None
    shared_counts: "SharedCounts[News] | None" = None
    captcha: OpenedCaptcha | None = None
    watch: Watch | None = None
    plugged: Opened | None = None

    async def close(self) -> None:
        """Finish what is under way and let go of threads and files."""
        if self.shared_counts is not None:
            await self.shared_counts.close()
        if self.captcha is not None:
            self.captcha.close()
        await self.sending.close()
        if self.watch is not None:
            await self.watch.close()
        self.passwords.close()
        await self.store.close()


def open_app(settings: Settings, key: bytes) -> App:
    """Open the store and wire the flows, on the running event loop. Raises MissingDriver and
    PluginFault.
    """
    clock = open_clock(settings)
    load_sms(settings)
    plugged = open_plugged(settings, clock, open_feed(settings))
    store, plugins = plugged.store, plugged.plugins
    captcha = _captcha(settings, key, clock, plugins)
    requests, shared = _requests(settings)
    passwords = ArgonPasswords(
        memory_kib=settings.argon2_memory_kib,
        time_cost=settings.argon2_time,
        parallelism=settings.argon2_parallelism,
        workers=settings.hash_workers,
        queue=settings.hash_queue,
        deadline=settings.hash_deadline,
    )
    alarms = Alarms(settings.login_site_rates, settings.code_site_rates)
    watch = Watch(store, clock, HmacSecrets(key), alarms)
    budget = budget_of(settings)
    metrics = _metrics(settings, budget, read_messages(settings, store, clock))
    sender = _sender(settings, metrics, plugins)
    sending = Sending(store, clock, sender, budget, watch, dry_run=settings.sms_dry_run)
    retention = Retention(
        settings.retention_codes,
        settings.retention_sessions,
        settings.retention_audit,
        settings.retention_messages,
    )
    return App(
        service=_service(
            settings, key, store, clock, passwords, captcha, watch, sending, metrics or NoMeter()
        ),
        administer=Administer(store, clock, passwords),
        retain=Retain(store, clock, retention),
        groups=groups_of(settings),
        store=store,
        passwords=passwords,
        clock=clock,
        sending=sending,
        metrics=metrics,
        requests=requests,
        shared_counts=shared,
        captcha=captcha,
        watch=watch,
        plugged=plugged,
    )


def _sender(settings: Settings, metrics: Metrics | None, plugins: Plugins) -> SmsSender:
    others = additions.gateways(plugins, settings)
    if metrics is None:
        return open_sender(settings, others=others)
    return Metered(open_sender(settings, metrics.asked, others=others), metrics)


def _metrics(settings: Settings, budget: Budget, messages: ReadMessages) -> Metrics | None:
    load_metrics(settings)
    if settings.metrics_key is None:
        return None

    async def budgets() -> list[Used]:
        return [
            Used(standing.period.kind, unit, spent / most)
            for standing in await messages.budgets()
            for unit, spent, most in (
                ("money", standing.spent.cost, standing.cap.cost),
                ("messages", standing.spent.messages, standing.cap.messages),
            )
            if most
        ]

    return Metrics(budget.cost, budgets)


def read_messages(settings: Settings, store: Store, clock: Clock) -> ReadMessages:
    """What was sent, for operators."""
    caps = caps_of(settings.sms_budget, settings.sms_budget_messages)
    return ReadMessages(store, clock, caps, settings.sms_budget_offset)


def _captcha(
    settings: Settings, key: bytes, clock: Clock, plugins: Plugins
) -> OpenedCaptcha | None:
    load_captcha(settings)
    other = additions.captcha(plugins, settings)
    return open_captcha(settings, HmacSecrets(key), clock, other=other)


def _requests(settings: Settings) -> "tuple[RequestLimit | None, SharedCounts[News] | None]":
    """The general limit of requests, if there is one; common to all processes through Redis."""
    if not settings.request_rates:
        return None, None
    if settings.redis_url is None or settings.database_kind == "sqlite":
        return RequestLimit(settings.request_rates), None
    from denglu.redis.counts import SharedCounts

    requests = RequestLimit(settings.request_rates, shared=True)
    shared = SharedCounts(settings.redis_url, requests)
    shared.start()
    return requests, shared


def open_api(
    app: App, settings: Settings, access_log: AccessLog, *, bound_to_loopback: bool
) -> Application:
    """The ASGI application of a wired denglu."""
    return build_api(
        app.service,
        settings,
        groups=app.groups,
        common_passwords=common_passwords(),
        ready=app.service.ready,
        now=app.clock.now,
        access_log=_logged(access_log, app.metrics),
        requests=app.requests,
        metrics=app.metrics.render if app.metrics else None,
        bound_to_loopback=bound_to_loopback,
        routes=additions.routes(app.plugged.plugins, app.plugged.desks, settings.mounts)
        if app.plugged
        else (),
    )


def _logged(log: AccessLog, metrics: Metrics | None) -> RequestLog:
    """One line a request, from what the wire knows about it; counted, where somebody watches."""

    def write(exchange: Exchange, answer: Answer | None, seconds: float) -> None:
        log.write(
            request_id=exchange.request_id,
            ip=exchange.ip,
            method=exchange.method,
            path=exchange.path,
            status=answer.status if answer else 499,
            code=answer.code if answer else 499,
            reason=(answer.reason or None) if answer else "client_gone",
            group=exchange.group or None,
            member_id=exchange.member_id,
            mobile=exchange.mobile,
            duration_ms=seconds * 1000,
        )

    def write_and_count(exchange: Exchange, answer: Answer | None, seconds: float) -> None:
        write(exchange, answer, seconds)
        if metrics is not None:
            code, reason = (answer.code, answer.reason) if answer else (499, "client_gone")
            metrics.request(exchange.operation, code, reason, seconds)

    return write if metrics is None else write_and_count


def _service(
    settings: Settings,
    key: bytes,
    store: Store,
    clock: Clock,
    passwords: Passwords,
    captcha: Captcha | None,
    watch: Watch,
    sending: Sending,
    meter: Meter,
) -> Service:
    secrets, tokens = HmacSecrets(key), HmacTokens(key)
    wording = wording_of(settings)
    sessions = session_policy(settings)
    codes, fixed = code_policy(settings), fixed_codes(settings)
    opening = Opening(tokens, sessions)
    pumping = _pumping(settings, secrets, watch, fixed)
    tries = _code_try(settings, store, clock, secrets, codes, watch, pumping)
    suspicious = Limit("login-suspicion", settings.login_suspicion_rates)
    suspicion = Suspicion(captcha, secrets, watch, logins=suspicious)
    authenticate = Authenticate(store, clock, tokens, sessions)
    password_tries = _password_try(settings, store, clock, passwords, secrets, watch)
    refresh = Refresh(store, clock, tokens, sessions)
    notices = Notices(store, clock, secrets, sending, wording, fixed)
    prove = Prove(store, tries, password_tries)
    return Service(
        login=Login(store, clock, passwords, opening, password_tries, suspicion),
        mobile_login=MobileLogin(store, clock, tries, opening),
        register=Register(store, clock, passwords, tries, opening),
        reset_password=ResetPassword(store, clock, passwords, secrets, tries, opening, notices),
        change_password=ChangePassword(store, clock, passwords, password_tries, opening, notices),
        send_code=SendCode(
            store,
            clock,
            secrets,
            sending,
            codes,
            sms_limits(settings),
            wording,
            suspicion,
            pumping,
            fixed,
        ),
        refresh=refresh,
        authenticate=authenticate,
        logout=Logout(store, clock, authenticate),
        devices=Devices(store, clock),
        change_mobile=ChangeMobile(store, clock, secrets, prove, opening, notices),
        deletion=Cancel(
            store, clock, prove, Erase(store, clock), notices, settings.cancel_cooling_off
        ),
        receipts=TakeReceipts(store, clock, meter),
        store=store,
    )


def _password_try(
    settings: Settings,
    store: Store,
    clock: Clock,
    passwords: Passwords,
    secrets: HmacSecrets,
    watch: Watch,
) -> PasswordTry:
    seats = settings.hash_queue + settings.hash_workers
    turnstile = Turnstile(
        store,
        clock,
        capacity=seats,
        share=max(1, seats // _ADDRESS_SHARE),
        patience=settings.hash_deadline,
    )
    limits = login_limits(settings)
    return PasswordTry(
        store, clock, passwords, secrets, turnstile, limits, watch, failure_floor=_FAILURE_FLOOR
    )


def _code_try(
    settings: Settings,
    store: Store,
    clock: Clock,
    secrets: HmacSecrets,
    codes: CodePolicy,
    watch: Watch,
    pumping: Pumping,
) -> CodeTry:
    return CodeTry(
        store,
        clock,
        secrets,
        codes,
        watch,
        pumping,
        number=Limit("code-number", settings.code_number_rates),
        address=Limit("code-address", settings.login_address_rates),
    )


def _pumping(settings: Settings, secrets: HmacSecrets, watch: Watch, fixed: FixedCodes) -> Pumping:
    return Pumping(
        secrets,
        watch,
        fixed,
        block=Limit("sms-block", settings.sms_block_rates, provable=True),
        span=Limit("sms-range", settings.sms_range_rates, provable=True),
        dry=settings.sms_dry_run,
    )
