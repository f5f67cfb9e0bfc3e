"""``denglu sms …``: which messages were sent, how well, what they cost; a test."""

from typing import TYPE_CHECKING

import click

from denglu.cli.backstage import read_settings
from denglu.cli.faults import FAILED, Misuse
from denglu.cli.moments import read_moment
from denglu.cli.output import json_option, print_cells, print_json, when
from denglu.domain.sms_code import Usage
from denglu.domain.sms_message import Outcome

if TYPE_CHECKING:
    from denglu.domain.message_book import MessageEntry, Statistics
    from denglu.flows.message_book import ReadMessages, Standing


@click.group(short_help="See which messages were sent, how well, and what they cost; send a test.")
def sms() -> None:
    """Messages: list, statistics, a test.

    \b
    Example (a member says that no code arrives):
      denglu sms list --mobile 13800000000
      denglu sms stats --since 1h
      denglu doctor sms
    """


_since = click.option(
    "--since", help="From then on: 24h, 2026-11-01, '2026-11-01 08:30', Unix seconds."
)
_until = click.option("--until", help="Only what was sent before that time.")


@sms.command("list", short_help="List the newest messages.")
@click.option("--mobile", help="Only messages to this number, whole.")
@click.option(
    "--merchant",
    "merchant_id",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    metavar="ID",
    help="With --mobile: to members of this merchant, not of the site.",
)
@click.option(
    "--merchant-users", "to_users", is_flag=True, help="With --mobile: to merchants' users."
)
@click.option("--gateway", metavar="NAME", help="Only through it.")
@click.option(
    "--outcome",
    type=click.Choice([outcome.value for outcome in Outcome]),
    metavar="NAME",
    help="Only those: " + " ".join(Outcome) + ".",
)
@_since
@_until
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=100,
    show_default=True,
    help="The newest so many.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def list_(
    mobile: str | None,
    merchant_id: int,
    to_users: bool,
    gateway: str | None,
    outcome: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List messages, the newest line last. A message whose sending did not end within a minute is
    unknown.

    Unless --since is given, those to one number are looked through from the beginning,
    everybody's for the last 24 hours. Numbers are stored as a keyed digest: --mobile needs the
    server's secret key.

    \b
    Example:
      denglu sms list --mobile 13800000000
      denglu sms list --outcome unknown --since 2h --json
    """
    from denglu.cli.sms_desk import check_gateway, number_of, read
    from denglu.cli.sms_views import HEAD, WIDTHS, message_json, message_row
    from denglu.domain.member import MemberType, Namespace
    from denglu.flows.message_book import Question

    if (merchant_id or to_users) and (mobile is None or (merchant_id and to_users)):
        raise Misuse("--merchant or --merchant-users say whose the number of --mobile is")
    if gateway is not None:
        check_gateway(gateway)
    settings = read_settings()
    whose = Namespace(0, MemberType.merchant_user) if to_users else Namespace(merchant_id)
    number = None if mobile is None else number_of(settings, mobile, whose)

    async def work(messages: "ReadMessages") -> "tuple[int, list[MessageEntry]]":
        now = messages.now()
        question = Question(number, gateway or "", outcome or "", *_span(since, until, now))
        return now, await messages.find(question, limit + 1)

    now, entries = read(settings, work)
    if not as_json and entries:
        print_cells(HEAD, WIDTHS)
    for entry in entries[-limit:]:
        if as_json:
            print_json(message_json(entry, now), indent=None)
        else:
            print_cells(message_row(entry, now), WIDTHS)
    if len(entries) > limit:
        click.echo("there are older ones: --limit shows more", err=True)
    if not entries:
        everybody = mobile is None and not (since or until)
        click.echo("no messages" + (" in the last 24 hours" if everybody else ""), err=True)


def _span(since: str | None, until: str | None, now: int) -> tuple[int | None, int]:
    return (
        None if since is None else read_moment("--since", since, now),
        2**62 if until is None else read_moment("--until", until, now),
    )


@sms.command(short_help="Show figures by gateway and template, and how the budgets stand.")
@_since
@_until
@json_option
def stats(since: str | None, until: str | None, as_json: bool) -> None:
    """Show how many messages were sent (a gateway took them), failed, or are unknown; how many
    were reported as delivered; which share of the codes was used; how long gateways took; what
    it cost. For the last 24 hours, unless --since is given. Codes are kept for a day or so: the
    share of used ones is that of the codes that are still there.

    \b
    Example:
      denglu sms stats --since 7d
      denglu sms stats --since 1h --json
    """
    from denglu.cli.sms_desk import read
    from denglu.cli.sms_views import print_statistics, statistics_json

    async def work(messages: "ReadMessages") -> "tuple[Statistics, list[Standing]]":
        now = messages.now()
        begin, end = _span(since or "24h", until, now)
        assert begin is not None
        return await messages.statistics(begin, min(end, now + 1)), await messages.budgets()

    statistics, budgets = read(read_settings(), work)
    if as_json:
        print_json(statistics_json(statistics, budgets))
    else:
        click.echo(f"from {when(statistics.since)} to {when(statistics.until)}")
        print_statistics(statistics, budgets)
        if not statistics.gateways:
            click.echo("no messages", err=True)


@sms.command("test", short_help="Send one real message, with a code that is good for nothing.")
@click.argument("mobile")
@click.option(
    "--gateway", metavar="NAME", help="Only through it, and not through all in their order."
)
@click.option(
    "--template",
    type=click.Choice([usage.value for usage in Usage]),
    default=Usage.login.value,
    show_default=True,
    help="The usage whose template and text is tried.",
)
@click.option("--dry-run", is_flag=True, help="Do everything but ask a gateway.")
@json_option
@click.pass_context
def test(
    ctx: click.Context,
    mobile: str,
    gateway: str | None,
    template: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send one message to MOBILE as the server would, through the gateways in their order, and
    say what each of them answered. The code in it is good for nothing. Its cost counts in the
    budgets; the limits of the number do not count it.

    Exit code: 0 a gateway took it, 1 none did.

    \b
    Example:
      denglu sms test 13800000000
      denglu sms test 13800000000 --gateway tencent --template register
    """
    from denglu.cli.sms_desk import mobile_of, only, send_test
    from denglu.cli.sms_views import print_tried, tried_json

    number = mobile_of(mobile)
    settings = only(read_settings(), gateway, dry_run=dry_run)
    tried = send_test(settings, number, Usage(template))
    if as_json:
        print_json(tried_json(tried))
    else:
        print_tried(tried)
    if tried.result is None:
        ctx.exit(FAILED)
