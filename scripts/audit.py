"""Looks for known weaknesses of everything that the locks pin, with pip-audit.

    python -m scripts.audit              exit 1 where a weakness is known
    python -m scripts.audit --required   also where the advisories could not be asked

A machine that reaches no advisories says NOT CHECKED in so many words, and that is all it can do.
``--ignore ID`` passes over an advisory, for as long as it is written into the caller's reasons.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOCKS = sorted((Path(__file__).resolve().parent.parent / "requirements").glob("*.txt"))


@dataclass
class Findings:
    """What is known: ``package version: advisory (fixed in …)``, and what nobody could tell."""

    known: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    checked: int = 0


def read(told: dict[str, Any], ignored: Sequence[str] = ()) -> Findings:
    """Read the JSON that pip-audit writes."""
    found = Findings()
    for package in told["dependencies"]:
        if "skip_reason" in package:
            found.unchecked.append(package["name"])
            continue
        found.checked += 1
        for weakness in package["vulns"]:
            if not {weakness["id"], *weakness.get("aliases", ())} & set(ignored):
                fixed = ", ".join(weakness["fix_versions"]) or "no version yet"
                found.known.append(
                    f"{package['name']} {package['version']}: {weakness['id']} (fixed in {fixed})"
                )
    return found


def ask(lock: Path, ignored: Sequence[str]) -> Findings:
    """Ask about one lock. Where nobody can be asked, the whole lock is unchecked."""
    words = ["pip_audit", "--requirement", str(lock), "--disable-pip", "--format", "json"]
    words += ["--require-hashes", "--progress-spinner", "off", "--timeout", "15"]
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True)
    try:
        return read(json.loads(done.stdout), ignored)
    except json.JSONDecodeError:
        last = (done.stderr.strip() or "no answer").splitlines()[-1]
        return Findings(unchecked=[f"{lock.name}: {last}"])


def main(arguments: Sequence[str]) -> int:
    """Ask about every lock, and say it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--required", action="store_true")
    parser.add_argument("--ignore", action="append", default=[], metavar="ID")
    given = parser.parse_args(arguments)
    code = 0
    for lock in LOCKS:
        found = ask(lock, given.ignore)
        for line in sorted(set(found.known)):
            print(f"{lock.name}: {line}")
            code = 1
        if found.unchecked:
            print(f"{lock.name}: NOT CHECKED, no advisories for {len(found.unchecked)} of them")
            code = code or (1 if given.required else 0)
        if found.checked:
            print(f"{lock.name}: {found.checked} packages, {len(found.known)} known weaknesses")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
