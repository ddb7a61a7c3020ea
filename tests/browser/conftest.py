"""A real server on the rendered demo archive, and real Chromium that may reach nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from browser_kit import ARGUMENTS, WAIT, Site, chromium, serving

pytest.importorskip("playwright.sync_api", reason="install the extra 'browser'")

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in Path(item.fspath).parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `geoglot demo`: GEOGLOT_DEMO where one is at hand (it is copied), else rendered and indexed here."""
    folder = tmp_path_factory.mktemp("browser") / "demo"
    if given := os.environ.get("GEOGLOT_DEMO"):
        shutil.copytree(given, folder)
        return folder
    done = subprocess.run(
        [sys.executable, "-m", "geoglot", "demo", "-o", str(folder)], capture_output=True, text=True, check=False
    )
    # 5 says that the best hit of a search is wrong, which is nothing to the page
    assert done.returncode in (0, 5), done.stderr
    return folder


@pytest.fixture(scope="session")
def site(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The server that most tests share."""
    with serving(demo / "archive", tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield started
        started.close()


@dataclass
class Opened:
    """Opens pages and keeps what they did wrong."""

    browser: Any
    site: Site
    contexts: list[Any] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def __call__(self, state: str = "", *, width: int = 1280, height: int = 800, **options: Any) -> Any:
        """A page of its own profile at `state`, the part of the address after #; its map has come to rest."""
        # nothing that only moves costs the processors time, which draw in software here
        context = self.browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce", **options)
        context.set_default_timeout(WAIT)
        self.contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda message: "Content Security Policy" in message.text and self.wrong.append(message.text))
        context.on("request", self._asked)
        page.goto(f"{self.site.address}#{state}")
        page.wait_for_selector(".panel[aria-busy=false]")
        page.wait_for_selector(".map-area[aria-busy=false] canvas")
        return page

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.site.address, "blob:", "data:")):
            self.elsewhere.append(request.url)


@pytest.fixture
def opened(browser: Any, site: Site) -> Iterator[Opened]:
    """`opened("q=forest")` gives a page; at the end no page may have failed, broken its policy or asked elsewhere."""
    opener = Opened(browser, site)
    yield opener
    for context in opener.contexts:
        context.close()
    assert opener.wrong == []
    assert opener.elsewhere == []
