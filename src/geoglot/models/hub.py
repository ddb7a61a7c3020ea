"""Weights to this machine: from the folder for files fetched by hand, the hub's cache, the hub, or an archive elsewhere."""

from __future__ import annotations

import os
import shutil
import socket
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from geoglot.core.errors import ModelError, NetworkError, NotFoundError
from geoglot.core.progress import track
from geoglot.models.catalogue import Entry

TRANSFORMERS = [
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "generation_config.json",
    "chat_template*",
    "added_tokens.json",
    "tokenizer*",
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "*.model",
]
BLOCK = 1 << 20


def folder_by_hand(name: str) -> Path:
    """Where what was fetched by hand is looked for: `$GEOGLOT_MODELS/<name>/`."""
    return Path(os.environ.get("GEOGLOT_MODELS") or Path.home() / ".cache" / "geoglot" / "models") / name


def by_hand(entry: Entry) -> Path:
    """The file or folder of an entry that was fetched by hand."""
    folder = folder_by_hand(entry.name)
    return folder if entry.file is None else folder / Path(entry.file).name


def config_file(repo: str, file: str = "config.json") -> Path | None:
    """The `config.json` of a hub repository, from the cache or fetched; None where there is none, or no network."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    found = try_to_load_from_cache(repo, file)
    if isinstance(found, str):
        return Path(found)
    try:
        _reach(endpoint())
        return Path(hf_hub_download(repo, file, endpoint=endpoint()))
    except Exception:  # the hub's client raises kinds of its own; whoever loads the model hears of what is wrong
        return None


def on_disk(entry: Entry) -> Path | None:
    """Where the weights of an entry already are on this machine, without asking the network."""
    if by_hand(entry).exists():
        return by_hand(entry)
    if entry.repo is None:
        return None
    if find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    for file in [entry.file] if entry.file else ["model.safetensors", "pytorch_model.bin"]:
        found = try_to_load_from_cache(entry.repo, file, revision=entry.revision)
        if isinstance(found, str):
            return Path(found) if entry.file else Path(found).parent
    return None


def fetch(entry: Entry) -> Path:
    """Give the weights file or folder of an entry, fetching it where it is not on disk. Raises NetworkError."""
    found = on_disk(entry)
    if found is not None:
        return found
    if entry.url is not None:
        return _archive(entry)
    assert entry.repo is not None
    if entry.file is None:
        return fetch_repo(entry.repo, entry.revision, entry)
    from huggingface_hub import hf_hub_download

    try:
        _reach(endpoint())
        return Path(hf_hub_download(entry.repo, entry.file, revision=entry.revision, endpoint=endpoint()))
    except Exception as error:  # the hub's client raises kinds of its own and of its transport
        raise _failed(error, entry.name, entry.origin, str(by_hand(entry))) from None


def fetch_repo(repo: str, revision: str | None, entry: Entry | None = None) -> Path:
    """Give the folder of a hub repository with a transformers or an open_clip model: its weights once, safetensors first.

    Raises NotFoundError for an unknown repository, ModelError for one without such a model, NetworkError.
    """
    from huggingface_hub import HfApi, snapshot_download

    address = f"https://huggingface.co/{repo}/tree/{revision or 'main'}"
    try:
        try:
            _reach(endpoint())
        except OSError:
            held = _held(repo, revision)
            if held is None:
                raise
            return held
        wanted = _wanted(repo, HfApi(endpoint=endpoint()).list_repo_files(repo, revision=revision))
        return Path(snapshot_download(repo, revision=revision, allow_patterns=wanted, endpoint=endpoint()))
    except ModelError:
        raise
    except Exception as error:  # the hub's client raises kinds of its own and of its transport
        raise _failed(error, repo, address, None if entry is None else str(by_hand(entry))) from None


def fetch_diffusers(repo: str, within: str = "") -> Path:
    """Give the folder of a pipeline of diffusers in a hub repository: the weights of each part once, safetensors first.

    Raises NotFoundError for an unknown repository, ModelError for one without a pipeline, NetworkError.
    """
    from huggingface_hub import HfApi, snapshot_download, try_to_load_from_cache

    index = f"{within}/model_index.json" if within else "model_index.json"
    try:
        try:
            _reach(endpoint())
        except OSError:
            held = try_to_load_from_cache(repo, index)
            if not isinstance(held, str):
                raise
            return Path(held).parent
        files = HfApi(endpoint=endpoint()).list_repo_files(repo)
        if index not in files:
            raise ModelError(f"{repo} has no pipeline of diffusers ({index}): name another repository, or give a folder by path.")
        wanted = _pipeline([name for name in files if name.startswith(f"{within}/" if within else "")])
        return Path(snapshot_download(repo, allow_patterns=wanted, endpoint=endpoint())) / within
    except ModelError:
        raise
    except Exception as error:  # the hub's client raises kinds of its own and of its transport
        raise _failed(error, repo, f"https://huggingface.co/{repo}/tree/main/{within}", None) from None


def _pipeline(files: list[str]) -> list[str]:
    """Files of a pipeline that are needed: no safety checker, no half weights, no code, and of two forms of weights the safe."""
    made = []
    for name in files:
        folder, _, file = name.rpartition("/")
        if "safety_checker" in folder or file.endswith((".py", ".pyc", ".md", ".msgpack", ".onnx", ".ckpt")):
            continue
        if ".fp16." in file or ".non_ema." in file:
            continue
        safe = any(
            other.rpartition("/")[0] == folder and other.endswith(".safetensors") and ".fp16." not in other for other in files
        )
        if (file.endswith(".bin") and safe) or (file.endswith(".safetensors") and not folder):
            continue
        made.append(name)
    return made


def _held(repo: str, revision: str | None) -> Path | None:
    """The cached folder of a repository whose model was fetched before."""
    from huggingface_hub import try_to_load_from_cache

    for file in ("config.json", "open_clip_config.json"):
        found = try_to_load_from_cache(repo, file, revision=revision)
        if isinstance(found, str):
            return Path(found).parent
    return None


def endpoint() -> str:
    """Address of the hub, or of the mirror that `HF_ENDPOINT` names."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def _reach(address: str) -> None:
    """Raise OSError at once where the hub is out of reach, instead of after the client's many tries."""
    if os.environ.get("HF_HUB_OFFLINE", "0").upper() in ("1", "ON", "YES", "TRUE"):
        raise OSError("HF_HUB_OFFLINE is set")
    if any(urllib.request.getproxies().get(kind) for kind in ("https", "http", "all")):
        return
    parts = urllib.parse.urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    socket.create_connection((parts.hostname or "", port), timeout=10).close()


