"""The built page in the package is that of the sources in `web/`, with its licences, and needs no inline script."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

PAGE = Path("src/geoglot/serve/page")


@pytest.fixture
def web(root: Path) -> Path:
    folder = root / "web"
    if not folder.is_dir():
        pytest.skip("the page's sources are not here")
    return folder


def digest(web: Path) -> str:
    """As `web/vite.config.ts` computes it: a hash over the names and hashes of all sources."""
    names = ["index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"]
    names += [file.relative_to(web).as_posix() for file in (web / "src").rglob("*") if file.is_file()]
    whole = hashlib.sha256()
    for name in sorted(names):
        whole.update(f"{name}\n{hashlib.sha256((web / name).read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def test_the_built_page_is_that_of_the_sources(root: Path, web: Path) -> None:
    built = (root / PAGE / "sources.sha256").read_text(encoding="utf-8").strip()
    assert built == digest(web), "web/ has changed: run `make page` and commit what it builds"


def test_every_file_that_the_page_names_is_built(root: Path) -> None:
    index = (root / PAGE / "index.html").read_text(encoding="utf-8")
    named = re.findall(r'(?:src|href)="\./([^"]+)"', index)
    assert len(named) >= 3
    assert all((root / PAGE / name).is_file() for name in named)
    # a strict content security policy takes neither
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", index) == []
    assert "http" not in index


def test_the_lock_names_no_address(web: Path) -> None:
    lock = (web / "package-lock.json").read_text(encoding="utf-8")
    assert "http" not in lock, "remove `resolved` and `funding`: see `make page-lock`"
    assert "resolved" not in lock


def test_the_licences_of_what_is_bundled_lie_beside_it(root: Path, web: Path) -> None:
    text = (root / PAGE / "static" / "licences.txt").read_text(encoding="utf-8")
    packages = json.loads((web / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    bundled = [path for path, one in packages.items() if path and not one.get("dev") and "/@types/" not in path]
    assert len(bundled) > 20
    for path in bundled:
        name = path.rsplit("node_modules/", 1)[1]
        assert re.search(rf"^{re.escape(name)} {re.escape(packages[path]['version'])} \(", text, re.MULTILINE), name
    assert "carries no text" not in text


def test_the_page_is_part_of_the_package(root: Path) -> None:
    assert '"serve/page/**/*"' in (root / "pyproject.toml").read_text(encoding="utf-8")


def test_sources_are_short(web: Path) -> None:
    long = {file.name: lines for file in (web / "src").rglob("*.ts*") if (lines := len(file.read_text().splitlines())) >= 400}
    assert long == {}
