"""What each endpoint does: hand the form to its flow, wrap what comes back."""

from dataclasses import dataclass

from denglu.api.envelope import Answer, Envelope, plain_answer
from denglu.api.exchange import Exchange
from denglu.api.forms import (
    LoginForm,
    MobileLoginForm,
    RefreshForm,
    RegisterForm,
    ResetPasswordForm,
    SmsCodeForm,
    VerifyForm,
)
from denglu.api.member_view import MemberView
from denglu.api.options import Flows, Ready
from denglu.api.wire import Wire
from denglu.domain.session import Found
from denglu.flows.results import Grant


@dataclass(frozen=True, slots=True)
class Site:
    """What the handlers work with."""

    flows: Flows
    ready: Ready
    envelope: Envelope
    members: MemberView
    wire: Wire


async def login(site: Site, exchange: Exchange, form: LoginForm) -> Answer:
    """Username and password."""
    grant = await site.flows.login(
        username=form.username, password=form.password, group=form.group, caller=exchange.caller
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
    await site.flows.send_code(mobile=form.mobile, usage=form.usage, caller=exchange.caller)
    return site.envelope.ok(site.wire.empty_sms)


async def refresh(site: Site, exchange: Exchange, form: RefreshForm) -> Answer:
    """The next pair of tokens."""
    grant = await site.flows.refresh(
        token=form.refresh_token, group=form.group, caller=exchange.caller
    )
    return granted(site, exchange, grant)


async def logout(site: Site, exchange: Exchange, token: str) -> Answer:
    """The end of the caller's session; a token that just expired is good enough."""
    found = await site.flows.logout(token)
    exchange.member_id, exchange.group = found.member.id, found.session.group
    chinese, english = site.wire.logout_message
    return site.envelope.ok(site.wire.empty_logout, english if exchange.english else chinese)


async def verify_token(site: Site, exchange: Exchange, form: VerifyForm) -> Answer:
    """Whether a client may keep its tokens."""
    good = await site.flows.verify_token(form.token)
    return site.envelope.ok(b'{"token":true}' if good else b'{"token":false}')


async def who_am_i(site: Site, exchange: Exchange, found: Found) -> Answer:
    """The caller's own member object."""
    return site.envelope.ok(site.members.render(found.member))


async def alive(site: Site, exchange: Exchange, nothing: None) -> Answer:
    """The process answers."""
    return plain_answer(200, {"status": "ok"})


async def readiness(site: Site, exchange: Exchange, nothing: None) -> Answer:
    """The store answers too."""
    ready = await site.ready()
    return plain_answer(200 if ready else 503, {"status": "ready" if ready else "not ready"})


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
