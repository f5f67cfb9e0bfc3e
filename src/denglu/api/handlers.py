"""What each endpoint does: hand the form to its flow, wrap what comes back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from denglu.api.envelope import Answer, Envelope, plain_answer
from denglu.api.exchange import Exchange
from denglu.api.forms import (
    CancelForm,
    ChangeMobileForm,
    ChangePasswordForm,
    LoginForm,
    MobileLoginForm,
    RefreshForm,
    RegisterForm,
    ResetPasswordForm,
    SmsCodeForm,
    VerifyForm,
)
from denglu.api.introspect import BackEnds
from denglu.api.jsontext import to_json
from denglu.api.member_view import MemberView
from denglu.api.metrics import Metrics
from denglu.api.options import Flows, Ready
from denglu.api.receipts import Hooks
from denglu.api.session_view import render_sessions
from denglu.api.wire import Wire
from denglu.domain.deletion import Cancellation
from denglu.domain.session import Found
from denglu.flows.results import Grant


@dataclass(frozen=True, slots=True)
class Site:
    """What the handlers work with. ``labels``: what people call the groups. ``back_ends``: who
    may introspect tokens; None where nobody may. ``hooks``: who may tell of messages, and
    ``metrics``: what may be watched, the same. ``warnings``: what an operator should hear.
    ``merchants``: whether there are any, so that `merchant-id` counts.
    """

    flows: Flows
    ready: Ready
    envelope: Envelope
    members: MemberView
    wire: Wire
    labels: Mapping[str, str] = field(default_factory=dict)
    back_ends: BackEnds | None = None
    hooks: Hooks | None = None
    metrics: Metrics | None = None
    warnings: Callable[[], Sequence[str]] = tuple
    merchants: bool = False


async def login(site: Site, exchange: Exchange, form: LoginForm) -> Answer:
    """Username and password."""
    grant = await site.flows.login(
        username=form.username,
        password=form.password,
        group=form.group,
        caller=exchange.caller,
        captcha_token=form.captcha_token,
    )
    return granted(site, exchange, grant)


async def mobile_login(site: Site, exchange: Exchange, form: MobileLoginForm) -> Answer:
    """Mobile and SMS code."""
    grant = await site.flows.mobile_login(
        mobile=form.mobile, code=form.code, group=form.group, caller=exchange.caller
    )
    return granted(site, exchange, grant)


async def register(site: Site, exchange: Exchange, form: RegisterForm) -> Answer:
    """A new member, logged in at once."""
    grant = await site.flows.register(
        mobile=form.mobile,
        code=form.code,
        group=form.group,
        password=form.password,
        nickname=form.nickname,
        caller=exchange.caller,
    )
    return granted(site, exchange, grant)


async def reset_password(site: Site, exchange: Exchange, form: ResetPasswordForm) -> Answer:
    """A new password by SMS code; every older session ends."""
    grant = await site.flows.reset_password(
        mobile=form.mobile,
        code=form.code,
        group=form.group,
        password=form.password,
        caller=exchange.caller,
    )
    return granted(site, exchange, grant)


async def send_code(site: Site, exchange: Exchange, form: SmsCodeForm) -> Answer:
    """An SMS code."""
    await site.flows.send_code(
        mobile=form.mobile,
        usage=form.usage,
        caller=exchange.caller,
        captcha_token=form.captcha_token,
    )
    return site.envelope.ok(site.wire.empty_sms)


async def refresh(site: Site, exchange: Exchange, form: RefreshForm) -> Answer:
    """The next pair of tokens."""
    grant = await site.flows.refresh(
        token=form.refresh_token, group=form.group, caller=exchange.caller
    )
    return granted(site, exchange, grant)


async def logout(site: Site, exchange: Exchange, token: str) -> Answer:
    """The end of the caller's session; a token that just expired is good enough."""
    found = await site.flows.logout(token, exchange.realm)
    exchange.is_of(found)
    chinese, english = site.wire.logout_message
    return site.envelope.ok(site.wire.empty_logout, english if exchange.english else chinese)


