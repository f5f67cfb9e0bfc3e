"""``denglu``: the list of commands, and the one place where a fault becomes a line."""

import io
import os
import signal
import sys
from typing import NoReturn

import click

from denglu import __version__
from denglu.cli.audit import audit
from denglu.cli.backup import backup
from denglu.cli.copy import copy
from denglu.cli.doctor import doctor
from denglu.cli.export import export
from denglu.cli.faults import FAILED, MISUSED, explain
from denglu.cli.importing import import_
from denglu.cli.member import member
from denglu.cli.migrate import migrate
from denglu.cli.plugged import Commands
from denglu.cli.plugin import plugin
from denglu.cli.serve import serve
from denglu.cli.session import session
from denglu.cli.sms import sms

_INTERRUPTED = 128 + signal.SIGINT


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Settings are DENGLU_* variables or lines of denglu.toml in the working directory: "
    "see docs/settings.md. `denglu COMMAND --help` tells more about each command.",
)
@click.version_option(__version__, prog_name="denglu", message="%(prog)s %(version)s")
def denglu() -> None:
    """denglu (登录): a member login service.

    \b
    Example, on a machine of your own:
      printf 'a-good-long-password' | denglu member add --username ming --password-stdin
      denglu serve
    """


for command in (
    serve,
    migrate,
    member,
    session,
    audit,
    sms,
    doctor,
    plugin,
    backup,
    copy,
    export,
    import_,
):
    denglu.add_command(command)


def main() -> NoReturn:
    """The console script: run one command and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show Chinese shows escapes: better than no answer.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; returns 0, or what went wrong: 1 a fault, 2 usage or settings."""
    try:
        code = denglu.main(arguments, prog_name="denglu", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, click.Abort):
        click.echo("denglu: stopped", err=True)
        return _INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help())
        return MISUSED
    except BrokenPipeError:
        # Whoever read our output has seen enough. Nothing may be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        lines, code = explain(error)
        for line in lines:
            click.echo(f"denglu: {line}", err=True)
    return code if isinstance(code, int) else 0
