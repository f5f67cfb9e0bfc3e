"""Changes the code a little, again and again, and asks the tests whether they notice.

    python -m scripts.mutation               rules, flows, store
    python -m scripts.mutation statements    an area by its name

The changes (mutants) and the runs are mutmut's. Works on a copy, so that no mutant ever stands in
this tree. Prints for each module how many mutants there were and how many were killed, and shows
every survivor. The exit code is 1 when a module has less than 90 % killed, or a survivor is not
explained in docs/mutation.md (its changed line stands there).

mutmut changes what stands in functions, and leaves decorated ones alone. In the copy, properties
and the store's dictionaries of statements are therefore written as plain functions.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_TREE = Path(__file__).parents[1]
_EXPLAINED = _TREE / "docs" / "mutation.md"
_COPIED = ("src", "tests", "scripts", "bench", "pyproject.toml")
_AT_LEAST = 90.0
# Two databases over the network would make a run of an hour one of days.
_HERE_ONLY = ("-k", "not postgresql and not mysql")
_STORE = (
    "tests/store/test_codes.py",
    "tests/store/test_deletions.py",
    "tests/store/test_isolation.py",
    "tests/store/test_members.py",
    "tests/store/test_merchants.py",
    "tests/store/test_sessions.py",
    "tests/store/test_tallies.py",
    "tests/store/test_texts.py",
    "tests/store/test_transactions.py",
    "tests/store/test_upkeep.py",
    "tests/flows",
)


@dataclass(frozen=True)
class Area:
    """Modules below src/denglu, and the tests that are to notice."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    # Statements are compiled once for a process: forgotten before each test, or only the first
    # test would meet a changed one.
    forget_statements: bool = False


AREAS = {
    "rules": Area(
        (
            "domain/groups",
            "domain/limits",
            "domain/member",
            "domain/mobile",
            "domain/pumping",
            "domain/session",
            "domain/sms_code",
            "domain/spend",
            "security/digests",
            "security/tokens",
        ),
        ("tests/domain", "tests/security/test_digests.py", "tests/security/test_tokens.py"),
    ),
    "flows": Area(
        (
            "flows/account_keys",
            "flows/budget",
            "flows/code_try",
            "flows/imported",
            "flows/limiting",
            "flows/logout",
            "flows/merchants",
            "flows/refresh",
        ),
        (*_HERE_ONLY, "tests/flows"),
    ),
    "store": Area(("store/merchants", "store/repositories"), (*_HERE_ONLY, *_STORE)),
    "statements": Area(
        ("store/statements", "store/tallies"),
        ("-k", "not postgresql and not mysql and not sqlite", *_STORE),
        forget_statements=True,
    ),
}
# Statements take as long as all the others: each of their mutants is compiled for every test.
_USUAL = ("rules", "flows", "store")
_CONFTEST = '''\
"""Statements are compiled again for each test."""

import pytest

from denglu.store import sqlite


@pytest.fixture(autouse=True)
def forget_statements() -> None:
    sqlite.STATEMENTS.clear()
'''


@dataclass(frozen=True)
class Mutant:
    """One change, and what became of it."""

    name: str
    outcome: str

    @property
    def module(self) -> str:
        """Where it stands, as ``domain/limits``."""
        return self.name.rpartition(".")[0].removeprefix("denglu.").replace(".", "/")

    @property
    def killed(self) -> bool:
        """Whether a test noticed; who never comes to an end is noticed too."""
        return self.outcome in ("killed", "timeout")


def main(words: Sequence[str]) -> int:
    """Run the areas that were named, or the usual ones; 0 when all is well."""
    unknown = set(words) - set(AREAS)
    if unknown:
        print(f"no area: {' '.join(sorted(unknown))}; there are {', '.join(AREAS)}")
        return 2
    explained = _EXPLAINED.read_text("utf-8") if _EXPLAINED.exists() else ""
    bad = 0
    for name in words or _USUAL:
        with tempfile.TemporaryDirectory(prefix="denglu-mutation-") as folder:
            bad += _judge(Path(folder), AREAS[name], explained)
    return 1 if bad else 0


