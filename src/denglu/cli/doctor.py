"""``denglu doctor``."""

from typing import TYPE_CHECKING, NoReturn

import click

from denglu.cli.backstage import read_settings
from denglu.cli.faults import FAILED, MISUSED, Fault
from denglu.cli.output import counted, json_option, plain, print_json

if TYPE_CHECKING:
    from denglu.doctor.finding import Finding
    from denglu.settings import Effective


@click.group(
    short_help="Check settings, database, clock, proxy, gateways; say what to do.",
    invoke_without_command=True,
    subcommand_metavar="[sms [ARGS]...]",
)
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
    if ctx.invoked_subcommand is not None:
        return
    from denglu.doctor.examine import examine, settings_faults
    from denglu.settings import SettingsError

    settings: list[Effective] = []
    try:
        read = read_settings()
    except SettingsError as error:
        findings, code = settings_faults(error), MISUSED
    else:
        settings, findings = read.effective(), examine(read, host, workers)
        code = _code_of(findings)
    if as_json:
        listed = [
            {"variable": each.variable, "value": each.value, "source": each.source}
            for each in settings
        ]
        print_json({"ok": code == 0, "settings": listed, "findings": _listed(findings)})
    else:
        for each in settings:
            click.echo(plain(f"{each.variable}={each.value}") + f"  ({plain(each.source)})")
        if settings:
            click.echo()
        _print(findings)
    _leave(ctx, findings, code)


@doctor.command("sms", short_help="Try the SMS gateways without sending; explain an error code.")
@click.option("--code", metavar="CODE", help="Explain this error code of a provider, and end.")
@json_option
@click.pass_context
def sms(ctx: click.Context, code: str | None, as_json: bool) -> None:
    """Ask each configured SMS gateway for its keys, signature and templates, and compare limits,
    texts, prices and budgets with it. Nothing is sent: `denglu sms test MOBILE` does that.

    Exit code: 0 nothing is wrong (there may be warnings), 1 something is, or nobody knows the
    code, 2 the settings cannot be used.

    \b
    Example:
      denglu doctor sms
      denglu doctor sms --code isv.SMS_SIGNATURE_ILLEGAL
    """
    as_json = as_json or bool(ctx.parent and ctx.parent.params["as_json"])
    if code is not None:
        _explain(ctx, code, as_json=as_json)
    from denglu.doctor.sms import examine_sms

    findings = list(examine_sms(read_settings()))
    exit_code = _code_of(findings)
    if as_json:
        print_json({"ok": exit_code == 0, "findings": _listed(findings)})
    else:
        _print(findings)
    _leave(ctx, findings, exit_code)


def _explain(ctx: click.Context, code: str, *, as_json: bool) -> NoReturn:
    from denglu.doctor.sms_codes import explanations

    found = explanations(code.strip())
    if as_json:
        print_json(
            [
                {
                    "gateway": gateway,
                    "code": each.code,
                    "trouble": each.trouble.value,
                    "zh": each.zh,
                    "en": each.en,
                }
                for gateway, each in found
            ]
        )
    else:
        for gateway, each in found:
            click.echo(f"{gateway}  {each.code}  ({each.trouble.value})\n  {each.zh}\n  {each.en}")
    if not found:
        raise Fault(f"nobody knows the code {code!r}: see docs/sms.md, or the provider's own list")
    ctx.exit(0)


def _code_of(findings: "list[Finding]") -> int:
    return FAILED if any(each.level == "fault" for each in findings) else 0


def _leave(ctx: click.Context, findings: "list[Finding]", code: int) -> NoReturn:
    if code:
        faults = sum(each.level == "fault" for each in findings)
        click.echo(f"denglu: {counted(faults, 'fault')} to be put right", err=True)
    ctx.exit(code)


def _listed(findings: "list[Finding]") -> list[dict[str, str]]:
    return [
        {
            "area": each.area,
            "level": each.level.value,
            "message": each.message,
            "advice": each.advice,
        }
        for each in findings
    ]


def _print(findings: "list[Finding]") -> None:
    for finding in findings:
        level = finding.level.value.upper() if finding.level == "fault" else finding.level.value
        click.echo(f"{level:<8}{finding.area:<10} {plain(finding.message)}")
        if finding.advice and finding.level != "ok":
            for line in finding.advice.splitlines():
                click.echo(f"{'':<19}-> {plain(line)}")
    faults = sum(each.level == "fault" for each in findings)
    warnings = sum(each.level == "warning" for each in findings)
    click.echo(f"\n{counted(faults, 'fault')}, {counted(warnings, 'warning')}")
