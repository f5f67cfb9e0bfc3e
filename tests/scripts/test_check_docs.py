"""The check of the documents finds what it is for: every planted fault, and nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from denglu.settings.model import Settings, variable
from scripts import check_docs

Plant = Callable[[str, str], list[str]]


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Put a file into a tree of its own; returns the faults found in it."""
    root = tmp_path / "tree"
    monkeypatch.setattr(check_docs, "ROOT", root)

    def put(name: str, text: str) -> list[str]:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return list(check_docs.faults([path])) if path.resolve().is_relative_to(root) else []

    return put


@pytest.mark.parametrize(
    "link",
    [
        "[here](docs/page.md)",
        "[here](docs/page.md#running-it-中文)",
        "[here](#top)",
        "![a picture](<docs/page.md>)",
        '[here](docs/page.md "with a title")',
        "[here](docs/)",
        "[far](https://example.org/no.md) and [mail](mailto:a@example.org)",
        "[word]: docs/page.md",
        "`[no](link.md)`",
        "```\n[no](link.md)\n```",
    ],
)
def test_a_link_that_leads_somewhere_is_no_fault(plant: Plant, link: str) -> None:
    plant("docs/page.md", "# Page\n\n## Running it: (中文)\n")

    assert plant("README.md", f"# Top\n\n{link}\n") == []


@pytest.mark.parametrize(
    "link",
    [
        "[here](docs/gone.md)",
        "[here](docs/page.md#gone)",
        "[here](#gone)",
        "[here](../outside.md)",
        "![a picture](docs/gone.png)",
        "[word]: docs/gone.md",
        "[here](docs/page.md#only-in-code)",
    ],
)
def test_a_link_that_leads_nowhere_is_a_fault(plant: Plant, link: str) -> None:
    plant("docs/page.md", "# Page\n\n```\n# Only in code\n```\n")
    plant("../outside.md", "# Outside\n")

    (fault,) = plant("README.md", f"# Top\n\n{link}\n")

    assert fault.startswith("README.md: ")


def test_every_setting_is_described_and_no_other(plant: Plant) -> None:
    names = [variable(name) for name in Settings.model_fields]
    assert plant("docs/settings.md", " ".join(names)) == []

    assert plant("docs/settings.md", " ".join(names[1:])) == [
        f"docs/settings.md: {names[0]} is not described"
    ]
    assert plant("docs/settings.md", " ".join([*names, "DENGLU_OLD_NAME"])) == [
        "docs/settings.md: DENGLU_OLD_NAME is no setting"
    ]


@pytest.mark.parametrize("folder", ["work", "root"])
def test_a_path_of_one_machine_is_a_fault(plant: Plant, folder: str) -> None:
    assert plant("src/a.py", f'PATH = "/{folder}/main"') == [
        f"src/a.py: /{folder}/ is a path of one machine"
    ]
    assert plant("src/b.py", f'URL = "https://example.org/{folder}/main", "frame/{folder}/"') == []


@pytest.mark.parametrize(
    "line",
    [
        "--extra-index-url https://example.org/simple",
        "--find-links wheels",
        "-e .",
        "denglu @ ./denglu",
        "# found at https://example.org/simple",
    ],
)
def test_a_lock_that_names_a_place_is_a_fault(plant: Plant, line: str) -> None:
    good = "click==8.5.1 \\\n    --hash=sha256:00\n    # via denglu (pyproject.toml)\n"
    assert plant("requirements/run.txt", good) == []

    assert len(plant("requirements/run.txt", f"{line}\n{good}")) == 1


def test_a_changelog_without_the_coming_release_is_a_fault(plant: Plant) -> None:
    assert plant("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n") == []
    assert plant("CHANGELOG.md", "# Changelog\n\n## [0.1.0] - 2026-11-22\n") == []

    assert len(plant("CHANGELOG.md", "# Changelog\n")) == 1


def test_a_promise_without_a_test_is_a_fault_and_so_is_a_row_without_a_promise(
    plant: Plant,
) -> None:
    plant("tests/test_rows.py", "async def test_S01_R02_both() -> None: ...\n")
    assert plant("SECURITY.md", "Nobody guesses: S01 R02.\n") == []
    assert plant("SECURITY.md", "Nobody guesses: S01 T03.\n") == [
        "SECURITY.md: T03 has no test",
        "SECURITY.md: R02 is not named",
    ]
