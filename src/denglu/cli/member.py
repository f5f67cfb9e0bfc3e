"""``denglu member …``: add, list, show, disable, enable, delete."""

import sys
from typing import TYPE_CHECKING

import click

from denglu.cli.backstage import administer, find, read_settings
from denglu.cli.faults import Fault
from denglu.cli.output import (
    counted,
    json_option,
    merchant_option,
    password_option,
    plain,
    print_json,
    print_pairs,
    print_table,
)

if TYPE_CHECKING:
    from denglu.domain.member import Member, Status
    from denglu.domain.session import Session
    from denglu.flows.administer import Administer

_PAGE = 500


@click.group(short_help="Add, list, show, disable, enable or delete members.")
def member() -> None:
    """Members: add, list, show, disable, enable, delete.

    Every command works beside a running server, which sees the change at once.

    \b
    Example:
      denglu member show 13800000000
    """


@member.command(short_help="Add a member.")
@click.option("--username", required=True, help="The name to log in with.")
@click.option("--mobile", default="", help="A mainland mobile; the member can log in with it too.")
@click.option("--nickname", default="", help="The name others see; made up when not given.")
@password_option
@json_option
def add(username: str, mobile: str, nickname: str, password_stdin: bool, as_json: bool) -> None:
    """Add a member with a password read from standard input (one line end is dropped).

    The rules are those of registration: the password is not short, common or made of the
    member's own names. Makes the database if there is none.

    \b
    Example:
      printf 'a-good-long-password' | denglu member add --username ming \\
          --mobile 13800000000 --nickname 小明 --password-stdin
    """
    from denglu.cli import new_member
    from denglu.flows.ports import Taken

    settings = read_settings()
    new = new_member.read_new(settings, username, mobile, nickname)

    async def work(desk: "Administer") -> "Member":
        # A login under this name would find the owner of the e-mail address first.
        if "@" in new.username and await desk.find(new.username) is not None:
            raise Taken("username")
        return await desk.add(
            username=new.username,
            mobile=new.mobile,
            nickname=new.nickname,
            password=new.password,
        )

    try:
        added = administer(settings, work, create=True)
    except Taken as taken:
        raise Fault(f"the {taken.field} is in use by another member") from None
    _tell(added, "was added", as_json)


@member.command("list", short_help="List members.")
@click.option("--after", type=click.IntRange(0, 2**63 - 1), default=0, help="Begin behind this id.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Stop after so many members.",
)
@click.option("--all", "everything", is_flag=True, help="Do not stop.")
@json_option
def list_(after: int, limit: int, everything: bool, as_json: bool) -> None:
    """List members by id, mobiles masked, those of merchants and their users among them; deleted
    members are not listed.

    \b
    Example:
      denglu member list --limit 20
      denglu member list --all --json | jq '.[] | select(.status == "disabled") | .id'
    """
    from denglu.cli.views import MEMBER_HEAD, member_json, member_row

    wanted = None if everything else limit

    async def work(desk: "Administer") -> "tuple[list[Member], bool]":
        found: list[Member] = []
        while wanted is None or len(found) <= wanted:
            page = await desk.page(found[-1].id if found else after, _PAGE)
            found += page
            if len(page) < _PAGE:
                break
        return found[:wanted], wanted is not None and len(found) > wanted

    members, more = administer(read_settings(), work)
    if as_json:
        print_json([member_json(each) for each in members])
    elif members:
        print_table(MEMBER_HEAD, [member_row(each) for each in members])
    else:
        click.echo("no members", err=True)
    if more:
        click.echo(f"more: denglu member list --after {members[-1].id}", err=True)