async def verify_token(site: Site, exchange: Exchange, form: VerifyForm) -> Answer:
    """Whether a client may keep its tokens."""
    good = await site.flows.verify_token(form.token, exchange.realm)
    return site.envelope.ok(b'{"token":true}' if good else b'{"token":false}')


async def who_am_i(site: Site, exchange: Exchange, found: Found) -> Answer:
    """The caller's own member object."""
    return site.envelope.ok(site.members.render(found.member))


async def list_sessions(site: Site, exchange: Exchange, found: Found) -> Answer:
    """Where the caller is logged in."""
    sessions = await site.flows.sessions(found)
    return site.envelope.ok(render_sessions(sessions, found.session.id, site.labels))


async def end_session(site: Site, exchange: Exchange, found: Found) -> Answer:
    """The end of one of the caller's sessions."""
    assert exchange.number is not None
    await site.flows.end_session(found, exchange.number, exchange.caller)
    return site.envelope.ok(site.wire.empty)


async def end_other_sessions(site: Site, exchange: Exchange, found: Found) -> Answer:
    """The end of all the caller's sessions but the one in use."""
    await site.flows.end_other_sessions(found, exchange.caller)
    return site.envelope.ok(site.wire.empty)


async def change_password(
    site: Site, exchange: Exchange, given: tuple[Found, ChangePasswordForm]
) -> Answer:
    """A new password; every session ends, the caller gets a new one."""
    found, form = given
    grant = await site.flows.change_password(
        found, old_password=form.old_password, password=form.password, caller=exchange.caller
    )
    return granted(site, exchange, grant)


async def change_mobile(
    site: Site, exchange: Exchange, given: tuple[Found, ChangeMobileForm]
) -> Answer:
    """Another mobile; every session ends, the caller gets a new one."""
    found, form = given
    grant = await site.flows.change_mobile(
        found,
        mobile=form.mobile,
        code=form.code,
        password=form.password,
        new_code=form.new_code,
        caller=exchange.caller,
    )
    return granted(site, exchange, grant)


async def show_cancellation(site: Site, exchange: Exchange, found: Found) -> Answer:
    """Whether and when the caller's account is to be deleted."""
    return site.envelope.ok(render_cancellation(await site.flows.cancellation(found)))


async def cancel(site: Site, exchange: Exchange, given: tuple[Found, CancelForm]) -> Answer:
    """The caller's account is to be deleted."""
    found, form = given
    asked = await site.flows.cancel(
        found, code=form.code, password=form.password, caller=exchange.caller
    )
    return site.envelope.ok(render_cancellation(asked))


async def withdraw_cancellation(site: Site, exchange: Exchange, found: Found) -> Answer:
    """The caller's account is to stay."""
    await site.flows.withdraw_cancellation(found, exchange.caller)
    return site.envelope.ok(site.wire.empty)


def render_cancellation(asked: Cancellation | None) -> bytes:
    """JSON text."""
    return to_json(
        {
            "requested": asked is not None,
            "requested_at": asked.requested_at if asked else 0,
            "due_at": asked.due_at if asked else 0,
        }
    )


async def alive(site: Site, exchange: Exchange, nothing: None) -> Answer:
    """The process answers."""
    return plain_answer(200, {"status": "ok"})


async def readiness(site: Site, exchange: Exchange, nothing: None) -> Answer:
    """The store answers too."""
    if not await site.ready():
        return plain_answer(503, {"status": "not ready"})
    warnings = list(site.warnings())
    return plain_answer(200, {"status": "ready"} | ({"warnings": warnings} if warnings else {}))


def granted(site: Site, exchange: Exchange, grant: Grant) -> Answer:
    """The token object."""
    exchange.member_id = grant.member.id
    life = b'"%d"' if site.wire.life_as_text else b"%d"
    return site.envelope.ok(
        b'{"refresh_token":"%b","access_token":"%b","expiration_time":%b,"member":%b}'
        % (
            grant.refresh_token.encode(),
            grant.access_token.encode(),
            life % grant.expires_in,
            site.members.render(grant.member),
        )
    )
