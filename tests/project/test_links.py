"""Links of the files in the repository's root lead to files and headings; MkDocs checks those between the docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.airflow_home import ROOT

FILES = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *ROOT.glob(".github/*.md")])
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def broken_links(file: Path) -> list[str]:
    """Return the relative links of a file whose target, or heading in it, does not exist."""
    links = _LINK.findall(_CODE.sub("", file.read_text()))
    return [link for link in links if not re.match(r"\w+:", link) and not leads(file, link)]


def leads(file: Path, link: str) -> bool:
    """Return whether a relative link leads to a file or folder of the repository, and to a heading of it."""
    name, _, heading = link.partition("#")
    target = file.parent / name if name else file
    return target.exists() and (not heading or heading in anchors(target.read_text()))


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = _HEADING.findall(re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", FILES)
def test_no_link_is_broken(name: str) -> None:
    assert broken_links(ROOT / name) == []


def test_there_are_links_to_check() -> None:
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} <= {*FILES}
    assert len(_LINK.findall((ROOT / "README.md").read_text())) > 20


def test_broken_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `first` page\n\n```sh\n# no heading\n```\n")
    good = (
        "[a](page.md) [b](page.md#a-first-page) [c](#links) [d](https://example.com) `[e](none.md)`\n\n# Links\n"
    )
    bad = ["none.md", "page.md#no-heading", "#none", "images/none.png"]
    file = tmp_path / "file.md"
    file.write_text(good + "".join(f"[text]({link}) " for link in bad))
    assert broken_links(file) == bad
