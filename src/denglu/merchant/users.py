"""``denglu merchant user-…``: those who log in to the merchant API."""

from typing import TYPE_CHECKING

import click

from denglu.cli.backstage import behind, read_settings
from denglu.cli.faults import Fault
from denglu.cli.output import json_option, password_option, plain, print_json, print_table
from denglu.merchant.desk import PAGE, administer, find, sessions

if TYPE_CHECKING:
    from denglu.domain.member import Member
    from denglu.flows.merchants import AdministerMerchants
    from denglu.flows.ports import Clock, Passwords, Store


@click.command("user-add", short_help="Add a user of a merchant.")
@click.argument("name", metavar="MERCHANT")
@click.option("--username", required=True, help="The name to log in with.")
@click.option("--mobile", default="", help="A mainland mobile; the user can log in with it too.")
@click.option("--nickname", default="", help="The name others see; made up when not given.")
@password_option
@json_option
def user_add(
    name: str, username: str, mobile: str, nickname: str, password_stdin: bool, as_json: bool
) -> None:
    """Add a user of a merchant, with a password read from standard input (one line end is
    dropped).

    The rules are those for members. A member of the site may have the same names: the two never
    meet.

    \b
    Example:
      printf 'a-good-long-password' | denglu merchant user-add 月光书店 --username ming \\
          --mobile 13800000000 --nickname 小明 --password-stdin
    """
    from denglu.cli import new_member
    from denglu.flows.ports import Taken

    settings = read_settings()
    new = new_member.read_new(settings, username, mobile, nickname)

    async def work(desk: "AdministerMerchants") -> "Member":
        return await desk.add_user(
            await find(desk, name),
            username=new.username,
            mobile=new.mobile,
            nickname=new.nickname,
            password=new.password,
        )

    try:
        added = administer(settings, work)
    except Taken as taken:
        raise Fault(f"the {taken.field} is in use by another user of a merchant") from None
    _tell(added, "was added", as_json)


@click.command("user-list", short_help="List the users of a merchant.")
@click.argument("name", metavar="MERCHANT")
@json_option
def user_list(name: str, as_json: bool) -> None:
    """List the users of a merchant by id, mobiles masked; deleted users are not listed.

    \b
    Example:
      denglu merchant user-list 月光书店
    """
    from denglu.cli.views import MEMBER_HEAD, member_row
    from denglu.merchant.views import user_json

    async def work(desk: "AdministerMerchants") -> "list[Member]":
        found: list[Member] = []
        of = await find(desk, name)
        while page := await desk.users(of, found[-1].id if found else 0, PAGE):
            found += page
        return found

    users = administer(read_settings(), work)
    if as_json:
        print_json([user_json(each) for each in users])
    elif users:
        print_table(MEMBER_HEAD, [member_row(each) for each in users])
    else:
        click.echo("no users", err=True)


@click.command("user-disable", short_help="Disable a user and end every session.")
@click.argument("who", metavar="USER")
@json_option
def user_disable(who: str, as_json: bool) -> None:
    """Disable a user of a merchant: no login, and every session ends at once.

    \b
    Example:
      denglu merchant user-disable ming
    """
    _set_user_status(who, "disabled", as_json)


@click.command("user-enable", short_help="Enable a disabled user.")
@click.argument("who", metavar="USER")
@json_option
def user_enable(who: str, as_json: bool) -> None:
    """Enable a disabled user of a merchant, who must log in anew.

    Also opens password login for a user whose password was guessed at so often that only a reset
    would open it.

    \b
    Example:
      denglu merchant user-enable ming
    """
    _set_user_status(who, "enabled", as_json)


@click.command("user-password", short_help="Give a user another password.")
@click.argument("who", metavar="USER")
@password_option
@json_option
def user_password(who: str, password_stdin: bool, as_json: bool) -> None:
    """Give a user of a merchant another password, read from standard input (one line end is
    dropped); every session ends at once.

    \b
    Example:
      printf 'a-good-long-password' | denglu merchant user-password ming --password-stdin
    """
    from denglu.cli import new_member

    settings = read_settings()
    user = administer(settings, lambda desk: _find_user(desk, who))
    password = new_member.read_password()
    new_member.check_password(
        password, settings, username=user.username, mobile=user.mobile, nickname=user.nickname
    )
    ended = administer(settings, lambda desk: desk.set_password(user, password))
    if ended is None:
        raise Fault(f"user {user.id} is not enabled: `denglu merchant user-enable {user.id}` first")
    _tell(user, "has another password", as_json, ended=ended)


async def _find_user(desk: "AdministerMerchants", who: str) -> "Member":
    from denglu.cli.views import masked_name

    found = await desk.find_user(who)
    if found is None:
        shown = masked_name(who)
        raise Fault(
            f"there is no user {shown!r} of a merchant: name an id, a username, a mobile or "
            "an e-mail"
        )
    return found


def _set_user_status(who: str, status_name: str, as_json: bool) -> None:
    from denglu.domain.member import Status
    from denglu.flows.administer import Administer
    from denglu.flows.merchants import AdministerMerchants

    status = Status[status_name]

    async def work(store: "Store", clock: "Clock", passwords: "Passwords") -> "tuple[Member, int]":
        found = await _find_user(AdministerMerchants(store, clock, passwords), who)
        members = Administer(store, clock, passwords)
        ended = 0 if status is Status.enabled else len(await members.sessions(found))
        if not await members.set_status(found, status):
            raise Fault(f"user {found.id} was deleted before")
        return found, ended

    found, ended = behind(read_settings(), work)
    _tell(found, f"is {status.name}", as_json, status=status.name, ended=ended)


def _tell(
    user: "Member", deed: str, as_json: bool, *, status: str = "", ended: int | None = None
) -> None:
    from denglu.merchant.views import user_json, user_name

    if not as_json:
        click.echo(plain(f"{user_name(user)} {deed}{sessions(ended)}"))
        return
    changed: dict[str, object] = {"status": status} if status else {}
    if ended is not None:
        changed["sessions_ended"] = ended
    print_json(user_json(user) | changed)
