"""A private nginx, with a configuration of the test's."""

import signal
from typing import ClassVar

from tests.servers.process import HOST, PrivateServer, listens

_FRAME = """\
daemon off;
worker_processes 1;
pid @FOLDER@/nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path @FOLDER@/body;
    proxy_temp_path @FOLDER@/proxy;
    fastcgi_temp_path @FOLDER@/fastcgi;
    uwsgi_temp_path @FOLDER@/uwsgi;
    scgi_temp_path @FOLDER@/scgi;
{http}
}}
"""


class NginxServer(PrivateServer):
    """``http`` is what stands inside ``http { }``; @PORT@ and @FOLDER@ are filled in."""

    name: ClassVar[str] = "nginx"
    package: ClassVar[str] = "nginx"
    programs: ClassVar[tuple[str, ...]] = ("nginx",)
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, http: str, *options: str) -> None:
        super().__init__(*options)
        self.http = http

    def prepare(self) -> None:
        text = _FRAME.format(http=self.http)
        filled = text.replace("@PORT@", str(self.port)).replace("@FOLDER@", str(self.folder))
        (self.folder / "nginx.conf").write_text(filled)

    def reload(self, http: str) -> None:
        """Take another configuration over; connections that are open end as they began."""
        self.http = http
        self.prepare()
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def command(self) -> list[str]:
        folder = str(self.folder)
        config = f"{folder}/nginx.conf"
        return [self.program["nginx"], "-p", folder, "-c", config, "-e", "stderr"]

    def is_ready(self) -> bool:
        return listens(self.port)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"
