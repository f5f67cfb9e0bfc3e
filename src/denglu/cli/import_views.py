"""What an import prints: a table and a few lines, or JSON."""

from typing import TYPE_CHECKING

import click

from denglu.cli.output import print_table
from denglu.exporting.formats import decimal

if TYPE_CHECKING:
    from denglu.importing.rageframe import Report
    from denglu.importing.tally import Sums, Tally


def print_report(done: "Report", file: str | None) -> None:
    """For people; ``file``: where each oddity stands."""
    head = ["table", "there", "new", "changed", "unchanged", "left out", "gone"]
    print_table(head, [_line(tally) for tally in done.tallies])
    for tally in done.tallies:
        for cause, sums in sorted(tally.left_out.items()):
            click.echo(f"{tally.table}: {sums.rows:,} left out: {_CAUSES[cause]}")
    for what, count in done.findings.items():
        if what in _FINDINGS:
            click.echo(f"{_FINDINGS[what]}: {count:,}")
    if file is not None:
        click.echo(f"{sum(done.findings.values()):,} lines in {file}")
    if done.same:
        rest = "nothing was written" if done.dry else f"and what was brought is in {done.target}"
        click.echo(f"Every row and cent of {done.source} is accounted for, {rest}")


def _line(tally: "Tally") -> list[str]:
    left = sum(sums.rows for sums in tally.left_out.values())
    there = tally.by_source.rows if tally.by_source else 0
    numbers = (there, tally.new, tally.changed, tally.unchanged, left, len(tally.gone))
    return [tally.table, *(f"{number:,}" for number in numbers)]


def differences(done: "Report") -> list[str]:
    """A line for each table that does not agree, and what to do."""
    lines = []
    for tally in (tally for tally in done.tallies if not tally.same):
        parts = {"the source has": tally.by_source, "brought": tally.brought}
        parts |= {f"left out ({cause})": sums for cause, sums in sorted(tally.left_out.items())}
        parts["the target has"] = tally.by_target
        said = "; ".join(
            f"{what} {sums.rows:,} rows {' '.join(map(decimal, sums.money))}".rstrip()
            for what, sums in parts.items()
            if sums is not None
        )
        columns = f" (rows, {', '.join(tally.columns)})" if tally.columns else ""
        lines.append(f"table {tally.table} does not agree{columns}: {said}")
    return [*lines, "one side changed meanwhile, or holds what does not fit: run it again"]


def as_json_value(done: "Report") -> dict[str, object]:
    """For programs. Amounts are texts with two decimals."""
    return {
        "source": done.source,
        "target": done.target,
        "dry_run": done.dry,
        "same": done.same,
        "seconds": round(done.seconds, 3),
        "accounts_made": done.made,
        "findings": done.findings,
        "tables": [
            {
                "table": tally.table,
                "new": tally.new,
                "changed": tally.changed,
                "unchanged": tally.unchanged,
                "gone": len(tally.gone),
                "same": tally.same,
                "source": _sums(tally, tally.by_source),
                "brought": _sums(tally, tally.brought),
                "target": _sums(tally, tally.by_target),
                "left_out": {
                    cause: _sums(tally, sums) for cause, sums in sorted(tally.left_out.items())
                },
            }
            for tally in done.tallies
        ],
    }


def _sums(tally: "Tally", sums: "Sums | None") -> dict[str, object] | None:
    if sums is None:
        return None
    amounts = zip(tally.columns, map(decimal, sums.money), strict=True)
    return {"rows": sums.rows, **dict(amounts)}


_CAUSES = {
    "administrator": "administrators of the back end (no member type 1 or 3)",
    "no_id": "without an id",
    "id_taken": "their ids are taken by members who came here by themselves",
    "orphan": "of members who are not there",
    "member_left_out": "of members who are left out",
    "member_deleted": "of members who are deleted",
    "member_disabled": "of members who are disabled",
    "merchant_disabled": "of users whose merchant is disabled",
    "disabled_here": "of members who are disabled here, or users whose merchant is",
    "erased_here": "of members who were erased here",
    "duplicate": "another row has their place",
    "level_taken": "there is a level with this number here",
    "site_merchant": "the merchant whose members are the site's",
    "not_live": "logged out",
    "expired": "expired",
    "refreshed_here": "spent here, in a session that went on",
    "malformed": "no token or group that RageFrame makes",
}
_FINDINGS = {
    "duplicate_username": "members whose username is another one's, who logs in with it",
    "duplicate_mobile": "members whose mobile is another one's, who logs in with it",
    "duplicate_email": "members whose e-mail is another one's, who logs in with it",
    "duplicate_name": "merchants with the name of another one",
    "username_is_mobile": "members whose username is the mobile of another one, who is meant by it",
    "username_taken": "members whose username somebody has here already",
    "mobile_taken": "members whose mobile somebody has here already",
    "email_taken": "members whose e-mail somebody has here already",
    "mobile_unknown": "members whose mobile is no mainland number: shown, and no login with it",
    "password_unknown": "members with a password hash of a kind that is not known",
    "no_way_in": "members without any way to log in: no mobile, and no name with a password",
    "group_unknown": "tokens of groups that are not known here, which keep their names",
    "table_missing": "tables that are not there, or that the user of the URL may not read",
    "repaired": "rows with values that do not fit and were cut or reset",
    "erased_here": "members who were erased here, and stay so",
    "merchant_made": "merchants that members name and nothing describes, made here",
}
