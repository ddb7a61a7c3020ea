"""Tiles a second of `geoglot index` with a ViT-B/32 of random weights, beside the bare model and a plain loop.

(a) `index` over the bare model on tensors in memory, same dtype and batch: at least 0.9.
(b) `index` over a plain loop (rasterio window, per-tile Pillow resize, forward): at least 1.3 times the loop at batch
    32 in the same dtype, and with the best dtype at least 2 times the loop in fp32; batch 1 for information.

Usage: python benchmarks/index_rate.py [--tiles 768] [--rounds 3] [--work FOLDER]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import rasterio
import torch
from PIL import Image
from rasterio.windows import Window
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from common import machine, make_raster, paired, ratio, timed
from geoglot.archive import index
from geoglot.core.protocols import ModelSpec
from geoglot.nn.batch import ImageBatch

SIZE = 224
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class RandomViT:
    """CLIP's ViT-B/32 image tower with random weights, as a dual encoder of which only the image side is asked."""

    device = "cpu"

    def __init__(self, dtype: torch.dtype) -> None:
        torch.manual_seed(0)
        config = CLIPVisionConfig(patch_size=32, image_size=SIZE, projection_dim=512)
        self.model = CLIPVisionModelWithProjection(config).eval().to(dtype)
        self.dtype = dtype
        self.mean = torch.tensor(MEAN, dtype=dtype)[:, None, None]
        self.std = torch.tensor(STD, dtype=dtype)[:, None, None]
        name = str(dtype).removeprefix("torch.")
        bands = ("red", "green", "blue")
        self.spec = ModelSpec(
            "random-vit-b-32", name, f"random-{name}", 512, bands, SIZE, (0.1, 100), MEAN, STD, "quick_gelu", "none"
        )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return torch.nn.functional.normalize(self.model((pixels.to(self.dtype) - self.mean) / self.std).image_embeds, dim=-1)

    def image(self, batch: ImageBatch) -> torch.Tensor:
        return self.forward(batch.pixels)


def bare(model: RandomViT, tiles: int, batch: int) -> int:
    pixels = torch.rand(batch, 3, SIZE, SIZE)
    for _ in range(tiles // batch):
        model.forward(pixels)
    return tiles // batch * batch


def plain_loop(model: RandomViT, path: Path, native: int, tiles: int, batch: int) -> int:
    """What a user writes: one window at a time, stretched and resized by Pillow, stacked, encoded."""
    done, stack = 0, []
    with rasterio.open(path) as file:
        for row in range(0, file.height - native + 1, native):
            for col in range(0, file.width - native + 1, native):
                data = file.read([1, 2, 3], window=Window(col, row, native, native))
                if data.dtype != np.uint8:
                    data = (np.clip(data / 3000.0, 0, 1) * 255).astype(np.uint8)
                picture = Image.fromarray(data.transpose(1, 2, 0)).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
                stack.append(np.asarray(picture, dtype=np.float32).transpose(2, 0, 1) / 255.0)
                if len(stack) == batch:
                    model.forward(torch.from_numpy(np.stack(stack))).float().numpy()
                    done += batch
                    stack.clear()
                if done >= tiles:
                    return done
    return done


def run_index(model: RandomViT, path: Path, native: int, batch: int, folder: Path) -> int:
    out = folder / "archive"
    shutil.rmtree(out, ignore_errors=True)
    report = index([path], model=model, out=out, tile=native, batch=batch, progress=False)
    return int(report.tiles)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=768)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "geoglot-bench")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    print(f"{machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    cases = [("uint8, 3 bands, 224 px tiles", "uint8", 3, 224), ("uint16, 4 bands, 448 px tiles", "uint16", 4, 448)]
    models = {"fp32": RandomViT(torch.float32), "bf16": RandomViT(torch.bfloat16)}
    for title, kind, bands, native in cases:
        side = int(np.ceil(np.sqrt(given.tiles))) * native
        path = make_raster(given.work / f"sentinel-2_{kind}_{side}.tif", side, bands, kind, 10.0)
        count = (side // native) ** 2
        for model in models.values():
            bare(model, 64, 32)  # warm up
        found = paired(runs_of(models, path, native, count, given.work), given.rounds)
        report(f"{title} ({count} tiles, {given.rounds} rounds; tiles a second, median)", found)


def runs_of(models: dict[str, RandomViT], path: Path, native: int, count: int, work: Path) -> dict[str, Callable[[], float]]:
    runs: dict[str, Callable[[], float]] = {}
    for name, model in models.items():
        runs[f"bare {name}"] = partial(timed, partial(bare, model, count, 32))
        runs[f"index {name}"] = partial(timed, partial(run_index, model, path, native, 32, work))
        runs[f"loop 32 {name}"] = partial(timed, partial(plain_loop, model, path, native, count, 32))
        runs[f"loop 1 {name}"] = partial(timed, partial(plain_loop, model, path, native, count // 4, 1))
    return runs


def report(title: str, found: dict[str, list[float]]) -> None:
    print(f"## {title}\n")
    for name, values in found.items():
        print(f"- {name}: {statistics.median(values):.1f}")
    print()
    for ours, peer, wanted in [
        ("index fp32", "bare fp32", 0.9),
        ("index bf16", "bare bf16", 0.9),
        ("index fp32", "loop 32 fp32", 1.3),
        ("index bf16", "loop 32 bf16", 1.3),
        ("index bf16", "loop 32 fp32", 2.0),
        ("index bf16", "loop 1 bf16", None),
    ]:
        low, middle, high = ratio(found, ours, peer)
        print(f"- {ours} / {peer}: {middle:.2f} ({low:.2f} to {high:.2f})" + (f", wanted {wanted}" if wanted else ""))
    print()


if __name__ == "__main__":
    main()
