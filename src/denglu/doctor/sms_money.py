"""The doctor's look at what messages may cost: prices, budgets, the worst month."""

from collections.abc import Iterator, Mapping

from denglu.doctor.finding import Finding, Level
from denglu.domain.spend import Cap, Kind, parts_of
from denglu.settings import Settings
from denglu.settings.model import variable
from denglu.settings.sms_budget import FREE, caps_of, money_text, prices_of
from denglu.settings.wording import wording_of

_DAY = 86400
_DAYS = 31
# How many of each period begin within the longest month.
_TIMES = {Kind.hour: 24 * _DAYS, Kind.day: _DAYS, Kind.month: 1}


def examine_money(settings: Settings) -> Iterator[Finding]:
    """Without asking anybody. Nothing where no message costs anything."""
    paid = [name for name in settings.sms_gateways if name not in FREE]
    if not paid:
        return
    prices = prices_of(settings, settings.sms_gateways)
    if unpriced := [name for name in paid if name not in prices]:
        yield _finding(
            Level.note,
            f"no price for {', '.join(unpriced)}: what messages cost is not counted",
            f"set {variable('sms_prices')} to what is billed, such as {paid[0]}=0.045",
        )
    dearest = max((price * _parts(name, settings) for name, price in prices.items()), default=0)
    caps = caps_of(settings.sms_budget, settings.sms_budget_messages)
    yield _bounded(caps, dearest) if caps else _unbounded(settings, dearest)


def _parts(name: str, settings: Settings) -> int:
    """As how many our longest text is billed; that of a provider's template nobody knows here."""
    if name != "http":
        return 1
    texts = wording_of(settings).longest(settings.sms_code_length, settings.sms_code_ttl)
    return max(map(parts_of, texts.values()))


def _unbounded(settings: Settings, dearest: int) -> Finding:
    most = min(rate.count * -(-_DAYS * _DAY // rate.window) for rate in settings.sms_site_rates)
    return _finding(
        Level.warning,
        f"no budget: the worst month has {most} codes{_cost(most * dearest)}, and notices besides",
        f"set {variable('sms_budget')}, such as hour=20,day=100,month=2000, or "
        f"{variable('sms_budget_messages')}",
    )


def _bounded(caps: Mapping[Kind, Cap], dearest: int) -> Finding:
    counts = [cap.messages * _TIMES[kind] for kind, cap in caps.items() if cap.messages is not None]
    costs = [cap.cost * _TIMES[kind] for kind, cap in caps.items() if cap.cost is not None]
    costs += [min(counts) * dearest] if counts and dearest else []
    bounds = [f"has {min(counts)} messages"] if counts else []
    bounds += [f"costs {money_text(min(costs))}"] if costs else []
    most = " and ".join(bounds)
    return _finding(Level.ok, f"the worst month {most}; then nothing is sent (sms_budget)")


def _cost(amount: int) -> str:
    return f" ({money_text(amount)})" if amount else ""


def _finding(level: Level, message: str, advice: str = "") -> Finding:
    return Finding("money", level, message, advice)