def _judge(copy: Path, area: Area, explained: str) -> int:
    """How many modules and survivors of an area are not as they should be."""
    _prepare(copy, area)
    done = _mutmut(copy, "run", "--max-children", "1")
    mutants = list(_outcomes(_mutmut(copy, "results", "--all", "true").stdout))
    if done.returncode or not mutants:
        print(done.stdout[-2000:].rpartition("\r")[2], done.stderr[-2000:])
        plain = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", *area.tests], cwd=copy, check=False
        )
        print(f"without a mutant the tests end with {plain.returncode}")
        return 1
    bad = 0
    for module in area.modules:
        here = [mutant for mutant in mutants if mutant.module == module]
        killed = sum(mutant.killed for mutant in here)
        share = 100 * killed / max(1, len(here))
        kinds = Counter(mutant.outcome for mutant in here)
        rest = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if kind != "killed")
        print(f"{module:20} {len(here):5} mutants  {killed:5} killed  {share:5.1f} %  {rest}")
        bad += share < _AT_LEAST
    for mutant in mutants:
        if not mutant.killed:
            change = _change(copy, mutant)
            known = change and change[-1][1:].strip() in explained
            print("\n".join((f"{'' if known else 'NOT EXPLAINED: '}{mutant.name}", *change)))
            bad += not known
    return bad


def _prepare(copy: Path, area: Area) -> None:
    for name in _COPIED:
        source = _TREE / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    files = [f"src/denglu/{module}.py" for module in area.modules]
    for file in files:
        path = copy / file
        path.write_text(_undecorated(_lifted(path.read_text("utf-8"))), "utf-8")
    (copy / "conftest.py").write_text(_CONFTEST if area.forget_statements else "", "utf-8")
    settings = {
        "source_paths": ["src"],
        "also_copy": ["scripts", "bench", "conftest.py"],
        "only_mutate": files,
        "pytest_add_cli_args": ["-x", "-p", "no:schemathesis", "-p", "no:cacheprovider"],
        "pytest_add_cli_args_test_selection": list(area.tests),
        # Workers begin where no test has run yet.
        "process_isolation": ["forkserver"],
        "use_git_change_detection": ["false"],
    }
    lines = ["[mutmut]"]
    for name, values in settings.items():
        one = f"{name}={values[0]}" if len(values) == 1 else f"{name}="
        lines += [one, *([] if len(values) == 1 else (f"    {value}" for value in values))]
    (copy / "setup.cfg").write_text("\n".join(lines) + "\n", "utf-8")


def _lifted(source: str) -> str:
    """Dictionaries of statements as functions that return them, where they are compiled."""
    if "\ndef compile_all(" not in source:
        return source
    lifted = re.sub(
        r"^([A-Z]+): (dict\[str, ClauseElement\]) = (?=\{\n)",
        r"def \1() -> \2:\n    return ",
        source,
        flags=re.MULTILINE,
    )
    names = "|".join(re.findall(r"^def ([A-Z]+)\(\)", lifted, flags=re.MULTILINE))
    head, found, tail = lifted.partition("\ndef compile_all(")
    return head + found + re.sub(rf"\b({names})\b", r"\1()", tail)


def _undecorated(source: str) -> str:
    """Properties as functions that become properties below their end."""
    lines = source.splitlines()
    properties = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
        and [ast.unparse(each) for each in node.decorator_list] == ["property"]
    ]
    for node in sorted(properties, key=lambda node: node.lineno, reverse=True):
        assert node.end_lineno is not None
        lines.insert(
            node.end_lineno, " " * node.col_offset + f"{node.name} = property({node.name})"
        )
        del lines[node.lineno - 2]
    return "\n".join(lines) + "\n"


def _mutmut(copy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mutmut", *words],
        cwd=copy,
        env=os.environ | {"HYPOTHESIS_STORAGE_DIRECTORY": str(copy / "hypothesis")},
        capture_output=True,
        text=True,
    )


def _outcomes(text: str) -> Iterator[Mutant]:
    for line in text.splitlines():
        name, found, outcome = line.strip().rpartition(": ")
        if found and "__mutmut_" in name:
            yield Mutant(name, outcome)


def _change(copy: Path, mutant: Mutant) -> list[str]:
    """The lines that went and came."""
    shown = _mutmut(copy, "show", mutant.name).stdout.splitlines()
    return [line for line in shown if re.match(r"[-+](?![-+]{2} )", line)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
