"""``denglu plugin``."""

import click

from denglu.cli.faults import FAILED
from denglu.cli.output import json_option, print_json, print_table
from denglu.cli.plugged import named


@click.group(short_help="List plugins: what is installed, what is on, what is wrong with it.")
def plugin() -> None:
    """Look at plugins. They are switched on by name: DENGLU_PLUGINS=merchant,… (docs/plugins.md)"""


@plugin.command("list", short_help="List plugins.")
@json_option
@click.pass_context
def list_plugins(ctx: click.Context, as_json: bool) -> None:
    """List every plugin that is installed, and those that DENGLU_PLUGINS names: where it comes
    from, whether it is on, which hooks it fulfils, and what is wrong with it.

    Only those that are on are loaded. Exit code: 0, or 1 if one that is on cannot be used.

    \b
    Example:
      denglu plugin list
      DENGLU_PLUGINS=merchant denglu plugin list --json
    """
    from denglu.plugins.listing import listed

    root = ctx.find_root().command
    assert isinstance(root, click.Group)
    found = listed(named(), root.commands.keys())
    if as_json:
        print_json(
            [
                {
                    "name": each.name,
                    "package": each.package,
                    "version": each.version,
                    "on": each.on,
                    "hooks": list(each.hooks),
                    "fault": each.fault,
                }
                for each in found
            ]
        )
    else:
        print_table(
            ("NAME", "STATE", "PACKAGE", "HOOKS, OR WHAT IS WRONG"),
            [
                (
                    each.name,
                    "fault" if each.fault else "on" if each.on else "off",
                    f"{each.package} {each.version}".strip(),
                    each.fault or ", ".join(each.hooks),
                )
                for each in found
            ],
        )
    if any(each.fault for each in found):
        ctx.exit(FAILED)
