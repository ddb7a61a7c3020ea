"""How often a classifier that never saw the generator finds the class that was asked for, while `nano-gen` is trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geoglot.data.augment import plain
from geoglot.data.build import mixture
from geoglot.models.dual import DualModel
from geoglot.models.nano_gen import LOOKS, NATIVE, classes, draw, named, prompts
from geoglot.nn import heads
from geoglot.nn.batch import ImageBatch
from geoglot.nn.draw import PATCH, Asked, Denoiser, DrawConfig, Latents
from geoglot.nn.heads import LinearHead

SIDE = 160
GSD = {"ucm": 1.2}  # metres to a pixel of a whole picture at 64 pixels, where it is known
L2 = 1e-3


@dataclass(frozen=True)
class Judge:
    """A linear classifier on the frozen tower, fitted on real training pictures; ``words`` (N, D) are vectors of captions of
    validation pictures, ``of`` (N,) their classes, ``real`` the accuracy on those pictures."""

    model: DualModel
    head: LinearHead
    names: tuple[str, ...]
    words: NDArray[np.float32]
    of: NDArray[np.int64]
    real: float
    source: str = "ucm"

    @classmethod
    def build(cls, model: DualModel, root: Path, cache: Path, size: int, source: str = "ucm") -> Judge:
        """Fit it on pictures of ``size`` pixels of a source; their vectors are kept in the folder."""
        teach, held = (mixture.sources(root, cache, [source], split, SIDE) for split in ("train", "val"))
        names = tuple(sorted(set(teach.label)))
        found = []
        for name, part in (("train", teach), ("val", held)):
            file = cache / f"gen-judge-{model.spec.hash[:12]}-{source}-{name}-{size}.npy"
            if not file.exists():
                np.save(file, looked(model, plain(torch.from_numpy(part.pixels), size).pixels))
            found.append(np.load(file))
        truth = [np.array([names.index(label) for label in part.label]) for part in (teach, held)]
        head = heads.fit_linear(found[0], truth[0], len(names), L2)
        said = [held.texts[row["caption"][0]] for row in held.by_kind]
        real = float((head.logits(found[1]).argmax(1) == truth[1]).mean())
        return cls(model, head, names, model.text(said).cpu().numpy(), truth[1], real, source)

    def figures(
        self, denoiser: Denoiser, latents: Latents, count: int, steps: int, guidance: float, size: int = NATIVE
    ) -> dict[str, float]:
        """Agreement in per cent of ``count`` pictures of every class, asked for by label and by captions, and of real ones."""
        told = {"real": 100 * self.real}
        for name, asked in self.asked(denoiser.config, count, size).items():
            found = self.head.logits(looked(self.model, drawn(denoiser, latents, asked, steps, guidance))).argmax(1)
            told[name] = 100 * float((found == np.tile(np.arange(len(self.names)), count)).mean())
        return {name: round(value, 2) for name, value in told.items()}

    def asked(self, config: DrawConfig, count: int, size: int = NATIVE) -> dict[str, Asked]:
        """What pictures of ``size`` pixels are asked for, ``count`` of every class in turns: by label, and by captions, each with
        the other that the generator adds (see `models.nano_gen.named`)."""
        k, side = len(self.names), size // PATCH
        label = torch.tensor([classes().index(f"{self.source}/{name}") for name in self.names]).repeat(count)
        rows = np.concatenate([np.resize(np.flatnonzero(self.of == c), count) for c in range(k)])
        rows = rows.reshape(k, count).T.reshape(-1)
        some = Asked.nothing(config, len(label), side, side)
        some = replace(
            some,
            gsd=torch.full_like(some.gsd, GSD.get(self.source, -1.0)),
            look=torch.full_like(some.look, LOOKS.index("aerial")),
        )
        some = replace(some, has=torch.ones_like(some.has))
        prompted, said = self.prompted(), torch.from_numpy(self.words[rows])
        by_label = replace(some, label=label, words=prompted[label])
        return {"label": by_label, "words": replace(some, label=named(said, prompted, classes()), words=said)}

    def prompted(self) -> Tensor:
        """Vectors (K, D) of the sentences of all classes."""
        found: Tensor = self.model.text(prompts(classes()))
        return found.float().cpu()


@torch.inference_mode()
def drawn(denoiser: Denoiser, latents: Latents, asked: Asked, steps: int, guidance: float, seed: int = 0) -> Tensor:
    """Pictures (N, 3, S, S) in [0, 1]."""
    denoiser.eval()
    shape = (len(asked.has), denoiser.config.channels, *asked.cover.shape[2:])
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    found: Tensor = latents(draw(denoiser, noise, asked, steps, guidance))
    return found.clamp(0, 1)


@torch.inference_mode()
def looked(model: DualModel, x: Tensor, rows: int = 64) -> NDArray[np.float32]:
    """Unit vectors (N, D) of pictures (N, 3, S, S) as large as the tower wants them."""
    size = model.spec.size
    big = [torch.nn.functional.interpolate(part, size=(size, size), mode="bicubic").clamp(0, 1) for part in torch.split(x, rows)]
    found: NDArray[np.float32] = torch.cat([model.image(ImageBatch.of(part)) for part in big]).float().cpu().numpy()
    return found
