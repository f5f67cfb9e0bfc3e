"""``denglu doctor``."""

from typing import TYPE_CHECKING

import click

from denglu.cli.backstage import read_settings
from denglu.cli.faults import FAILED, MISUSED
from denglu.cli.output import counted, json_option, plain, print_json

if TYPE_CHECKING:
    from denglu.doctor.finding import Finding
    from denglu.settings import Effective


@click.command(short_help="Check settings, database, clock, proxy, gateways; say what to do.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address that the server will listen on.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many server processes there will be, on all machines together.",
)
@json_option
@click.pass_context
def doctor(ctx: click.Context, host: str, workers: int, as_json: bool) -> None:
    """Look at everything a server depends on: settings with their sources, secret key, database,
    Redis, disk, clock, proxy, gateways, file modes. Changes nothing; a server may be running.

    Exit code: 0 nothing is wrong (there may be warnings), 1 something is, 2 the settings
    cannot be used.

    \b
    Example:
      denglu doctor
      denglu doctor --host 0.0.0.0 --json
    """
    from denglu.doctor.examine import examine, settings_faults
    from denglu.doctor.finding import Level
    from denglu.settings import SettingsError

    settings: list[Effective] = []
    code = 0
    try:
        read = read_settings()
    except SettingsError as error:
        findings, code = settings_faults(error), MISUSED
    else:
        settings, findings = read.effective(), examine(read, host, workers)
        if any(each.level is Level.fault for each in findings):
            code = FAILED
    if as_json:
        print_json(_json(settings, findings, ok=code == 0))
    else:
        _print(settings, findings)
    if code:
        faults = sum(each.level is Level.fault for each in findings)
        click.echo(f"denglu: {counted(faults, 'fault')} to be put right", err=True)
    ctx.exit(code)


def _json(settings: "list[Effective]", findings: "list[Finding]", *, ok: bool) -> dict[str, object]:
    return {
        "ok": ok,
        "settings": [
            {"variable": each.variable, "value": each.value, "source": each.source}
            for each in settings
        ],
        "findings": [
            {
                "area": each.area,
                "level": each.level.value,
                "message": each.message,
                "advice": each.advice,
            }
            for each in findings
        ],
    }


def _print(settings: "list[Effective]", findings: "list[Finding]") -> None:
    for each in settings:
        click.echo(plain(f"{each.variable}={each.value}") + f"  ({plain(each.source)})")
    if settings:
        click.echo()
    for finding in findings:
        level = finding.level.value.upper() if finding.level == "fault" else finding.level.value
        click.echo(f"{level:<8}{finding.area:<11}{plain(finding.message)}")
        if finding.advice and finding.level != "ok":
            click.echo(f"{'':<19}-> {plain(finding.advice)}")
    faults = sum(each.level == "fault" for each in findings)
    warnings = sum(each.level == "warning" for each in findings)
    click.echo(f"\n{counted(faults, 'fault')}, {counted(warnings, 'warning')}")
