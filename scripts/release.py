"""Build what a release publishes, into ``dist/``; ``make release`` runs it.

Refuses uncommitted changes, a changelog without the version, a tag of another version, and a project without
addresses.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from typing import NoReturn

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
_ADDRESSES = ("Repository", "Documentation")


def main(root: Path, tag: str | None) -> None:
    """Check the working tree and build the sdist and the wheel of its last commit."""
    if changes := _git(root, "status", "--porcelain").decode():
        _refuse(f"the working tree has changes:\n{changes}commit them first")
    version = _version(root)
    if tag is not None and tag != f"v{version}":
        _refuse(f"the tag is {tag}, but the version is {version}: tag v{version}")
    changelog = (root / "CHANGELOG.md").read_text()
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        _refuse(f"CHANGELOG.md has no heading '## [{version}] - YYYY-MM-DD'")
    repository = addresses(root)["Repository"]
    shutil.rmtree(root / "dist", ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        with tarfile.open(fileobj=BytesIO(_git(root, "archive", "HEAD"))) as archive:
            archive.extractall(tree, filter="data")
        readme = tree / "README.md"
        readme.write_text(with_absolute_links(readme.read_text(), repository, f"v{version}"))
        _run("uv", "build", "--quiet", "--out-dir", root / "dist", tree)
    built = sorted(path for path in (root / "dist").iterdir() if not path.name.startswith("."))
    _run("twine", "check", "--strict", *built)
    print(*built, sep="\n")


def addresses(root: Path) -> dict[str, str]:
    """Return the addresses of the project, all of which are set."""
    urls: dict[str, str] = tomllib.loads((root / "pyproject.toml").read_text())["project"]["urls"]
    for name in _ADDRESSES:
        if not urls.get(name, "").startswith("https://"):
            _refuse(f'{name} is not set: fill in [project.urls] in pyproject.toml, as {name} = "https://…"')
    return {name: urls[name].rstrip("/") for name in _ADDRESSES}


def with_absolute_links(markdown: str, repository: str, tag: str) -> str:
    """Return Markdown with links into the repository instead of relative ones, which no package index resolves."""

    def absolute(match: re.Match[str]) -> str:
        kind = "raw" if match["picture"] else "blob"
        return f"{match['picture']}[{match['text']}]({repository}/{kind}/{tag}/{match['target']})"

    return re.sub(r"(?P<picture>!?)\[(?P<text>[^]]*)\]\((?!https?:|#)(?P<target>[^)]+)\)", absolute, markdown)


def _version(root: Path) -> str:
    source = (root / "airflow_provider_upstash_vector/__init__.py").read_text()
    (version,) = re.findall(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    return str(version)


def _git(root: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, timeout=60).stdout  # noqa: S607 - git is on the PATH


def _run(program: str, *arguments: object) -> None:
    words = [str(Path(sys.executable).with_name(program)), *map(str, arguments)]
    if subprocess.run(words, check=False, timeout=600).returncode:
        _refuse(f"{program} failed")


def _refuse(reason: str) -> NoReturn:
    sys.exit(f"release: {reason}")


if __name__ == "__main__":
    main(ROOT, sys.argv[1] if len(sys.argv) > 1 else None)