@member.command(short_help="Show a member and the live sessions.")
@click.argument("who")
@click.option("--reveal", is_flag=True, help="Show the whole mobile.")
@merchant_option
@json_option
def show(who: str, reveal: bool, merchant_id: int | None, as_json: bool) -> None:
    """Show a member: status, kind of password, last visit, live sessions.

    WHO is an id, a username, a mobile or an e-mail address.

    \b
    Example:
      denglu member show ming
      denglu member show 13800000000 --json --reveal
    """
    from denglu.cli.views import member_json, member_pairs, session_json

    async def work(desk: "Administer") -> "tuple[Member, list[Session]]":
        found = await find(desk, who, merchant_id)
        return found, await desk.sessions(found)

    found, sessions = administer(read_settings(), work)
    if as_json:
        print_json(
            member_json(found, reveal=reveal)
            | {"sessions": [session_json(each) for each in sessions]}
        )
    else:
        groups = ", ".join(each.group for each in sessions)
        print_pairs([*member_pairs(found, reveal=reveal), ("live sessions", groups or "none")])


@member.command(short_help="Disable a member and end every session.")
@click.argument("who")
@merchant_option
@json_option
def disable(who: str, merchant_id: int | None, as_json: bool) -> None:
    """Disable a member: no login, and every session ends at once.

    WHO is an id, a username, a mobile or an e-mail address.

    \b
    Example:
      denglu member disable ming
    """
    _set_status(who, merchant_id, "disabled", as_json)


@member.command(short_help="Enable a disabled member.")
@click.argument("who")
@merchant_option
@json_option
def enable(who: str, merchant_id: int | None, as_json: bool) -> None:
    """Enable a disabled member, who must log in anew.

    Also opens password login for a member whose password was guessed at so often that only a
    reset by SMS would open it. WHO is an id, a username, a mobile or an e-mail address.

    \b
    Example:
      denglu member enable ming
    """
    _set_status(who, merchant_id, "enabled", as_json)


@member.command(short_help="Delete a member and wipe the personal fields.")
@click.argument("who")
@click.option("--yes", is_flag=True, help="Do not ask.")
@merchant_option
@json_option
def delete(who: str, yes: bool, merchant_id: int | None, as_json: bool) -> None:
    """Delete a member: every session ends, personal fields are wiped, the names are free again.

    Only the id and the account's books stay. This cannot be undone. WHO is an id, a username,
    a mobile or an e-mail address.

    \b
    Example:
      denglu member delete 13800000000
    """
    from denglu.cli.views import name_of

    if not yes:
        found = administer(read_settings(), lambda desk: find(desk, who, merchant_id))
        _confirm(f"Delete {plain(name_of(found))}? This cannot be undone.")
    _set_status(who, merchant_id, "deleted", as_json)


def _confirm(question: str) -> None:
    try:
        sure = click.confirm(question, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        sure = False
        click.echo(err=True)
    if not sure:
        raise Fault("nothing was deleted; --yes deletes without a question")


def _set_status(who: str, merchant_id: int | None, name: str, as_json: bool) -> None:
    from denglu.domain.member import Status

    status = Status[name]

    async def work(desk: "Administer") -> "tuple[Member, int]":
        found = await find(desk, who, merchant_id)
        ended = 0 if status is Status.enabled else len(await desk.sessions(found))
        if not await desk.set_status(found, status):
            raise Fault(f"member {found.id} was deleted before")
        return found, ended

    found, ended = administer(read_settings(), work)
    _tell(found, f"is {name}", as_json, status=status, ended=ended)


def _tell(
    found: "Member",
    deed: str,
    as_json: bool,
    *,
    status: "Status | None" = None,
    ended: int | None = None,
) -> None:
    from denglu.cli.views import masked_name, member_json, name_of

    if not as_json:
        sessions = f"; {counted(ended, 'session')} ended" if ended else ""
        click.echo(plain(f"{name_of(found)} {deed}{sessions}"))
    elif status is None:
        print_json(member_json(found))
    else:
        print_json(
            {
                "id": found.id,
                "username": masked_name(found.username),
                "status": status.name,
                "sessions_ended": ended,
            }
        )
