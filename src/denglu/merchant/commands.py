"""``denglu merchant …``: merchants and the users who log in to the merchant API."""

from typing import TYPE_CHECKING

import click

from denglu.cli.backstage import read_settings
from denglu.cli.faults import Fault
from denglu.cli.output import json_option, plain, print_json, print_table
from denglu.merchant import users
from denglu.merchant.desk import PAGE, administer, find, sessions

if TYPE_CHECKING:
    from denglu.domain.merchant import Merchant
    from denglu.flows.merchants import AdministerMerchants


@click.group(short_help="Add, list, disable or enable merchants and their users.")
def merchant() -> None:
    """Merchants, and the users who log in for them to the merchant API.

    MERCHANT is a merchant's name or id; USER is a user's id, username, mobile or e-mail address.
    Usernames and mobiles are those of one user over all merchants. Every command works beside a
    running server, which sees the change at once.

    \b
    Example:
      denglu merchant add 月光书店
      printf 'a-good-long-password' | denglu merchant user-add 月光书店 \\
          --username ming --password-stdin
    """


@merchant.command(short_help="Add a merchant.")
@click.argument("name")
@json_option
def add(name: str, as_json: bool) -> None:
    """Add a merchant, with a first level for members of its own.

    Makes the database if there is none.

    \b
    Example:
      denglu merchant add 月光书店
    """
    from denglu.flows.ports import Taken
    from denglu.merchant.views import check_name, merchant_json, name_of

    name = check_name(name)
    try:
        added = administer(read_settings(), lambda desk: desk.add(name), create=True)
    except Taken:
        raise Fault("the name is in use by another merchant") from None
    if as_json:
        print_json(merchant_json(added))
    else:
        click.echo(plain(f"{name_of(added)} was added"))


@merchant.command("list", short_help="List merchants.")
@json_option
def list_(as_json: bool) -> None:
    """List all merchants by id.

    \b
    Example:
      denglu merchant list --json | jq '.[] | select(.status == "disabled") | .name'
    """
    from denglu.merchant.views import MERCHANT_HEAD, merchant_json, merchant_row

    async def work(desk: "AdministerMerchants") -> "list[Merchant]":
        found: list[Merchant] = []
        while page := await desk.page(found[-1].id if found else 0, PAGE):
            found += page
        return found

    found = administer(read_settings(), work)
    if as_json:
        print_json([merchant_json(each) for each in found])
    elif found:
        print_table(MERCHANT_HEAD, [merchant_row(each) for each in found])
    else:
        click.echo("no merchants", err=True)


@merchant.command(short_help="Disable a merchant and end every session of its users.")
@click.argument("name", metavar="MERCHANT")
@json_option
def disable(name: str, as_json: bool) -> None:
    """Disable a merchant: no login of its users, and every session of theirs ends at once.

    Requests with its number in the header merchant-id are refused, so that its members open no
    new sessions; those that they have go on.

    \b
    Example:
      denglu merchant disable 月光书店
    """
    _set_status(name, "disabled", as_json)


@merchant.command(short_help="Enable a disabled merchant.")
@click.argument("name", metavar="MERCHANT")
@json_option
def enable(name: str, as_json: bool) -> None:
    """Enable a disabled merchant, whose users must log in anew.

    \b
    Example:
      denglu merchant enable 月光书店
    """
    _set_status(name, "enabled", as_json)


def _set_status(name: str, status_name: str, as_json: bool) -> None:
    from denglu.domain.member import Status
    from denglu.merchant.views import name_of

    status = Status[status_name]

    async def work(desk: "AdministerMerchants") -> "tuple[Merchant, int]":
        found = await find(desk, name)
        return found, await desk.set_status(found, status)

    found, ended = administer(read_settings(), work)
    if as_json:
        print_json(
            {"id": found.id, "name": found.name, "status": status.name, "sessions_ended": ended}
        )
    else:
        click.echo(plain(f"{name_of(found)} is {status.name}{sessions(ended)}"))


for command in (
    users.user_add,
    users.user_list,
    users.user_disable,
    users.user_enable,
    users.user_password,
):
    merchant.add_command(command)
