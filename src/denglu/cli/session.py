"""``denglu session …``: list and revoke."""

from typing import TYPE_CHECKING

import click

from denglu.cli.backstage import administer, find, read_settings
from denglu.cli.faults import Fault
from denglu.cli.output import counted, json_option, merchant_option, plain, print_json, print_table

if TYPE_CHECKING:
    from denglu.domain.member import Member
    from denglu.domain.session import Session
    from denglu.flows.administer import Administer
    from denglu.settings import Settings


@click.group(short_help="List or revoke a member's sessions.")
def session() -> None:
    """Sessions: list and revoke.

    \b
    Example (a phone was stolen):
      denglu session list 13800000000
      denglu session revoke 13800000000 --group iOS
    """


@session.command("list", short_help="List a member's live sessions.")
@click.argument("who")
@merchant_option
@json_option
def list_(who: str, merchant_id: int | None, as_json: bool) -> None:
    """List the live sessions of a member, oldest first.

    WHO is an id, a username, a mobile or an e-mail address.

    \b
    Example:
      denglu session list ming --json
    """
    from denglu.cli.views import SESSION_HEAD, name_of, session_json, session_row

    async def work(desk: "Administer") -> "tuple[Member, list[Session]]":
        found = await find(desk, who, merchant_id)
        return found, await desk.sessions(found)

    found, sessions = administer(read_settings(), work)
    if as_json:
        print_json([session_json(each) for each in sessions])
    elif sessions:
        print_table(SESSION_HEAD, [session_row(each) for each in sessions])
    else:
        click.echo(plain(f"{name_of(found)} has no live session"), err=True)


@session.command(short_help="End a member's sessions.")
@click.argument("who")
@click.option("--group", default=None, help="Only the sessions of this group, such as iOS.")
@merchant_option
@json_option
def revoke(who: str, group: str | None, merchant_id: int | None, as_json: bool) -> None:
    """End a member's sessions, in one group or in all; their tokens are refused at once.

    WHO is an id, a username, a mobile or an e-mail address.

    \b
    Example:
      denglu session revoke ming --group iOS
    """
    from denglu.cli.views import name_of

    settings = read_settings()

    async def work(desk: "Administer") -> "tuple[Member, str | None, int]":
        found = await find(desk, who, merchant_id)
        # A group that was taken out of the settings may still have sessions.
        alive = {each.group for each in await desk.sessions(found)}
        name = group if group is None or group in alive else _group(settings, group)
        return found, name, await desk.revoke(found, name)

    found, name, ended = administer(settings, work)
    if as_json:
        print_json({"id": found.id, "group": name, "sessions_ended": ended})
    else:
        where = f" in {name}" if name else ""
        click.echo(plain(f"{counted(ended, 'session')} of {name_of(found)}{where} ended"))


def _group(settings: "Settings", text: str) -> str:
    from denglu.domain.groups import Groups

    groups = Groups(
        settings.groups, folded=settings.wire == "rageframe", aliases=settings.group_aliases
    )
    found = groups.find(text)
    if found is None:
        known = ", ".join(group.name for group in groups)
        raise Fault(f"there is no group {text!r}: known are {known}")
    return found.name
