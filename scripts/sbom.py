"""Writes sbom.cdx.json: what a server of denglu consists of (CycloneDX), from its lock.

    python -m scripts.sbom           write it
    python -m scripts.sbom --check   say whether the committed one is what the lock says

The packages of requirements/server.txt are installed into a fresh environment and described by
cyclonedx-py, with licences and who needs whom. Nothing of the day or the machine goes in.
"""

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "server.txt"
SBOM = ROOT / "sbom.cdx.json"
# Every environment has them; denglu needs neither.
_NOT_OURS = frozenset({"pip", "setuptools"})


def locked(text: str) -> set[tuple[str, str]]:
    """Names (normalised) and versions that a lock pins."""
    lines = (line for line in text.splitlines() if line[:1].isalnum())
    pins = (line.split(";")[0].removesuffix("\\").strip().partition("==") for line in lines)
    return {(normal(name.partition("[")[0]), version.strip()) for name, _, version in pins}


def described(sbom: dict[str, Any]) -> set[tuple[str, str]]:
    """Names (normalised) and versions of the components."""
    return {(normal(part["name"]), part["version"]) for part in sbom["components"]}


def normal(name: str) -> str:
    """One spelling for a package's name."""
    return name.lower().replace("_", "-").replace(".", "-")


def build() -> dict[str, Any]:
    """Install the lock and describe it."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        venv.create(place / "env", with_pip=True)
        python = str(place / "env" / "bin" / "python")
        install = ["-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        _run(python, *install, "--require-hashes", "-r", str(LOCK))
        words = ["environment", python, "--output-reproducible", "--of", "JSON"]
        words += ["--pyproject", str(ROOT / "pyproject.toml"), "-o", str(place / "sbom.json")]
        _run(str(Path(sys.executable).with_name("cyclonedx-py")), *words)
        return _plain(json.loads((place / "sbom.json").read_text("utf-8")))


def _run(*words: str) -> None:
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def _plain(sbom: dict[str, Any]) -> dict[str, Any]:
    """Without what tells nothing about the packages: addresses, and the tool's own."""
    sbom["metadata"].pop("tools", None)
    kept = [part for part in sbom["components"] if part["name"] not in _NOT_OURS]
    gone = {part["bom-ref"] for part in sbom["components"]} - {part["bom-ref"] for part in kept}
    sbom["components"] = [
        {key: value for key, value in part.items() if key != "externalReferences"} for part in kept
    ]
    sbom["dependencies"] = [edge for edge in sbom["dependencies"] if edge["ref"] not in gone]
    return sbom


def main(arguments: Sequence[str]) -> int:
    """Write or check; the exit code is 1 where the committed one is out of date."""
    text = json.dumps(build(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if "--check" not in arguments:
        SBOM.write_text(text, "utf-8")
        print(f"wrote {SBOM.name}")
        return 0
    same = SBOM.exists() and SBOM.read_text("utf-8") == text
    print(f"{SBOM.name} is {'up to date' if same else 'out of date: run make sbom'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
