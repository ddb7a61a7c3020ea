"""Published generators that load by name: where they are, under which licence, and where that was read."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from geoglot.core.errors import NotFoundError


@dataclass(frozen=True)
class GeneratorEntry:
    """One published model: a repository of the hub and a folder in it, or an address to fetch a ``file`` from by hand.

    ``family`` is a file of `models.generators`, ``native`` the side in pixels that it draws; None of them was verified at its
    origin from here.
    """

    name: str
    family: str
    native: int
    licence: str
    evidence: str
    repo: str | None = None
    within: str = ""
    address: str = ""
    file: str = ""


RAIL = "CreativeML Open RAIL-M"
RS_SD = (
    "the model card says: Stable Diffusion 2.1 fine-tuned on RS5M, with 1 % (1p) and 20 % (20p) of its data; the folders were "
    "read in the repository's listing"
)
SAT = (
    "the authors' README (github.com/samar-khanna/DiffusionSat) names zenodo.org/communities/diffusionsat; the hub's copy is a "
    "third party's, and its listing names DiffusionSatPipeline. A folder of either opens"
)
TEXT2EARTH = "the model card: 256 px, 50 steps, guidance 4; Euler's sampler; the listing says apache-2.0"
CRS = "the authors' README (github.com/Sonettoo/CRS-Diff) links last.ckpt; no licence was found for the weights"

ENTRIES = (
    GeneratorEntry("rs-sd", "sd", 512, "Apache-2.0 by its card; it comes from Stable Diffusion 2.1 (Open RAIL++-M)", RS_SD,
                   repo="Zilun/GeoRSSD", within="checkpoint/20p/22000"),
    GeneratorEntry("rs-sd-1p", "sd", 512, "Apache-2.0 by its card; it comes from Stable Diffusion 2.1 (Open RAIL++-M)", RS_SD,
                   repo="Zilun/GeoRSSD", within="checkpoint/1p/17000"),
    GeneratorEntry("diffusionsat-256", "diffusion_sat", 256, "not stated for the weights; they come from Stable Diffusion 2.1",
                   SAT, repo="BiliSakura/DiffusionSat-Single-256"),
    GeneratorEntry("diffusionsat-512", "diffusion_sat", 512, "not stated for the weights; they come from Stable Diffusion 2.1",
                   SAT, repo="BiliSakura/DiffusionSat-Single-512"),
    GeneratorEntry("text2earth", "text2earth", 256, "Apache-2.0", TEXT2EARTH, repo="lcybuaa/Text2Earth"),
    GeneratorEntry("crs-diff", "crs_diff", 512, "not stated for the weights; they come from Stable Diffusion 1.5 "
                   f"({RAIL})", CRS, address="https://github.com/Sonettoo/CRS-Diff", file="last.ckpt"),
    GeneratorEntry("stable-diffusion-1.5", "sd", 512, RAIL, "recalled, not read",
                   repo="stable-diffusion-v1-5/stable-diffusion-v1-5"),
)  # fmt: skip
CATALOGUE = {entry.name: entry for entry in ENTRIES}


def entry(name: str) -> GeneratorEntry | None:
    """The entry of a name, in any case; None where there is none."""
    return CATALOGUE.get(name.lower())


def unknown(name: str) -> NotFoundError:
    """The error for a name that is neither known nor a path, with the nearest names."""
    known = ["nano-gen", *CATALOGUE]
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    hint = f"Did you mean {', '.join(near)}?" if near else f"There are: {', '.join(known)}."
    return NotFoundError(
        f"There is no generator {name!r}: no such name, file or folder. {hint} A hub id has the form owner/name."
    )
