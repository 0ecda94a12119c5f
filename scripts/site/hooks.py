"""What MkDocs does not do by itself for a site of a repository: README is the first page; what a page names outside of
docs/ comes with the site, so that its links hold in both; stars in the navigation are the pages of a folder.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

LINK = re.compile(r"\[([^\]]*)\]\(([^)#:\s]+)(#[^)\s]*)?\)")
OUTSIDE = "repository/"
"""Below it stands, in the site, what is not in docs/."""
FIRST = "README.md"


def on_files(files: Files, config: Any) -> Files:
    """Adds the first page, what the navigation and pages name outside of docs/, then what these name."""
    root, docs = _folders(config)
    files.append(File.generated(config, "index.md", content=(root / FIRST).read_text(encoding="utf-8")))
    named = [uri.removeprefix(OUTSIDE) for uri in _named(config.nav) if uri.startswith(OUTSIDE)]
    wanted = [path.relative_to(root).as_posix() for name in named for path in sorted(root.glob(name))]
    for file in list(files.documentation_pages()):
        wanted += _targets(file.content_string, _in_repository(file.src_uri, docs))
    while wanted:
        path = wanted.pop()
        uri = _in_site(path, docs)
        if uri not in files.src_uris and (root / path).is_file():
            files.append(File.generated(config, uri, abs_src_path=str(root / path)))
            wanted += _targets(files.src_uris[uri].content_string, path) if path.endswith(".md") else []
    config.nav = _expanded(config.nav, [file.src_uri for file in files.documentation_pages()])
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Links as they lead in the site: one to a folder leads to its README or its first page, or is plain text."""
    root, docs = _folders(config)
    here = _in_repository(page.file.src_uri, docs)

    def moved(match: re.Match[str]) -> str:
        text, link, anchor = match.groups()
        target = posixpath.normpath(posixpath.join(posixpath.dirname(here), link))
        if (root / target).is_dir():
            pages = sorted((root / target).glob("*.md"), key=lambda path: (path.name != FIRST, path.name))
            if not pages or _in_site(pages[0].relative_to(root).as_posix(), docs) not in files.src_uris:
                return text
            target = pages[0].relative_to(root).as_posix()
        to = posixpath.relpath(_in_site(target, docs), posixpath.dirname(page.file.src_uri) or ".")
        return f"[{text}]({to}{anchor or ''})"

    return LINK.sub(moved, markdown)


def _folders(config: Any) -> tuple[Path, str]:
    """The repository, and the name of the folder of documents in it."""
    docs = Path(config.docs_dir)
    return docs.parent, docs.name + "/"


def _in_repository(uri: str, docs: str) -> str:
    """Where the source of a page stands in the repository."""
    if uri == "index.md":
        return FIRST
    return uri.removeprefix(OUTSIDE) if uri.startswith(OUTSIDE) else docs + uri


def _in_site(path: str, docs: str) -> str:
    """Where a file of the repository stands in the site's sources."""
    if path == FIRST:
        return "index.md"
    return path.removeprefix(docs) if path.startswith(docs) else OUTSIDE + path


def _targets(text: str, here: str) -> Iterator[str]:
    """The files that a document's links name, by their paths in the repository."""
    for match in LINK.finditer(text):
        yield posixpath.normpath(posixpath.join(posixpath.dirname(here), match[2]))


def _expanded(nav: list[Any], pages: list[str]) -> list[Any]:
    """The navigation with every star replaced by the pages that are named nowhere."""
    named = set(_named(nav))
    rest = [page for page in sorted(pages) if page not in named]

    def walk(entry: Any) -> list[Any]:
        if isinstance(entry, dict):
            return [{title: _flat(walk, below) if isinstance(below, list) else below for title, below in entry.items()}]
        if "*" not in entry:
            return [entry]
        return [page for page in rest if fnmatch.fnmatch(page, entry) and page.count("/") == entry.count("/")]

    return _flat(walk, nav)


def _flat(walk: Any, entries: list[Any]) -> list[Any]:
    return [one for entry in entries for one in walk(entry)]


def _named(nav: Any) -> Iterator[str]:
    """Every page that the navigation names."""
    if isinstance(nav, str):
        yield nav
    else:
        for below in nav.values() if isinstance(nav, dict) else nav:
            yield from _named(below)
