"""Every command says what it does, with an example, without loading what it does not need."""

import subprocess
import sys

import pytest

from tests.cli.desk import Desk

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
    said = bare.ok(*command.split(), "--help")
    assert said.startswith(f"Usage: {'denglu ' + command if command else 'denglu'} ".rstrip())
    assert "Example" in said
    assert f"\n    denglu {command}".rstrip() in said or f"| denglu {command}".rstrip() in said
    assert max(map(len, said.splitlines())) <= 100
    assert list(bare.folder.iterdir()) == []


def test_the_short_flag_and_the_version_work(bare: Desk) -> None:
    assert bare.ok("-h") == bare.ok("--help")
    assert bare.ok("--version").startswith("denglu 0.")


def test_help_loads_no_database_and_no_server(bare: Desk) -> None:
    heavy = {"sqlalchemy", "pydantic", "uvicorn", "argon2", "apsw", "asyncio"}
    code = (
        "import sys; from denglu.cli.entry import run; run(['member', 'add', '--help']);"
        f"print(sorted(sys.modules.keys() & {heavy}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=bare.environ({}),
    )
    assert done.stdout.endswith("\n[]\n"), done.stdout


def test_a_command_without_words_shows_help(bare: Desk) -> None:
    for words in ((), ("member",), ("session",)):
        done = bare.run(*words)
        assert (done.returncode, done.stderr) == (2, "")
        assert "Commands:" in done.stdout
