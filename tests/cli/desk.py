"""An operator's desk: real denglu processes on a real file in a folder of their own."""

import contextlib
import io
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import httpx

from denglu.cli.entry import run

PASSWORD = "moonlit-harbour-17"
_SOURCES = Path(__file__).parents[2] / "src"
Done = subprocess.CompletedProcess[str]


@dataclass
class Answer:
    """The envelope of an answer."""

    code: int
    data: Any
    message: str

    @property
    def reason(self) -> str:
        """The stable reason of a refusal."""
        return str(self.data["reason"])


@dataclass
class Serving:
    """A running server."""

    process: subprocess.Popen[str]
    port: int
    summary: str
    errors: Path

    def call(self, path: str, body: Mapping[str, object] | None = None, token: str = "") -> Answer:
        """POST a JSON body, or GET without one."""
        headers = {"X-Api-Key": token} if token else {}
        with httpx.Client(verify=False, trust_env=False, timeout=20) as client:
            url = f"http://127.0.0.1:{self.port}{path}"
            got = client.request("GET" if body is None else "POST", url, json=body, headers=headers)
        value = got.json()
        return Answer(value["code"], value["data"], value["message"])

    def login(self, username: str, group: str = "pc") -> str:
        """Log in; returns the access token."""
        body = {"username": username, "password": PASSWORD, "group": group}
        answer = self.call("/v1/site/login", body)
        assert answer.code == 200, answer
        return str(answer.data["access_token"])

    def whoami(self, token: str) -> Answer:
        """GET the member of a token."""
        return self.call("/v1/member/member/index", token=token)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


@dataclass
class Desk:
    """A folder, its settings, and the commands that are run in it.

    Commands are processes of their own. ``near`` runs them in this one, without the third of
    a second that each takes to start, where many are needed and nothing runs beside them.
    """

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    near: bool = False

    @property
    def database(self) -> Path:
        """The default SQLite file."""
        return self.folder / "denglu.db"

    def environ(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Nothing is inherited but what Python needs."""
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")}
        kept["PYTHONPATH"] = str(_SOURCES)
        kept["PYTHONWARNINGS"] = "error::ResourceWarning"
        ours = {f"DENGLU_{name.upper()}": value for name, value in settings.items()}
        return kept | self.settings | ours

    def run(self, *words: str, stdin: str | bytes = "", **settings: str) -> Done:
        """Run a command to its end."""
        raw = stdin if isinstance(stdin, bytes) else stdin.encode()
        environ = self.environ(settings)
        if self.near and words[:1] != ("serve",):  # a server settles its whole process
            return run_here(words, self.folder, environ, raw)
        done = subprocess.run(
            [sys.executable, "-m", "denglu", *words],
            cwd=self.folder,
            env=environ,
            input=raw,
            capture_output=True,
            timeout=60,
        )
        return Done(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def ok(self, *words: str, stdin: str | bytes = "", **settings: str) -> str:
        """Run a command that succeeds and complains of nothing; returns what it printed."""
        done = self.run(*words, stdin=stdin, **settings)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def json(self, *words: str, **settings: str) -> Any:
        """Run a command that succeeds with ``--json``; returns the value."""
        return json.loads(self.ok(*words, "--json", **settings))

    def fault(self, *words: str, code: int = 1, stdin: str | bytes = "", **settings: str) -> str:
        """Run a command that fails with one line on standard error; returns the line."""
        done = self.run(*words, stdin=stdin, **settings)
        assert (done.returncode, done.stdout) == (code, ""), done
        lines = done.stderr.splitlines()
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("denglu: ")
        return lines[0].removeprefix("denglu: ")

    def add(self, username: str, *more: str, password: str = PASSWORD) -> str:
        """Add a member; returns what the command printed."""
        words = ("member", "add", "--username", username, "--password-stdin", *more)
        return self.ok(*words, stdin=password + "\n")

    @contextlib.contextmanager
    def serving(self, *words: str, **settings: str) -> Iterator[Serving]:
        """A server on a free port, stopped at the end whatever happens."""
        errors = self.folder / "stderr"
        with errors.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "denglu", "serve", "--port", "0", *words],
                cwd=self.folder,
                env=self.environ(settings),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert process.stdout is not None
        try:
            summary = ""
            while "Ctrl+C stops it." not in summary:
                line = process.stdout.readline()
                assert line, f"the server ended:\n{summary}{errors.read_text()}"
                summary += line
            found = re.search(r":(\d+)/v1/", summary)
            assert found is not None, summary
            yield Serving(process, int(found[1]), summary, errors)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()


def run_here(words: tuple[str, ...], folder: Path, environ: dict[str, str], stdin: bytes) -> Done:
    """Run a command in this process, which has nothing else to do meanwhile."""
    streams = [io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8") for raw in (stdin, b"", b"")]
    root = logging.getLogger()
    handlers = root.handlers[:]
    with (
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, environ, clear=True),
        mock.patch.multiple(sys, stdin=streams[0], stdout=streams[1], stderr=streams[2]),
    ):
        try:
            code = run(list(words))
        finally:
            root.handlers[:] = handlers
    said = []
    for stream in streams[1:]:
        stream.seek(0)
        said.append(stream.read())
    return Done(words, code, *said)


@contextlib.contextmanager
def template() -> Iterator[Path]:
    """A folder with a migrated database and a key, to be copied."""
    with tempfile.TemporaryDirectory() as name:
        desk = Desk(Path(name))
        desk.ok("migrate")
        key = desk.folder / "denglu.db.key"
        key.write_text("k" * 43 + "\n")
        key.chmod(0o600)
        yield desk.folder


def desk_from(model: Path, folder: Path) -> Desk:
    """A desk with a copy of the template."""
    for name in ("denglu.db", "denglu.db.key"):
        shutil.copy2(model / name, folder / name)
    return Desk(folder)
