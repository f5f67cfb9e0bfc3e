"""Check the documents: links lead somewhere, settings are described, promises have tests.

    python scripts/check_docs.py

Prints one line for each fault, and exits with 1 if there is any.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote

from denglu.settings.model import Settings, variable

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+)[^`].*?\1")
LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s[^)]*)?\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
# Put together here, so that this file does not hold what it looks for.
MACHINE_PATHS = re.compile("(?<![A-Za-z0-9_.~/-])/(?:" + "|".join(("work", "root")) + ")/")
ROW_TEST = re.compile(r"def test((?:_[A-Z][0-9]{2})+)_")
LOCKED_PLACES = re.compile(r"://|^\s*-(?!-hash)| @ ", re.MULTILINE)


def files() -> list[Path]:
    """Everything that git would ship: tracked, or new and not ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return sorted(path for name in listed.stdout.split("\0") if (path := ROOT / name).is_file())


def anchors(text: str) -> set[str]:
    """The anchors that headings get: lower case, punctuation dropped, blanks to hyphens."""
    titles = [
        re.sub(r"[^\w\- ]", "", title.lower()) for title in HEADING.findall(FENCE.sub("", text))
    ]
    return {title.replace(" ", "-") for title in titles}


def broken_links(page: Path, text: str) -> Iterator[str]:
    """Relative links whose file or heading is not there."""
    prose = CODE.sub("", FENCE.sub("", text))
    for target in (inline or reference for inline, reference in LINK.findall(prose)):
        if ELSEWHERE.match(target):
            continue
        name, _, anchor = unquote(target).partition("#")
        file = (page.parent / name) if name else page
        if not file.resolve().is_relative_to(ROOT) or not file.exists():
            yield f"{target} leads nowhere"
        elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text("utf-8")):
            yield f"{target}: no such heading"


def undescribed(text: str) -> Iterator[str]:
    """Settings that docs/settings.md does not mention, and settings it mentions in vain."""
    known = {variable(name) for name in Settings.model_fields}
    mentioned = set(re.findall(r"DENGLU_[A-Z0-9_]+", text))
    also = {f"{name}_FILE" for name in known} | {variable("config")}
    yield from (f"{name} is not described" for name in sorted(known - mentioned))
    yield from (f"{name} is no setting" for name in sorted(mentioned - known - also))


def unproven(text: str) -> Iterator[str]:
    """Rows that SECURITY.md names and no test is named after, and rows that it forgets."""
    named = set(re.findall(r"\b[A-Z][0-9]{2}\b", text))
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py"))
    proven = set(re.findall(r"[A-Z][0-9]{2}", "".join(ROW_TEST.findall(tests))))
    yield from (f"{name} has no test" for name in sorted(named - proven))
    yield from (f"{name} is not named" for name in sorted(proven - named))


def faults(paths: Iterable[Path]) -> Iterator[str]:
    """All faults, as ``file: what``."""
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:  # a picture, a packed list
            continue
        if found := MACHINE_PATHS.search(text):
            yield f"{name}: {found[0]} is a path of one machine"
        if path.suffix == ".md":
            yield from (f"{name}: {fault}" for fault in broken_links(path, text))
        if path.parent.name == "requirements" and LOCKED_PLACES.search(text):
            yield f"{name}: a lock may name no index and no path"
        if name == "docs/settings.md":
            yield from (f"{name}: {fault}" for fault in undescribed(text))
        if name == "SECURITY.md":
            yield from (f"{name}: {fault}" for fault in unproven(text))
        if name == "CHANGELOG.md" and not re.search(
            r"^## \[(Unreleased|\d+\.\d+\.\d+)\]", text, re.M
        ):
            yield f"{name}: no section for the coming release"


def main() -> int:
    """Print the faults."""
    paths = files()
    found = list(faults(paths))
    for needed in ("README.md", "CHANGELOG.md", "LICENSE", "docs/settings.md"):
        if ROOT / needed not in paths:
            found.append(f"{needed}: missing")
    print("\n".join(found) or f"documents: {len(paths)} files, no fault")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
