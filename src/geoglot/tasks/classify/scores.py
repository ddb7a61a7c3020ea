"""From cosines to scores: a softmax at a measured temperature, and how likely it is that no label fits.

Cosines of one label are comparable with each other, those of two labels are not: words that were taught reach 0.6 on the
pictures that show them, rarer words 0.3. So a label counts as present where its cosine comes near what it reaches at all,
which is read off a bank of pictures of many kinds that comes with the calibration: the 98th percentile of its cosines with
them. No picture of an unknown class is needed. How this was chosen among other ways is in the project's log.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError, ModelError, NotFoundError
from geoglot.core.protocols import ModelSpec
from geoglot.models.files import FOLDER

Floats = NDArray[np.float32]
FORMAT = "geoglot-classify-1"
REACH = 0.98  # quantile of a label's cosines over the bank
TEMPERATURE = 0.01  # of CLIP and of most models trained like it


@dataclass(frozen=True)
class Calibration:
    """What turns cosines into scores.

    `temperature` divides cosines before the softmax. `bank` (N, D) are unit vectors of pictures; some label is there with
    probability sigmoid(slope * max(cosine - ratio * reach) + bias). Without a bank nothing is known of absence.
    """

    hash: str
    temperature: float = TEMPERATURE
    bank: Floats | None = None
    ratio: float = 0.0
    slope: float = 0.0
    bias: float = 0.0
    measured: dict[str, Any] = field(default_factory=dict)

    def reach(self, texts: Floats, owners: Sequence[int] | None = None) -> Floats:
        """What cosines with texts (K, D) reach at all: (K,).

        With `owners` (P,), which count up, texts are phrases (P, D), and a label's cosine is the highest of its phrases.
        """
        assert self.bank is not None
        cosines = self.bank @ texts.T
        if owners is not None:
            cosines = np.maximum.reduceat(cosines, np.searchsorted(owners, np.unique(owners)), axis=1)
        result: Floats = np.quantile(cosines, REACH, axis=0).astype(np.float32)
        return result

    def excess(self, cosines: Floats, reach: Floats) -> Floats:
        """How far the best label (...) passes its own mark, for cosines (..., K) and what these reach (K,)."""
        result: Floats = (cosines - self.ratio * reach).max(axis=-1).astype(np.float32)
        return result

    def known(self, cosines: Floats, reach: Floats) -> Floats:
        """How likely (...) it is that some label fits, for cosines (..., K) and what these reach (K,)."""
        result: Floats = 1 / (1 + np.exp(-(self.slope * self.excess(cosines, reach) + self.bias)))
        return result

    def scores(self, cosines: Floats, texts: Floats, none: bool, shares: Floats | None = None) -> Floats:
        """Scores (N, K), or (N, K + 1) with that of no label last; each row sums to one.

        `shares` (N, K) of the labels, where something better than the softmax is known.
        """
        shares = softmax(cosines / self.temperature) if shares is None else shares
        if not none:
            return shares
        known = self.known(cosines, self.reach(texts))[:, None]
        result: Floats = np.concatenate([shares * known, 1 - known], axis=1).astype(np.float32)
        return result


def softmax(logits: NDArray[Any]) -> Floats:
    """Shares (N, K) of logits (N, K)."""
    wide = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    result: Floats = (wide / wide.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


def calibration(spec: ModelSpec, path: str | Path | None = None) -> Calibration:
    """The calibration of a model: from a file, else the one that comes with its weights, else plain CLIP's temperature.

    Raises `NotFoundError` and `ModelError` for a file that is missing, unreadable, or of another model.
    """
    own = FOLDER / f"{Path(spec.id).name}.classify.npz"
    if path is None:
        found = read(own) if own.exists() else Calibration(spec.hash)
        return found if found.hash == spec.hash else Calibration(spec.hash)
    found = read(Path(path))
    if found.hash != spec.hash:
        raise ModelError(
            f"{path} was measured with another model (hash {found.hash[:12]}, not {spec.hash[:12]} of {spec.name}): "
            f"measure it anew with python -m geoglot.evals.unknown {spec.id} --write FILE."
        )
    return found


def check_none(given: bool | None, chosen: Calibration, spec: ModelSpec) -> bool:
    """Whether to say that no label fits: as the user says, else where the model is calibrated for it."""
    if given and chosen.bank is None:
        raise InputError(
            f"{spec.name} is not calibrated for {'none of these'!r}: leave out --none, or measure a calibration with "
            f"python -m geoglot.evals.unknown {spec.id} --write FILE and pass it with --calibration."
        )
    return chosen.bank is not None if given is None else given


def check_count(names: Sequence[str]) -> None:
    """Raise `InputError` for a single class, which there is nothing to tell from."""
    if len(names) == 1:
        raise InputError(f"There is nothing to tell {names[0]!r} from: name another class, or use --none.")


def write(path: Path, made: Calibration) -> None:
    """Write a calibration; the bank is rounded to bytes, which moves cosines by less than 0.005."""
    assert made.bank is not None
    scale = np.abs(made.bank).max(axis=1) / 127
    meta = {
        "format": FORMAT,
        "hash": made.hash,
        "temperature": made.temperature,
        "ratio": made.ratio,
        "slope": made.slope,
        "bias": made.bias,
        "measured": made.measured,
    }
    rows = np.round(made.bank / scale[:, None]).astype(np.int8)
    with path.open("wb") as file:
        np.savez_compressed(file, rows=rows, scale=scale.astype(np.float32), meta=np.array(json.dumps(meta)))


def read(path: Path) -> Calibration:
    """Read what `write` wrote. Raises `NotFoundError` and `ModelError`."""
    if not path.exists():
        raise NotFoundError(f"There is no calibration {path}.")
    try:
        with np.load(path, allow_pickle=False) as file:
            meta = json.loads(str(file["meta"]))
            bank = file["rows"].astype(np.float32) * file["scale"][:, None]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} is not a readable calibration ({error}): measure it again.") from None
    if meta.pop("format", None) != FORMAT:
        raise ModelError(f"{path} is not a calibration of this version ({FORMAT}): measure it again.")
    return Calibration(bank=bank / np.linalg.norm(bank, axis=1, keepdims=True), **meta)
