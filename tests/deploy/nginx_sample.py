"""The nginx sample as it is shipped, on ports and in a folder of the test's."""

import contextlib
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from tests.servers.fixtures import installed
from tests.servers.nginx import NginxServer

DEPLOY = Path(__file__).parents[2] / "deploy"
_LISTEN = "listen 443 ssl http2;"


@contextlib.contextmanager
def shipped_nginx(
    ports: Sequence[int], changed: Mapping[str, str] = MappingProxyType({})
) -> Iterator[NginxServer]:
    """nginx with TLS on ``server.port``, in front of denglu servers on these ports."""
    server = installed(lambda: NginxServer(_sample(changed)))
    with contextlib.closing(server):
        _certificate(server.folder)
        (server.folder / "servers.conf").write_text(_servers(ports))
        for path in server.folder.iterdir():
            path.chmod(0o644)
        server.start()
        yield server


def _sample(changed: Mapping[str, str]) -> str:
    """Only addresses and paths are replaced; each of them must be there."""
    text = (DEPLOY / "nginx/denglu.conf").read_text("utf-8")
    for shipped, ours in {
        f"listen [::]:443 {_LISTEN.partition(' 443 ')[2]}": "",
        _LISTEN: _LISTEN.replace("443", "127.0.0.1:@PORT@"),
        "/etc/nginx/tls/": "@FOLDER@/",
        "/etc/nginx/denglu/": "@FOLDER@/",
        "/var/log/nginx/": "@FOLDER@/",
        **changed,
    }.items():
        assert shipped in text, shipped
        text = text.replace(shipped, ours)
    return text


def _servers(ports: Sequence[int]) -> str:
    """The shipped lines, each with one of these ports."""
    text = (DEPLOY / "nginx/servers.conf").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith("server ")]
    assert len(lines) == len(ports)
    parts = [line.split(maxsplit=2)[2] for line in lines]
    return "".join(f"server 127.0.0.1:{p} {rest}\n" for p, rest in zip(ports, parts, strict=True))


def _certificate(folder: Path) -> None:
    key, certificate = folder / "login.example.key", folder / "login.example.crt"
    words = "openssl req -x509 -nodes -days 2 -subj /CN=login.example"
    kind = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
    files = f"-keyout {shlex.quote(str(key))} -out {shlex.quote(str(certificate))}"
    command = shlex.split(f"{words} {kind} {files}")
    subprocess.run(command, check=True, capture_output=True)
