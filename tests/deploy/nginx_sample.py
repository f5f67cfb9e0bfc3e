"""The nginx sample as it is shipped, on ports and in a folder of the test's."""

import contextlib
import json
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from tests.deploy.back_end import Shop
from tests.servers.fixtures import installed
from tests.servers.nginx import NginxServer
from tests.servers.php import PhpServer

DEPLOY = Path(__file__).parents[2] / "deploy"
_LISTEN = "listen 443 ssl http2;"


@contextlib.contextmanager
def protecting_nginx(
    ports: Sequence[int], shop: Shop, changed: Mapping[str, str] = MappingProxyType({})
) -> Iterator[NginxServer]:
    """The same with the sample of a protected back end beside it, on the same port."""
    ours = {"127.0.0.1:9100": f"127.0.0.1:{shop.http_port}"}
    ours |= {"127.0.0.1:9000": f"127.0.0.1:{shop.fastcgi_port}", **changed}
    with shipped_nginx(ports, beside=_sample("protected.conf", ours)) as server:
        yield server


@contextlib.contextmanager
def rageframe_shop(denglu: int, tokens: Mapping[str, int]) -> Iterator[PhpServer]:
    """PHP with the example of a shop, whose denglu is at that port, and as much of RageFrame as it
    needs. ``tokens``: those that the shop gave out itself, and their members.
    """
    examples = DEPLOY.parent / "examples/php"
    token = (examples / "DengluToken.php").read_text("utf-8")
    scripts = {
        "web/api/DengluToken.php": _changed(token, {"127.0.0.1:8001": f"127.0.0.1:{denglu}"}),
        "web/api/member.php": (examples / "member.php").read_text("utf-8"),
        "web/api/index.php": (Path(__file__).parent / "php/stubs.php").read_text("utf-8"),
        "web/api/tokens.json": json.dumps(tokens),
        "web/index.php": "<?php echo json_encode(['php' => 'the site']);",
    }
    with installed(lambda: PhpServer(scripts)) as started:
        rows = started.folder / "web/api/rows"
        rows.mkdir()
        rows.chmod(0o777)
        yield started


@contextlib.contextmanager
def rageframe_nginx(ports: Sequence[int], php: PhpServer, logins: str) -> Iterator[NginxServer]:
    """The same with the sample of a RageFrame shop; ``logins``: who answers them."""
    ours = {"default php;": f"default {logins};", "/srv/shop/web": str(php.folder / "web")}
    ours |= {"127.0.0.1:9000": f"127.0.0.1:{php.port}"}
    with shipped_nginx(ports, beside=_sample("rageframe.conf", ours)) as server:
        yield server


@contextlib.contextmanager
def shipped_nginx(
    ports: Sequence[int], changed: Mapping[str, str] = MappingProxyType({}), beside: str = ""
) -> Iterator[NginxServer]:
    """nginx with TLS on ``server.port``, in front of denglu servers on these ports."""
    parts = [_placed(part) for part in (_sample("denglu.conf", changed), beside) if part]
    server = installed(lambda: NginxServer("".join(parts)))
    with contextlib.closing(server):
        for host in ("login.example", "shop.example") if beside else ("login.example",):
            _certificate(server.folder, host)
        (server.folder / "servers.conf").write_text(_servers(ports))
        for path in server.folder.iterdir():
            path.chmod(0o644)
        server.start()
        yield server


def _sample(name: str, changed: Mapping[str, str]) -> str:
    return _changed((DEPLOY / "nginx" / name).read_text("utf-8"), changed)


def _placed(sample: str) -> str:
    """A sample as it is shipped: only addresses and paths are replaced."""
    text = _changed(
        sample,
        {
            f"listen [::]:443 {_LISTEN.partition(' 443 ')[2]}": "",
            _LISTEN: _LISTEN.replace("443", "127.0.0.1:@PORT@"),
            "/etc/nginx/tls/": "@FOLDER@/",
            "/var/log/nginx/": "@FOLDER@/",
        },
    )
    return text.replace("/etc/nginx/denglu/", "@FOLDER@/")


def _changed(text: str, changes: Mapping[str, str]) -> str:
    """The text; whatever is replaced must be there."""
    for shipped, ours in changes.items():
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


def _certificate(folder: Path, host: str) -> None:
    key, certificate = folder / f"{host}.key", folder / f"{host}.crt"
    words = f"openssl req -x509 -nodes -days 2 -subj /CN={host}"
    kind = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
    files = f"-keyout {shlex.quote(str(key))} -out {shlex.quote(str(certificate))}"
    command = shlex.split(f"{words} {kind} {files}")
    subprocess.run(command, check=True, capture_output=True)
