"""What the browser tests share: a server as a process, Chromium as it is started, and looks at the map."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

WAIT = 120_000  # milliseconds; two busy cores draw WebGL in software
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    # no name is looked up, so that what would leave the machine fails
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

# what can be operated and has no name
NAMELESS = """() => [...document.querySelectorAll("button, a[href], input, select, [role=slider], canvas, img, dialog")]
  .filter(one => one.checkVisibility() && !one.closest("[aria-hidden=true]") && !one.hasAttribute("alt"))
  .filter(one => !one.getAttribute("aria-label") && !one.getAttribute("aria-labelledby"))
  .filter(one => !one.labels?.length && !one.innerText?.trim())
  .map(one => one.outerHTML.slice(0, 120))"""

# words whose contrast with the ground under them is below 4.5 (WCAG AA)
FAINT = """() => {
  const parse = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    return colour.startsWith("color(") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
  };
  const light = ([r, g, b]) => {
    const part = (v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0.95) return colour;
      if (colour[3] > 0.05) return null; // over a picture or mixed: judged by eye
    }
    return [255, 255, 255, 1];
  };
  const out = [];
  for (const one of document.querySelectorAll(".panel *, dialog[open] *, .detail *")) {
    const words = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!words || !one.checkVisibility() || one.closest(":disabled, .unseen")) continue;
    const under = ground(one);
    if (!under) continue;
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(under)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) out.push(`${one.className || one.tagName}: ${one.textContent.trim().slice(0, 30)}`);
  }
  return out;
}"""


def chromium() -> str:
    """The browser: GEOGLOT_CHROMIUM, or Debian's."""
    found = os.environ.get("GEOGLOT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.fail("Chromium is not installed: apt-get install chromium, or name it in GEOGLOT_CHROMIUM.")
    return found


@dataclass(frozen=True)
class Site:
    """A running server; `address` ends with a slash."""

    address: str
    archive: Path
    state: Path
    process: subprocess.Popen[str]

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.address + path, timeout=60) as answer:
            return bytes(answer.read())


@contextmanager
def serving(archive: Path, state: Path, *options: str, port: int = 0) -> Iterator[Site]:
    """`geoglot serve` as a process of its own, ended at the end."""
    command = ["-m", "geoglot", "serve", str(archive), "--port", str(port), "--state", str(state), *options]
    with running(archive, state, *command) as site:
        yield site


@contextmanager
def running(archive: Path, state: Path, *command: str) -> Iterator[Site]:
    """A program of Python's that serves an archive and says where, with the modules that are at hand here; ended at the end."""
    known = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        [sys.executable, *command], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=known
    )
    assert process.stderr is not None
    said = []
    try:
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"at (http://[\w.:]+/)", line):
                # the log is read on, or the pipe would fill and the server would wait
                threading.Thread(target=process.stderr.read, daemon=True).start()
                yield Site(found[1], archive, state, process)
                return
        pytest.fail(f"the server did not start: {''.join(said)}")
    finally:
        process.terminate()
        process.wait(30)


def rested(page: Any) -> None:
    """Wait until the map has drawn everything."""
    pause(page, 400)  # longer than the map fades
    page.wait_for_selector(".map-area[aria-busy=false]")


def pause(page: Any, milliseconds: int) -> None:
    """Let time pass by the page's own clock, and two frames: what it had put off for less is done, on any machine."""
    page.evaluate(
        "time => new Promise(done => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), time))",
        milliseconds,
    )


def found(page: Any) -> list[str]:
    """What each place of the finished list is called, in order."""
    page.wait_for_selector(".results[aria-busy=false]")
    return [str(name) for name in page.locator(".hit-picture").evaluate_all("all => all.map(one => one.ariaLabel)")]


def until(page: Any, expression: str) -> None:
    """Wait until an expression is true; `wait_for_function` would need `unsafe-eval`, which the page's policy refuses."""
    end = time.monotonic() + WAIT / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"never true: {expression}"
        page.wait_for_timeout(100)


def heard(page: Any, words: str) -> None:
    """Wait until the live region says so."""
    page.locator("#spoken", has_text=words).wait_for(state="attached")


def at(page: Any, x: float, y: float) -> tuple[float, float]:
    """A point of the map in pixels of the page, from shares of its width and height."""
    box = page.locator(".map").bounding_box()
    return box["x"] + box["width"] * x, box["y"] + box["height"] * y


def pixels(page: Any) -> NDArray[np.uint8]:
    """The page as it looks (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))


def parameters(page: Any) -> dict[str, str]:
    """What the address says, after it has been written."""
    pause(page, 500)
    return dict(page.evaluate("Object.fromEntries(new URLSearchParams(location.hash.slice(1)))"))
