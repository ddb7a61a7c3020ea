"""What the tests of several processes run in two: `python pair.py FOLDER` writes what each check found as `found.json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from dual_kit import CONFIG, ROWS, batch, loss_of, towers, train
from torch import nn

from geoglot.core.errors import DivergedError, GeoglotError, ResourceError
from geoglot.nn.gather import mean_of_all, world
from geoglot.train import batches, cached, checkpoint
from geoglot.train.distribute import accelerator_of, launch
from geoglot.train.folder import rows


def gradients(name: str, negatives: str, size: int = 0) -> dict[str, float]:
    """The largest differences of value and gradients between two processes and one large batch."""
    accelerator = accelerator_of(CONFIG)
    rank, count = world()
    alone = towers()
    value, _ = loss_of(name, "own")(alone, batch(3))
    value.backward()
    module = towers()
    spread = nn.parallel.DistributedDataParallel(module)
    part = batches.share(batch, 3, rank, count)
    loss = loss_of(name, negatives)
    if size:
        own, _ = cached.backward(loss, accelerator, spread, part, size, 1.0, lambda _: None)
    else:
        own, _ = loss(spread, part)
        own.backward()
        own = own.detach()
    dist.all_reduce(own)
    pairs = list(zip(alone.parameters(), module.parameters(), strict=True))
    return {
        "value": abs(float(own) / count - float(value.detach())),
        "gradient": max(float((a.grad - b.grad).abs().max()) for a, b in pairs),
        "size": max(float(a.grad.abs().max()) for a, _ in pairs),
    }


def unequal() -> dict[str, float]:
    """A mean over terms of which the processes hold unequally many."""
    rank, _ = world()
    terms = torch.tensor([1.0, 2.0, 6.0]) if rank == 0 else torch.tensor([11.0])
    own = mean_of_all(terms.sum(), torch.tensor(len(terms)))
    dist.all_reduce(own)
    return {"value": float(own) / 2}


def told(work: Callable[[], Any]) -> str:
    try:
        work()
    except GeoglotError as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


def full_disk(folder: Path) -> str:
    """Both processes stop where the main one cannot write."""
    rank, _ = world()
    train(folder, CONFIG.model_copy(update={"steps": 3}))
    old = checkpoint.save

    def fails(file: Path, content: Any) -> None:
        raise ResourceError(f"The disk is full: {file}")

    if rank == 0:
        checkpoint.save = fails
    said = told(lambda: train(folder.with_name("full"), CONFIG))
    checkpoint.save = old
    return said


def bad_row(folder: Path) -> str:
    """A row that is not finite in the second process's share."""

    def source(index: int) -> Any:
        x, y, same = batch(index)
        if index == 2:
            x[ROWS - 1, 0] = torch.nan
        return x, y, same

    return told(lambda: train(folder, CONFIG, source=source))


def stopped(folder: Path) -> None:
    """A run in one process that ends in the middle, for two to go on with."""

    def source(index: int) -> Any:
        if index == 5:
            raise DivergedError("enough")
        return batch(index)

    said = told(lambda: train(folder, source=source))
    assert said == "DivergedError: enough", said


def work(folder: Path) -> None:
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    accelerator_of(CONFIG)
    rank, _ = world()
    for name in ("infonce", "siglip"):
        for negatives in ("gathered", "local"):
            found[f"{name}-{negatives}"] = gradients(name, negatives)
            found[f"{name}-{negatives}-cached"] = gradients(name, negatives, 2)
    found["unequal"] = unequal()
    for name, update in {
        "ddp": {},
        "fsdp": {"parallel": "fsdp"},
        "cached": {"cache": 2, "parallel": "fsdp"},
        "accumulate": {"accumulate": 2},
    }.items():
        module = train(folder / name, CONFIG.model_copy(update=update))
        found[name] = {
            "rows": rows(folder / name / "metrics.jsonl"),
            "sum": sum(float(p.detach().sum()) for p in module.parameters()),
        }
    train(folder / "other")
    found["other"] = {"rows": rows(folder / "other" / "metrics.jsonl")}
    found["full"] = full_disk(folder / "before")
    found["bad"] = bad_row(folder / "bad")
    found["odd"] = told(lambda: train(folder / "odd", source=lambda index: batches.rows(batch(index), slice(0, 7))))
    (folder / f"found{rank}.json").write_text(json.dumps(found))
    dist.barrier()
    if rank == 1:
        raise DivergedError("said in a process")


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    stopped(place / "other")
    try:
        launch(work, 2, place)
    except DivergedError as error:
        (place / "raised.txt").write_text(str(error))
