"""``make release``: what it refuses, and what it builds."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from scripts import release
from tests.support.airflow_home import ROOT

PACKAGE = "airflow_provider_upstash_vector"
VERSION = re.findall(r'^__version__ = "(.+)"$', (ROOT / PACKAGE / "__init__.py").read_text(), re.MULTILINE)[0]
URLS = '[project.urls]\nRepository = "https://example.org/r"\nDocumentation = "https://example.org/d"\n'
FILES = ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")


def git(tree: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=tree, check=True, capture_output=True, timeout=60)  # noqa: S607 - as in the script


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository from which a release can be built."""
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / PACKAGE, tree / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, tree)
    (tree / ".gitignore").write_text("dist/\n")
    project = tree / "pyproject.toml"
    project.write_text(project.read_text().replace("[project.urls]\n", URLS, 1))
    changelog = tree / "CHANGELOG.md"
    changelog.write_text(f"{changelog.read_text()}\n## [{VERSION}] - 2026-01-02\n")
    git(tree, "init", "--quiet")
    commit(tree)
    return tree


def commit(tree: Path) -> None:
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "Change")


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_it_builds_what_the_last_commit_has(tree: Path, capfd: pytest.CaptureFixture[str]) -> None:
    release.main(tree, f"v{VERSION}")
    assert "PASSED" in capfd.readouterr().out
    (wheel,) = (tree / "dist").glob("*.whl")
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("METADATA"))
        metadata = archive.read(name).decode()
    assert "Project-URL: Repository, https://example.org/r" in metadata
    assert f"](https://example.org/r/blob/v{VERSION}/docs/tutorial.md)" in metadata
    assert f"](https://example.org/r/raw/v{VERSION}/docs/images/trigger-form.png)" in metadata
    assert not re.search(r"\]\((?!https://|#)", metadata)
    (sdist,) = (tree / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        assert any(name.endswith(f"{PACKAGE}/py.typed") for name in archive.getnames())


def refused(tree: Path, tag: str | None = None) -> str:
    with pytest.raises(SystemExit) as stopped:
        release.main(tree, tag)
    assert not (tree / "dist").exists()
    return str(stopped.value)


def test_it_refuses_uncommitted_changes(tree: Path) -> None:
    (tree / "new.txt").touch()
    assert "new.txt" in refused(tree)


def test_it_refuses_the_tag_of_another_version(tree: Path) -> None:
    assert f"tag v{VERSION}" in refused(tree, "v0.0.1")


def test_it_refuses_a_changelog_without_the_version(tree: Path) -> None:
    replace(tree / PACKAGE / "__init__.py", f'"{VERSION}"', '"9.9.9"')
    commit(tree)
    assert "## [9.9.9]" in refused(tree)


@pytest.mark.parametrize("name", ["Repository", "Documentation"])
def test_it_refuses_a_project_without_addresses(tree: Path, name: str) -> None:
    project = tree / "pyproject.toml"
    project.write_text(re.sub(rf"^{name} = .*\n", "", project.read_text(), flags=re.MULTILINE))
    commit(tree)
    assert f"{name} is not set" in refused(tree)


def test_make_passes_the_tag() -> None:
    words = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "--assume-old=.venv/ready", "release", "TAG=v1"],  # noqa: S607 - make is on the PATH
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.split()
    assert words[-3:] == ["-m", "scripts.release", "v1"]
