"""Plugins as packages that are installed: of files, and of the documentation."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"
_FILE = re.compile(
    r"^`denglu-greet/([\w./-]+)`(?:(?!\n\n).)*\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


def files_of_the_page() -> dict[str, str]:
    """The files of the example in docs/plugins.md, by path."""
    return dict(_FILE.findall(_PAGE.read_text("utf-8")))


def install(folder: Path, files: Mapping[str, str]) -> Path:
    """Install a package of these files; returns what is to be on the path then."""
    source, target = folder / "source", folder / "installed"
    for name, text in files.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--target", str(target)]
    subprocess.run([*command, str(source)], check=True, capture_output=True, text=True)
    return target


def put(folder: Path, name: str, text: str, *, module: str = "") -> Path:
    """Put a plugin of one module onto a path, as an installer leaves it; returns the folder."""
    module = module or f"plugin_{name.replace('-', '_')}"
    (folder / f"{module}.py").write_text(text, "utf-8")
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[denglu.plugins]\n{name} = {module}\n")
    return folder