def _wanted(repo: str, files: list[str]) -> list[str]:
    if "config.json" in files and any(name.startswith(("model", "pytorch_model")) for name in files):
        safe = [name for name in files if name.startswith("model") and ".safetensors" in name]
        return TRANSFORMERS + (safe or [name for name in files if name.startswith("pytorch_model") and ".bin" in name])
    for name in ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin"):
        if name in files:
            return ["open_clip_config.json", "tokenizer.json", name]
    raise ModelError(
        f"{repo} has neither a transformers nor an open_clip model: name another repository, or give a file by path."
    )


def _failed(error: Exception, name: str, address: str, place: str | None) -> NetworkError | NotFoundError:
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

    reason = (str(error).strip().splitlines() or [""])[0][:200] or type(error).__name__
    gone = isinstance(error, (RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError))
    if gone and not isinstance(error, LocalEntryNotFoundError):
        return NotFoundError(f"{name}: the hub answers that {address} does not exist, or is private ({reason}).")
    put = f" and put it at {place}, or" if place else " and"
    return NetworkError(
        f"{name} could not be fetched ({reason}). Fetch {address} by hand on a machine with the network{put} "
        "give its path where the name is asked for."
    )


def _archive(entry: Entry) -> Path:
    """Download a zip and keep the one weights file in it."""
    assert entry.url is not None
    target = by_hand(entry)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".zip.part")
    try:
        with urllib.request.urlopen(entry.url, timeout=30) as answer, part.open("wb") as file:
            total = int(answer.headers.get("Content-Length") or 0) or None
            _copy(answer, file, total, entry.name)
        with zipfile.ZipFile(part) as archive:
            inner = [
                name for name in archive.namelist() if name.endswith((".pt", ".pth", ".safetensors")) and "__MACOSX" not in name
            ]
            if len(inner) != 1:
                raise ModelError(f"{entry.url} holds {len(inner)} weights files, not one: fetch it by hand and give the file.")
            whole = target.with_name(target.name + ".part")
            with archive.open(inner[0]) as source, whole.open("wb") as file:
                shutil.copyfileobj(source, file, BLOCK)
            whole.replace(target)
    except (urllib.error.URLError, OSError, zipfile.BadZipFile) as error:
        raise _failed(error, entry.name, entry.url, f"{target} (unpacked)") from None
    finally:
        part.unlink(missing_ok=True)
    return target


def _copy(source: Any, file: Any, total: int | None, name: str) -> None:
    got = 0
    with track(total, name, "bytes") as progress:
        while block := source.read(BLOCK):
            file.write(block)
            got += len(block)
            progress.advance(len(block))
    if total is not None and got < total:
        raise OSError(f"the download broke off after {got:,} of {total:,} bytes")
