"""How ``denglu sms`` shows messages, figures, budgets and tests."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from denglu.cli.output import plain, print_table, when
from denglu.cli.sms_desk import Tried
from denglu.domain.message_book import Figures, MessageEntry, Statistics
from denglu.domain.mobile import mask_mobile
from denglu.domain.sms_message import Outcome
from denglu.flows.message_book import Standing
from denglu.flows.ports import GatewayFailed
from denglu.settings.sms_budget import money_text

if TYPE_CHECKING:
    from denglu.sms.codes import ProviderCode

HEAD = ("TIME", "NUMBER", "TEMPLATE", "GATEWAY", "OUTCOME", "COST", "MS", "ID", "ERROR")
WIDTHS = (25, 11, 15, 11, 11, 6, 5, 20, 0)
_FIGURES = (
    "SENT", "FAILED", "UNKNOWN", "DELIVERED", "UNDELIVERED", "VERIFIED", "P50 MS", "P95 MS",
    "COST",
)  # fmt: skip


def message_row(entry: MessageEntry, now: int) -> Sequence[str]:
    """The cells of a message."""
    cells = (
        when(entry.created_at),
        entry.masked,
        entry.template,
        entry.gateway,
        entry.outcome_by(now),
        money_text(entry.cost),
        str(entry.latency_ms) if entry.gateway else "",
        entry.provider_id,
        entry.error,
    )
    return [plain(cell) for cell in cells]


def message_json(entry: MessageEntry, now: int) -> Mapping[str, object]:
    """A message with stable keys."""
    return {
        "id": entry.id,
        "at": entry.created_at,
        "time": when(entry.created_at),
        "mobile": entry.masked,
        "template": entry.template,
        "gateway": entry.gateway,
        "outcome": entry.outcome_by(now),
        "provider_id": entry.provider_id,
        "cost": money_text(entry.cost),
        "parts": entry.parts,
        "latency_ms": entry.latency_ms,
        "error": entry.error,
        "finished_at": entry.finished_at or None,
        "received_at": entry.received_at or None,
    }


def print_statistics(statistics: Statistics, budgets: Iterable[Standing]) -> None:
    """The figures, by gateway and by template; the budgets."""
    for head, figures in (("GATEWAY", statistics.gateways), ("TEMPLATE", statistics.templates)):
        if not figures:
            continue
        click.echo()
        rows = [[name or "(none)", *_row(each)] for name, each in sorted(figures.items())]
        print_table((head, *_FIGURES), rows)
    if standing := [_budget_row(each) for each in budgets]:
        click.echo()
        print_table(("BUDGET", "MESSAGES", "OF", "MONEY", "OF", "UNTIL"), standing)


def _row(figures: Figures) -> list[str]:
    verified, p50, p95 = figures.verified, figures.latency(50), figures.latency(95)
    return [
        str(figures.taken),
        str(figures.of(Outcome.failed)),
        str(figures.of(Outcome.unknown)),
        str(figures.of(Outcome.delivered)),
        str(figures.of(Outcome.undelivered)),
        "" if verified is None else f"{verified:.0%}",
        "" if p50 is None else str(p50),
        "" if p95 is None else str(p95),
        money_text(figures.cost),
    ]


def _budget_row(standing: Standing) -> Sequence[str]:
    spent, cap = standing.spent, standing.cap
    return (
        standing.period.kind,
        str(spent.messages),
        "" if cap.messages is None else str(cap.messages),
        money_text(spent.cost),
        "" if cap.cost is None else money_text(cap.cost),
        when(standing.period.ends_at),
    )


def statistics_json(statistics: Statistics, budgets: Iterable[Standing]) -> Mapping[str, object]:
    """The same with stable keys."""
    return {
        "since": statistics.since,
        "until": statistics.until,
        "gateways": {name: _figures_json(each) for name, each in statistics.gateways.items()},
        "templates": {name: _figures_json(each) for name, each in statistics.templates.items()},
        "budgets": {each.period.kind: _budget_json(each) for each in budgets},
    }


def _figures_json(figures: Figures) -> Mapping[str, object]:
    return {
        "sent": figures.taken,
        "outcomes": dict(sorted(figures.outcomes.items())),
        "verified": figures.verified,
        "p50_ms": figures.latency(50),
        "p95_ms": figures.latency(95),
        "cost": money_text(figures.cost),
    }


def _budget_json(standing: Standing) -> Mapping[str, object]:
    cap = standing.cap
    return {
        "messages": standing.spent.messages,
        "of_messages": cap.messages,
        "money": money_text(standing.spent.cost),
        "of_money": None if cap.cost is None else money_text(cap.cost),
        "since": standing.period.starts_at,
        "until": standing.period.ends_at,
    }


def print_tried(tried: Tried) -> None:
    """What each gateway said, and what to do about it."""
    for failure in tried.failures:
        known = _known(failure)
        click.echo(plain(f"{failure.gateway}: {failure.trouble}: {failure.cause}"))
        click.echo(f"  {known.zh}\n  {known.en}")
    if tried.result is None:
        click.echo("not sent" if tried.surely else "not known: it may have been sent")
        return
    result, to = tried.result, mask_mobile(tried.message.mobile)
    if result.outcome is Outcome.dry_run:
        click.echo(f"dry run: nothing was sent to {to}; our own text is\n{tried.message.text}")
        return
    name = f", {result.provider_id}" if result.provider_id else ""
    click.echo(
        plain(
            f"{result.gateway}: sent to {to} in {result.latency_ms} ms, "
            f"cost {money_text(result.cost)}{name}"
        )
    )


def tried_json(tried: Tried) -> Mapping[str, object]:
    """The same with stable keys."""
    result = tried.result
    outcome = result.outcome if result else Outcome.failed if tried.surely else Outcome.unknown
    return {
        "mobile": mask_mobile(tried.message.mobile),
        "template": tried.message.template,
        "outcome": outcome.value,
        "gateway": result.gateway if result else None,
        "provider_id": result.provider_id if result else None,
        "latency_ms": result.latency_ms if result else None,
        "cost": money_text(result.cost) if result else None,
        "failures": [_failure_json(failure) for failure in tried.failures],
    }


def _failure_json(failure: GatewayFailed) -> Mapping[str, object]:
    known = _known(failure)
    return {
        "gateway": failure.gateway,
        "trouble": failure.trouble.value,
        "cause": failure.cause,
        "zh": known.zh,
        "en": known.en,
    }


def _known(failure: GatewayFailed) -> "ProviderCode":
    # All catalogues: only where there is something to explain.
    from denglu.doctor.sms_codes import explain

    return explain(failure.cause, failure.trouble, gateway=failure.gateway)
