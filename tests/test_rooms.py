"""The order of the rooms: a folder imports only from folders above it, lazily too, and four rooms never import torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "geoglot"
ROOMS = (
    "core geo text metrics nn encoders losses data models archive tasks evals train zoo api serve cli".split()
)  # the order of docs/design.md
TORCHLESS = {"core", "geo", "text", "metrics"}
BANNED = {"torchvision", "timm", "open_clip", "torchaudio"}
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Every module that a file imports anywhere (in functions and under TYPE_CHECKING too), with the line."""
    package = ("geoglot", *file.relative_to(PACKAGE).with_suffix("").parts)[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            if module == "geoglot":
                yield from ((node.lineno, f"geoglot.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, module
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module":
            yield from (
                (node.lineno, part.value) for part in node.args if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )


def room_of(module: str) -> str | None:
    """The room of a module of the package, None for the package itself and for other packages."""
    parts = module.split(".")
    return parts[1] if parts[0] == "geoglot" and len(parts) > 1 else None


def faults(file: Path) -> list[str]:
    relative = file.relative_to(PACKAGE)
    room = relative.with_suffix("").parts[0]
    if room == "__main__":
        return []
    found = []
    for line, module in imports(file):
        root, other = module.split(".")[0], room_of(module)
        where = f"{relative}:{line} imports {module}"
        if root in BANNED:
            found.append(f"{where}, which the project does not use")
        if room in TORCHLESS and root == "torch":
            found.append(f"{where}; {room} works without torch")
        # `geoglot` itself re-exports api.py, so a room that imports it looks upwards
        if root == "geoglot" and other is None and room != "__init__":
            found.append(f"{where}: name the room")
        if other is None or room == "__init__" or other == "__version__":
            continue
        if other not in ROOMS:
            found.append(f"{where}, which is no room")
        elif ROOMS.index(other) > ROOMS.index(room):
            found.append(f"{where}, a room below it")
    return found


def test_every_folder_is_a_room() -> None:
    found = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert found - {"__init__", "__main__"} <= set(ROOMS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_imports_only_from_rooms_above(file: Path) -> None:
    assert faults(file) == []


def test_a_fault_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    (tmp_path / "geo").mkdir()
    bad = tmp_path / "geo" / "bad.py"
    bad.write_text(
        "from ..archive import index\n\ndef late():\n    import geoglot.cli.main\n    from geoglot import nn\n    import torch\n"
        "    import importlib\n    importlib.import_module('geoglot.zoo.nano')\n    import geoglot\n"
    )
    told = "\n".join(faults(bad))
    for part in ("geoglot.archive", "geoglot.cli.main", "geoglot.nn", "works without torch", "geoglot.zoo.nano", "name the room"):
        assert part in told, told


def test_files_are_short() -> None:
    long = [str(file.relative_to(PACKAGE)) for file in FILES if len(file.read_text(encoding="utf-8").splitlines()) > 400]
    assert long == []


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body, without signature and docstring."""
    first = node.body[0]
    told = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    body = node.body[1:] if told else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_functions_are_short() -> None:
    long = [
        f"{file.relative_to(PACKAGE)}: {node.name}"
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and length(node) >= 60
    ]
    assert long == []


def loaded(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has after running some code."""
    script = f"{code}\nimport sys\nprint('\\n'.join({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_rooms_without_torch_load_none() -> None:
    modules = [
        ".".join(("geoglot", *file.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for file in FILES
        if file.relative_to(PACKAGE).parts[0] in TORCHLESS
    ]
    assert loaded("\n".join(f"import {name}" for name in modules)).isdisjoint({"torch", "transformers"})


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded("import geoglot").isdisjoint({"torch", "rasterio", "lancedb", "numpy"})


def test_the_archive_loads_no_torch() -> None:
    assert loaded("import geoglot.archive, geoglot.models").isdisjoint({"torch", "transformers"})
