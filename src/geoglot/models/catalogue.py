"""Published image-text models that load by name: where the weights are, under which licence, and what they want to see.

What is not known is left out: a revision stands only where it was read at its origin, and no hash is written down. The
activation of a bare state dict is known by name, with the place where it was read.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from geoglot.core.errors import NotFoundError

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
ANY_GSD = (0.01, 10000.0)  # no range is stated for these weights
NOT_STATED = "not stated for the weights"


@dataclass(frozen=True)
class Entry:
    """One published model.

    `repo` is a repository of the hub; `file` a weights file in it (None: a transformers folder); `url` an archive
    elsewhere that holds `file`. `activation` is what its authors run, as `evidence` says; `dim` and `size` are checked
    against the weights.
    """

    name: str
    dim: int
    size: int
    activation: str
    evidence: str
    licence: str
    repo: str | None = None
    file: str | None = None
    url: str | None = None
    revision: str | None = None
    gsd: tuple[float, float] = ANY_GSD
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD

    @property
    def origin(self) -> str:
        """Address from which a person can fetch the weights."""
        if self.url is not None:
            return self.url
        place = f"https://huggingface.co/{self.repo}"
        version = self.revision or "main"
        return f"{place}/tree/{version}" if self.file is None else f"{place}/resolve/{version}/{self.file}"


REMOTECLIP = (
    "README and remoteclip_retrieval.py of github.com/ChenDelong1999/RemoteCLIP. The script with which its authors report "
    "retrieval loads the checkpoint into open_clip's model of pretrained='openai', which in the releases of 2023 is built "
    "with QuickGELU, as OpenAI's weights were trained. The README's short example names no pretrained weights and so "
    "builds plain GELU: pass activation='gelu' for the vectors of that example."
)
REMOTECLIP_LICENCE = f"{NOT_STATED}; the repository has a licence file since March 2024 (its issue 23), not verified here"
GEORSCLIP = (
    "README and inference/inference.py of github.com/om-ai-lab/RS5M: loaded into open_clip's model of pretrained='openai', "
    "which in the releases of 2023 is built with QuickGELU"
)
GEORSCLIP_L = GEORSCLIP + ". Shown there for ViT-B-32; for this size inferred from ViT-B-32 and ViT-L-14-336, not stated."
GEORSCLIP_336 = (
    "the authors' ImageRAG feature extraction loads this file into open_clip's 'ViT-L-14-336-quickgelu' of pretrained='openai'"
)
GEORSCLIP_H = (
    "README and inference/inference.py of github.com/om-ai-lab/RS5M: loaded into open_clip's ViT-H-14 of "
    "pretrained='laion2b_s32b_b79k', which is built with plain GELU"
)
GEORSCLIP_LICENCE = f"{NOT_STATED}; code of github.com/om-ai-lab/RS5M: MIT"
SKYCLIP_B = (
    "cross_modal_retrieval.ipynb of github.com/wangzhecheng/SkyScript builds ViT-B-32 without force_quick_gelu; "
    "the README starts it from laion2b_e16, which has plain GELU"
)
SKYCLIP_L = (
    "cross_modal_retrieval.ipynb of github.com/wangzhecheng/SkyScript builds ViT-L-14 with force_quick_gelu=True; "
    "the README starts it from OpenAI's weights"
)
SKYCLIP_LICENCE = f"{NOT_STATED}; code of github.com/wangzhecheng/SkyScript: MIT"
SKYCLIP_GSD = (0.1, 30.0)  # its image sources reach from SWISSIMAGE (10 cm) to Landsat 8 and 9
SKYCLIP_URL = "https://opendatasharing.s3.us-west-2.amazonaws.com/SkyScript/ckpt"
OPENAI = "OpenAI's weights were trained with QuickGELU (open_clip's README); the folder's own config.json decides on loading"
OPENAI_LICENCE = "MIT (github.com/openai/CLIP); the hub's copy states none"

CHENDELONG = "chendelong/RemoteCLIP"
CHENDELONG_REVISION = "bf1d8a3ccf2ddbf7c875705e46373bfe542bce38"  # read in the authors' demo.ipynb, which loads from it
ZILUN = "Zilun/GeoRSCLIP"

ENTRIES = (
    Entry(
        "remoteclip-rn50", 1024, 224, "quick_gelu", REMOTECLIP, REMOTECLIP_LICENCE,
        CHENDELONG, "RemoteCLIP-RN50.pt", revision=CHENDELONG_REVISION,
    ),
    Entry(
        "remoteclip-vit-b-32", 512, 224, "quick_gelu", REMOTECLIP, REMOTECLIP_LICENCE,
        CHENDELONG, "RemoteCLIP-ViT-B-32.pt", revision=CHENDELONG_REVISION,
    ),
    Entry(
        "remoteclip-vit-l-14", 768, 224, "quick_gelu", REMOTECLIP, REMOTECLIP_LICENCE,
        CHENDELONG, "RemoteCLIP-ViT-L-14.pt", revision=CHENDELONG_REVISION,
    ),
    Entry("georsclip-vit-b-32", 512, 224, "quick_gelu", GEORSCLIP, GEORSCLIP_LICENCE, ZILUN, "ckpt/RS5M_ViT-B-32.pt"),
    Entry("georsclip-vit-l-14", 768, 224, "quick_gelu", GEORSCLIP_L, GEORSCLIP_LICENCE, ZILUN, "ckpt/RS5M_ViT-L-14.pt"),
    Entry("georsclip-vit-l-14-336", 768, 336, "quick_gelu", GEORSCLIP_336, GEORSCLIP_LICENCE, ZILUN, "ckpt/RS5M_ViT-L-14-336.pt"),
    Entry("georsclip-vit-h-14", 1024, 224, "gelu", GEORSCLIP_H, GEORSCLIP_LICENCE, ZILUN, "ckpt/RS5M_ViT-H-14.pt"),
    Entry(
        "skyclip-vit-b-32", 512, 224, "gelu", SKYCLIP_B, SKYCLIP_LICENCE,
        file="SkyCLIP_ViT_B32_top50pct.pt", url=f"{SKYCLIP_URL}/SkyCLIP_ViT_B32_top50pct.zip", gsd=SKYCLIP_GSD,
    ),
    Entry(
        "skyclip-vit-l-14", 768, 224, "quick_gelu", SKYCLIP_L, SKYCLIP_LICENCE,
        file="SkyCLIP_ViT_L14_top50pct.pt", url=f"{SKYCLIP_URL}/SkyCLIP_ViT_L14_top50pct.zip", gsd=SKYCLIP_GSD,
    ),
    Entry("clip-vit-b-32", 512, 224, "quick_gelu", OPENAI, OPENAI_LICENCE, "openai/clip-vit-base-patch32"),
    Entry("clip-vit-b-16", 512, 224, "quick_gelu", OPENAI, OPENAI_LICENCE, "openai/clip-vit-base-patch16"),
    Entry("clip-vit-l-14", 768, 224, "quick_gelu", OPENAI, OPENAI_LICENCE, "openai/clip-vit-large-patch14"),
    Entry("clip-vit-l-14-336", 768, 336, "quick_gelu", OPENAI, OPENAI_LICENCE, "openai/clip-vit-large-patch14-336"),
)  # fmt: skip
CATALOGUE = {entry.name: entry for entry in ENTRIES}


def entry(name: str) -> Entry | None:
    """The entry of a name, in any case and with or without a version (`remoteclip-rn50@1`); None where there is none."""
    return CATALOGUE.get(name.split("@")[0].lower())


def of_file(file: str) -> Entry | None:
    """The entry whose weights file has this name, for files that were fetched by hand; None where there is none."""
    return next((entry for entry in ENTRIES if entry.file is not None and entry.file.rpartition("/")[2] == file), None)


def unknown(name: str, others: list[str]) -> NotFoundError:
    """The error for a name that is neither known nor a path, with the nearest names."""
    known = [*others, *CATALOGUE]
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    hint = f"Did you mean {', '.join(near)}?" if near else f"There are: {', '.join(known)}."
    return NotFoundError(f"There is no model {name!r}: no such name, file or folder. {hint} A hub id has the form owner/name.")
