"""What the settings mean: limits, policies and budgets as the flows take them. Opens nothing."""

from datetime import UTC, datetime, time, timedelta

from denglu.domain.groups import Groups
from denglu.domain.limits import Limit, Rate
from denglu.domain.session import SessionPolicy
from denglu.domain.sms_code import CodePolicy, FixedCodes
from denglu.flows.budget import Budget
from denglu.flows.password_try import LoginLimits
from denglu.flows.sms_code import SmsLimits
from denglu.settings import Settings
from denglu.settings.sms_budget import caps_of, prices_of


def groups_of(settings: Settings) -> Groups:
    """The groups that the profile and the settings know."""
    return Groups(
        settings.groups, folded=settings.wire == "rageframe", aliases=settings.group_aliases
    )


def session_policy(settings: Settings) -> SessionPolicy:
    """How long tokens and sessions live."""
    return SessionPolicy(
        access_ttl=settings.access_ttl,
        refresh_idle=settings.refresh_idle,
        refresh_absolute=settings.refresh_absolute,
        window=settings.refresh_window,
        grace=settings.access_grace,
    )


def login_limits(settings: Settings) -> LoginLimits:
    """Failures per account and address, per account, per address."""
    return LoginLimits(
        account_address=Limit(
            "login-account-address",
            settings.login_account_address_rate,
            lockouts=tuple(rate.window for rate in settings.login_account_address_rate[-1:]),
        ),
        account=Limit(
            "login-account",
            settings.login_account_rate,
            lockouts=settings.login_account_lockouts,
            streak=settings.login_account_streak,
        ),
        address=Limit("login-address", settings.login_address_rates),
    )


def code_policy(settings: Settings) -> CodePolicy:
    """What codes look like, and how long they live."""
    # Four digits are 1000 to 9999, as the apps that take four digits expect them.
    length = settings.sms_code_length
    return CodePolicy(
        length=length,
        lowest=1000 if length == 4 else 0,
        life=settings.sms_code_ttl,
        tries=settings.sms_code_tries,
    )


def fixed_codes(settings: Settings) -> FixedCodes:
    """Codes of numbers to which nothing is sent, until the end of their last day (UTC)."""
    last = settings.sms_test_until
    if last is None:
        return FixedCodes()
    end = datetime.combine(last, time(), UTC) + timedelta(days=1)
    return FixedCodes(settings.sms_test_numbers, int(end.timestamp()))


def sms_limits(settings: Settings) -> SmsLimits:
    """Messages per number, per address, on the site."""
    return SmsLimits(
        cooldown=Limit("sms-cooldown", (Rate(1, settings.sms_cooldown),)),
        number=Limit("sms-number", settings.sms_number_rates),
        address=Limit("sms-address", settings.sms_address_rates),
        address_numbers=Limit("sms-address-numbers", settings.sms_address_numbers, distinct=True),
        site=Limit("sms-site", settings.sms_site_rates),
        phone=Limit("sms-phone", settings.sms_phone_rates) if has_merchants(settings) else None,
    )


def has_merchants(settings: Settings) -> bool:
    """Whether the merchant plugin is on."""
    return "merchant" in settings.plugins


def budget_of(settings: Settings) -> Budget:
    """What may be spent on messages."""
    return Budget(
        prices_of(settings, settings.sms_gateways),
        site=caps_of(settings.sms_budget, settings.sms_budget_messages),
        merchant=caps_of(settings.sms_merchant_budget, settings.sms_merchant_budget_messages),
        offset=settings.sms_budget_offset,
    )
