"""What holds for the help of every command."""

import subprocess
import sys

from tests.cli.desk import Desk

_HEAVY = {"sqlalchemy", "pydantic", "uvicorn", "argon2", "apsw", "asyncio"}


def check_help(bare: Desk, command: str, **settings: str) -> None:
    """It says what the command does, with an example, and makes no file."""
    said = bare.ok(*command.split(), "--help", **settings)
    whole = f"denglu {command}".rstrip()
    assert said.startswith(f"Usage: {whole} ")
    example = said.partition("Example")[2]
    assert f"\n    {whole}" in example or f"| {whole}" in example
    assert max(map(len, said.splitlines())) <= 100
    assert list(bare.folder.iterdir()) == []


def heavy_after_help(bare: Desk, command: str, **settings: str) -> str:
    """The modules that a quick command has no use for, and which its help has loaded: a list."""
    code = (
        f"import sys; from denglu.cli.entry import run; run({[*command.split(), '--help']});"
        f"print(sorted(sys.modules.keys() & {_HEAVY}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=bare.environ(settings),
    )
    return done.stdout.splitlines()[-1]
