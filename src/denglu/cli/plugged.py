"""The commands of plugins, beside those of denglu."""

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from denglu.plugins.loading import Plugins


class Commands(click.Group):
    """Denglu's commands and those of the plugins that are switched on.

    Plugins are loaded only for their commands and for the list of commands.
    """

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Ours first: no plugin replaces a command. Raises PluginFault."""
        found = super().get_command(ctx, cmd_name) or self._plugged().get(cmd_name)
        if found is None and _is_off(cmd_name):
            raise click.UsageError(
                f"the plugin {cmd_name!r} is off: switch it on with DENGLU_PLUGINS={cmd_name}", ctx
            )
        return found

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Also where a plugin is out of order: then ours."""
        return sorted({*super().list_commands(ctx), *self._plugged_or_fault()[0]})

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Where commands are missing, help says why."""
        super().format_epilog(ctx, formatter)
        if fault := self._plugged_or_fault()[1]:
            formatter.write_paragraph()
            formatter.write_text(fault)

    def _plugged_or_fault(self) -> tuple[dict[str, click.Command], str]:
        try:
            return self._plugged(), ""
        except Exception as fault:  # of a plugin, which may be anything
            return {}, str(fault)

    def _plugged(self) -> dict[str, click.Command]:
        plugins = switched_on()
        if plugins is None:
            return {}
        from denglu.plugins.additions import commands

        return commands(plugins, self.commands.keys())


def switched_on() -> "Plugins | None":
    """The plugins that DENGLU_PLUGINS names; None where it names none. Raises PluginFault."""
    names = named()
    if not names:
        return None
    from denglu.plugins.loading import load_plugins

    return load_plugins(names)


def _is_off(name: str) -> bool:
    """Whether a plugin of this name, whose commands are usually under it, could be switched on."""
    from denglu.plugins.loading import installed

    return name not in named() and name in installed()


def named() -> tuple[str, ...]:
    """What DENGLU_PLUGINS says, read without the settings: these need the plugins, and take
    long to load. What cannot be read is told by those who load the settings.
    """
    given: object = os.environ.get("DENGLU_PLUGINS")
    if given is None:
        path = os.environ.get("DENGLU_CONFIG", "").strip() or "denglu.toml"
        try:
            given = tomllib.loads(Path(path).read_text("utf-8")).get("plugins", ())
        except (OSError, ValueError):
            return ()
    entries = given.split(",") if isinstance(given, str) else given
    if not isinstance(entries, list | tuple):
        return ()
    return tuple(dict.fromkeys(text for each in entries if (text := str(each).strip())))
