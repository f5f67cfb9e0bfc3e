"""What denglu is made of: known, licensed, without a secret (L06)."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from detect_secrets.core import baseline
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings

from scripts import audit, sbom

_ROOT = Path(__file__).resolve().parents[2]
_BASELINE = _ROOT / ".secrets.baseline"
# Whoever uses denglu may use, change and sell it: no licence among them asks for more.
_LICENCES = {
    "MIT",
    "MIT-0",
    "BSD-3-Clause",
    "BSD-2-Clause",
    "Apache-2.0",
    "PSF-2.0",
    "Python-2.0",
    "ISC",
}
_SAME = {
    "any-OSI": "MIT",  # apsw: the licensee's choice of any
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
# Asks for changes to its own files, of which denglu makes none: a list of certificates.
_UNCHANGED = {"certifi": {"MPL-2.0"}}


def test_L06_the_bill_of_materials_names_what_the_lock_pins() -> None:
    assert sbom.described(_committed()) == sbom.locked(sbom.LOCK.read_text("utf-8"))


def test_L06_every_part_may_be_used_by_everybody() -> None:
    for part in _committed()["components"]:
        named = set(_licences(part))
        assert named, f"{part['name']} names no licence"
        allowed = _LICENCES | _UNCHANGED.get(part["name"], set())
        assert named <= allowed, f"{part['name']}: {named - allowed}"


def test_L06_no_secret_stands_in_a_file_of_the_repository() -> None:
    assert _new_secrets(_tracked()) == []


@pytest.mark.parametrize(
    "planted",
    [
        "-----BEGIN " + "PRIVATE KEY-----",
        "aws = 'AKIA" + "Z7QK3M2XWERTYHGF'",
        "url = 'https://site:" + "correct-horse@example.org/'",
        "k = 'c3VwZXJzZWNyZXRzdHJpbmd" + "3aXRobG90c29mZW50cm9weTEyMzQ1'",
    ],
)
def test_L06_a_planted_secret_is_found(planted: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.py"
    file.write_text(planted + "\n")
    assert _new_secrets([str(file)])


def test_what_the_advisories_say_becomes_a_line_for_each_weakness() -> None:
    told = {
        "dependencies": [
            {"name": "fine", "version": "1.0", "vulns": []},
            {
                "name": "weak",
                "version": "2.0",
                "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.1"]}],
            },
            {"name": "unknown", "skip_reason": "not found"},
        ]
    }
    found = audit.read(told)
    assert found.known == ["weak 2.0: PYSEC-1 (fixed in 2.1)"]
    assert (found.checked, found.unchecked) == (2, ["unknown"])
    assert audit.read(told, ["CVE-1"]).known == []


def test_a_lock_is_read_with_and_without_extras_and_conditions() -> None:
    text = (
        "# said\nAlpha_one==1.2 \\\n    --hash=sha256:00\nbeta[x]==3 ; python_version < '3.12' \\\n"
    )
    assert sbom.locked(text) == {("alpha-one", "1.2"), ("beta", "3")}


def _committed() -> dict:
    return json.loads(sbom.SBOM.read_text("utf-8"))


def _licences(part: dict) -> Iterator[str]:
    for entry in part.get("licenses", ()):
        known = entry.get("license", {})
        text = entry.get("expression") or known.get("id") or known.get("name")
        for word in text.replace(" AND ", " OR ").split(" OR "):
            yield _SAME.get(word, word)


def _tracked() -> list[str]:
    told = subprocess.run(
        ["git", "-C", str(_ROOT), "ls-files", "-z"], check=True, capture_output=True, text=True
    )
    names = [_ROOT / name for name in told.stdout.split("\0") if name]
    return [str(name) for name in names if name.is_file() and name != _BASELINE]


def _new_secrets(files: list[str]) -> list[str]:
    """What looks like a secret and is not among those that were looked at: made-up ones."""
    known = json.loads(_BASELINE.read_text("utf-8"))
    looked_at = {entry["hashed_secret"] for found in known["results"].values() for entry in found}
    with transient_settings({key: known[key] for key in ("plugins_used", "filters_used")}):
        found = SecretsCollection()
        for file in files:
            found.scan_file(file)
        everything = baseline.format_for_output(found)["results"]
    return [
        f"{name}:{entry['line_number']} {entry['type']}"
        for name, entries in everything.items()
        for entry in entries
        if entry["hashed_secret"] not in looked_at
    ]
