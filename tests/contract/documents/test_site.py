"""The site is built strictly: every page is in the navigation, every link and every anchor leads somewhere, and no page
asks another server for anything.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.contract.contract import ROOT

sys.path.insert(0, str(ROOT / "scripts" / "site"))
import build

ASKS = re.compile(r"<(?:script|img|link|iframe|source)\b[^>]*?\b(?:src|href)=[\"']?((?:https?:)?//[^\"'\s>]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    answer = build.build(ROOT, folder)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return folder


def test_every_document_is_a_page_and_no_page_asks_another_server(site: Path) -> None:
    documents = {path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")}
    pages = {path.relative_to(site).with_suffix("") for path in site.rglob("*.html")}
    found = {path.parent / "index" if path.name == "README" else path for path in documents}
    assert found - pages == set()
    text = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    assert [(path.name, ASKS.findall(page)) for path, page in text.items() if ASKS.search(page)] == []
    assert "fonts.googleapis" not in "".join(path.read_text() for path in site.rglob("*.css"))


def test_the_first_page_is_the_readme_and_what_pages_name_outside_of_docs_comes_with_them(site: Path) -> None:
    assert (
        "turns by itself" in (site / "index.html").read_text() and "tutorial.html" in (site / "index.html").read_text()
    )
    assert (site / "repository/services/drift/index.html").is_file()
    assert (site / "repository/schemas/topics.yaml").read_text() == (ROOT / "schemas/topics.yaml").read_text()


def test_a_link_that_leads_nowhere_ends_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("# A\n[b](docs/b.md#part) [gone](docs/gone.md)\n")
    (tmp_path / "docs" / "b.md").write_text("# B\n[d](../d) [c](../c.md)\n")
    (tmp_path / "c.md").write_text("# C\n")
    (tmp_path / "d").mkdir()
    hooks = ROOT / "scripts/site/hooks.py"
    config = f"site_name: t\ntheme: null\nhooks: [{hooks}]\nnav: [index.md, '*.md', 'repository/*.md']\nplugins: []\n"
    (tmp_path / "mkdocs.yml").write_text(f"{config}validation: {{links: {{anchors: warn}}}}\n")
    answer = build.build(tmp_path, tmp_path / "site")
    told = [line for line in (answer.stdout + answer.stderr).splitlines() if "WARNING" in line]
    assert answer.returncode != 0
    assert len(told) == 2 and "'gone.md'" in told[0] and "'#part'" in told[1], told
