"""Every command says what it does, with an example, without loading what it does not need."""

import pytest

from tests.cli.desk import Desk
from tests.cli.helping import check_help, heavy_after_help

COMMANDS = (
    "",
    "serve",
    "migrate",
    "member",
    "member add",
    "member list",
    "member show",
    "member disable",
    "member enable",
    "member delete",
    "session",
    "session list",
    "session revoke",
    "audit",
    "sms",
    "sms list",
    "sms stats",
    "sms test",
    "doctor",
    "doctor sms",
    "backup",
    "copy",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(bare: Desk, command: str) -> None:
    check_help(bare, command)


def test_the_short_flag_and_the_version_work(bare: Desk) -> None:
    assert bare.ok("-h") == bare.ok("--help")
    assert bare.ok("--version").startswith("denglu 0.")


def test_help_loads_no_database_and_no_server(bare: Desk) -> None:
    assert heavy_after_help(bare, "member add") == "[]"


def test_a_command_without_words_shows_help(bare: Desk) -> None:
    for words in ((), ("member",), ("session",)):
        done = bare.run(*words)
        assert (done.returncode, done.stderr) == (2, "")
        assert "Commands:" in done.stdout
