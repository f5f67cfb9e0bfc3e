"""Settings of the spend guard: what messages cost, and how much may be spent on them.

Money is read as a decimal with at most four places, and is whole ten-thousandths from then on.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated

from pydantic import Field, PlainValidator

from denglu.domain.spend import Cap, Kind
from denglu.settings import readers
from denglu.settings.about import About, Section, between
from denglu.settings.values import split

Amounts = Mapping[str, int]

_MONEY = re.compile(r"[0-9]{1,7}(\.[0-9]{1,4})?", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)
_OFFSET = re.compile(r"[+-]?[0-9]{1,2}", re.ASCII)
_UNIT = 10_000
_DEAREST = 100 * _UNIT


def money(text: str) -> int:
    """``0.045`` as 450 ten-thousandths. Raises ValueError."""
    if not _MONEY.fullmatch(text):
        raise ValueError(f"{text!r} is no amount with at most 4 decimal places, such as 0.045")
    return int(Decimal(text) * _UNIT)


def money_text(amount: int) -> str:
    """450 as ``0.045``."""
    whole, rest = divmod(amount, _UNIT)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".")


def _count(text: str) -> int:
    if not _COUNT.fullmatch(text):
        raise ValueError(f"{text!r} is no whole number")
    return int(text)


def _amounts(
    names: Iterable[str],
    what: str,
    read: Callable[[str], int],
    show: Callable[[int], str] = str,
    also: Callable[[str], bool] = lambda name: False,
) -> tuple[PlainValidator, Callable[[Amounts], str]]:
    """Reads ``name=amount,…`` and the table ``{name: amount}``, in the order of ``names``, before
    those that are right ``also``; and shows it.
    """
    known = tuple(names)

    def read_all(value: object) -> Amounts:
        if isinstance(value, Mapping):
            pairs = [(str(name), str(amount)) for name, amount in value.items()]
        else:
            pairs = [(n, a) for n, _, a in (str(entry).partition("=") for entry in split(value))]
        others = [name for name, _ in pairs if name.strip() not in known]
        if unknown := [name.strip() for name in others if not also(name.strip())]:
            raise ValueError(f"{unknown[0]!r} is no {what}: {', '.join(known)}")
        found = {name.strip(): read(amount.strip()) for name, amount in pairs}
        if len(found) < len(pairs):
            raise ValueError(f"names a {what} twice")
        ordered = [name for name in dict.fromkeys((*known, *found)) if name in found]
        return MappingProxyType({name: found[name] for name in ordered})

    def show_all(value: Amounts) -> str:
        return ",".join(f"{name}={show(amount)}" for name, amount in value.items())

    return PlainValidator(read_all), show_all


def _prices(text: str) -> int:
    if (price := money(text)) > _DEAREST:
        raise ValueError(f"{text!r} is more than 100 for one message")
    return price


def _some(read: Callable[[str], int]) -> Callable[[str], int]:
    def read_some(text: str) -> int:
        if not (amount := read(text)):
            raise ValueError(f"{text!r} would send nothing: leave out what has no budget")
        return amount

    return read_some


def _offset(value: object) -> int:
    if isinstance(value, bool) or not _OFFSET.fullmatch(str(value).strip()):
        raise ValueError("is no whole number of hours")
    return int(str(value))


_PRICES, _show_prices = _amounts(
    readers.GATEWAYS, "gateway", _prices, money_text, also=readers.is_of_plugin
)
_MONEY_CAPS, _show_money = _amounts(Kind, "period", _some(money), money_text)
_COUNT_CAPS, _show_counts = _amounts(Kind, "period", _some(_count))


def _in_money(why: str) -> About:
    return About(
        why=why,
        allowed="hour=20,day=100,month=2000 or a table; any of them; needs sms_prices",
        show=_show_money,
    )


def _in_messages(why: str) -> About:
    return About(
        why=why, allowed="hour=400,day=2000,month=40000 or a table; any of them", show=_show_counts
    )


class SmsBudget(Section):
    """What may be spent on messages."""

    sms_prices: Annotated[
        Amounts,
        _PRICES,
        About(
            why="what a gateway takes for one part of a message (70 characters); every gateway in "
            "use needs one for a budget in money, but console and outbox, which are free",
            allowed="aliyun=0.045,tencent=0.05 or a table; 0 … 100, at most 4 decimal places",
            show=_show_prices,
        ),
    ] = Field(default_factory=dict)
    sms_budget: Annotated[
        Amounts,
        _MONEY_CAPS,
        _in_money(
            "money for all messages of an hour, a day, a month: at the end of it nothing more is "
            "sent (sms_budget); an alert at half of it and at the end",
        ),
    ] = Field(default_factory=dict)
    sms_budget_messages: Annotated[
        Amounts, _COUNT_CAPS, _in_messages("the same, counted in messages")
    ] = Field(default_factory=dict)
    sms_merchant_budget: Annotated[
        Amounts, _MONEY_CAPS, _in_money("the same in money, for each merchant")
    ] = Field(default_factory=dict)
    sms_merchant_budget_messages: Annotated[
        Amounts, _COUNT_CAPS, _in_messages("the same in messages, for each merchant")
    ] = Field(default_factory=dict)
    sms_budget_offset: Annotated[
        int,
        PlainValidator(_offset),
        between(
            -12,
            14,
            "how far ahead of UTC the days and months of budgets begin: 8 is midnight in China",
            unit="hours",
        ),
    ] = 8


FREE = ("console", "outbox")
"""Gateways that cost nothing unless a price is set."""


def prices_of(settings: SmsBudget, gateways: Iterable[str]) -> Amounts:
    """The price of every gateway in use that has one."""
    free = dict.fromkeys(FREE, 0)
    known = {**free, **settings.sms_prices}
    return {name: known[name] for name in gateways if name in known}


def caps_of(cost: Amounts, messages: Amounts) -> Mapping[Kind, Cap]:
    """The caps that two budgets of one scope are."""
    return {
        kind: Cap(messages=messages.get(kind), cost=cost.get(kind))
        for kind in Kind
        if kind in messages or kind in cost
    }
