"""A private PHP that speaks FastCGI, and runs one script."""

from pathlib import Path
from typing import ClassVar

from tests.servers.process import HOST, PrivateServer, listens


class PhpServer(PrivateServer):
    """``scripts`` lie in its folder, by name; the proxy says which one is run."""

    name: ClassVar[str] = "php"
    package: ClassVar[str] = "php-cgi"
    programs: ClassVar[tuple[str, ...]] = ("php-cgi",)

    def __init__(self, scripts: dict[str, str]) -> None:
        super().__init__()
        for name, text in scripts.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            path.chmod(0o644)

    def command(self) -> list[str]:
        return [self.program["php-cgi"], "-n", "-b", f"{HOST}:{self.port}"]

    def is_ready(self) -> bool:
        return listens(self.port)

    def script(self, name: str) -> Path:
        """Where a script is."""
        return self.folder / name
