"""``denglu audit``."""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from denglu.cli.backstage import find, look_back, read_settings
from denglu.cli.faults import Misuse
from denglu.cli.moments import read_moment
from denglu.cli.output import merchant_option, plain, print_cells, print_json, when
from denglu.domain.audit import Event

if TYPE_CHECKING:
    from denglu.domain.audit import Entry
    from denglu.flows.administer import Administer
    from denglu.flows.look_back import Follow, LookBack, Question

_POLL = 1.0
_HEAD = ("TIME", "UNIX", "EVENT", "MERCHANT", "MEMBER", "SESSION", "GROUP", "ADDRESS", "NOTE")
_WIDTHS = (25, 10, max(map(len, Event)), 8, 7, 7, 8, 15, 0)


def _list_events(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from denglu.cli.audit_events import MEANINGS

    for event, meaning in MEANINGS.items():
        click.echo(f"{event:<{_WIDTHS[2]}}  {meaning.en}\n{'':<{_WIDTHS[2]}}  {meaning.zh}")
    ctx.exit()


@click.command(short_help="Show what happened: logins, failures, ended sessions, operators' deeds.")
@click.argument("who", required=False)
@click.option(
    "--event",
    "events",
    multiple=True,
    type=click.Choice([event.value for event in Event]),
    metavar="NAME",
    help="Only these events (may be given several times; see --list-events).",
)
@click.option("--since", help="From then on: 24h, 2026-11-01, '2026-11-01 08:30', Unix seconds.")
@click.option("--until", help="Only what happened before that time.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=100,
    show_default=True,
    help="The newest so many.",
)
@click.option("--follow", is_flag=True, help="Go on with what happens, until Ctrl+C.")
@click.option(
    "--list-events",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_events,
    help="Print what each event means, and exit.",
)
@merchant_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def audit(
    who: str | None,
    events: tuple[str, ...],
    since: str | None,
    until: str | None,
    limit: int,
    follow: bool,
    merchant_id: int | None,
    as_json: bool,
) -> None:
    """Show the audit trail, the newest line last.

    WHO is an id, a username, a mobile or an e-mail address; without it, everybody, or with
    --merchant what happened there. Unless
    --since is given, a member's lines are looked through from the beginning, everybody's for the
    last 24 hours.

    \b
    Example:
      denglu audit 13800000000
      denglu audit --event login_failed --event too_many_attempts --since 2h
      denglu audit --follow --json | jq 'select(.event == "alert")'
    """
    if follow and until:
        raise Misuse("--follow goes on, and --until ends: leave one out")
    show = _json_line if as_json else _table_line

    async def work(desk: "Administer", trail: "LookBack") -> None:
        question = await _question(desk, trail, who, merchant_id, events, since, until)
        followed = await trail.follow() if follow else None
        entries = await trail.find(question, limit + 1)
        if not as_json and (entries or follow):
            print_cells(_HEAD, _WIDTHS)
        for entry in entries[-limit:]:
            show(entry)
        if len(entries) > limit:
            click.echo("there are older ones: --limit shows more", err=True)
        if followed is not None:
            await _go_on(followed, question, show, {entry.id for entry in entries})
        elif not entries:
            click.echo(_nothing(question, since or until), err=True)

    try:
        look_back(read_settings(), work)
    except KeyboardInterrupt:
        if not follow:
            raise


async def _question(
    desk: "Administer",
    trail: "LookBack",
    who: str | None,
    merchant_id: int | None,
    events: tuple[str, ...],
    since: str | None,
    until: str | None,
) -> "Question":
    from denglu.flows.look_back import Question

    now = trail.now()
    question = Question(events=frozenset(events), merchant_id=None if who else merchant_id)
    if since is not None:
        question = replace(question, since=read_moment("--since", since, now))
    if until is not None:
        question = replace(question, until=read_moment("--until", until, now))
    if who is not None:
        question = replace(question, member_id=(await find(desk, who, merchant_id)).id)
    return question


def _nothing(question: "Question", times: str | None) -> str:
    if times:
        return "no events in that time"
    return "no events in the last 24 hours" if question.member_id is None else "no events"


async def _go_on(
    followed: "Follow", question: "Question", show: Callable[["Entry"], None], shown: set[int]
) -> None:
    """Show what comes. A database that is away for a while may come back."""
    import asyncio

    from denglu.domain.errors import Refusal

    away = False
    while True:
        sys.stdout.flush()
        await asyncio.sleep(_POLL)
        try:
            news = await followed.news()
            away = False
        except Refusal:
            if not away:
                click.echo("denglu: the database does not answer; still trying", err=True)
            away, news = True, []
        for entry in news:
            if question.wants(entry) and entry.id not in shown:
                show(entry)


def _json_line(entry: "Entry") -> None:
    value = {
        "id": entry.id,
        "at": entry.at,
        "time": when(entry.at),
        "event": entry.event,
        "member_id": entry.member_id,
        "merchant_id": entry.merchant_id,
        "session_id": entry.session_id,
        "group": entry.group,
        "ip": entry.ip,
        "note": entry.note,
    }
    print_json(value, indent=None)


def _table_line(entry: "Entry") -> None:
    cells = (
        when(entry.at),
        str(entry.at),
        entry.event,
        str(entry.merchant_id or ""),
        str(entry.member_id or ""),
        str(entry.session_id or ""),
        entry.group,
        entry.ip,
        entry.note,
    )
    print_cells([plain(cell) for cell in cells], _WIDTHS)
