"""That a raster was drawn by a model and not seen by a sensor: written into files so that it can be read back.

The words are those of others where there are some: IPTC's vocabulary of digital sources, which C2PA uses too, in an XMP packet
that GeoTIFF, PNG and WebP all have a place for, and the processing extension of STAC.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

from PIL import Image, UnidentifiedImageError

from geoglot.core.errors import InputError

if TYPE_CHECKING:
    from geoglot.core.protocols import ModelSpec

GENERATED, INPAINTED, OUTPAINTED = "generated", "inpainted", "outpainted"
SENSOR = "geoglot-synthetic"  # an alias of the sensor `synthetic`
RECORD = "GEOGLOT_SYNTHETIC"  # the tag that holds everything, as JSON
PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"
_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_DRAWN, _COMPOSITE = "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"
_IPTC, _OWN = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/", "urn:geoglot:synthetic:1"
_RDF, _DC, _XMP = (
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "http://purl.org/dc/elements/1.1/",
    "http://ns.adobe.com/xap/1.0/",
)


@dataclass(frozen=True)
class Mark:
    """How pixels were drawn: by which model, from which words and seed. `settings` is all else that was asked for.

    `how` is "generated", or "inpainted" and "outpainted" where other pixels were observed.
    """

    how: str
    model: str
    version: str
    hash: str
    prompt: str
    seed: int
    software: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, how: str, spec: ModelSpec, prompt: str, seed: int, software: str, **settings: Any) -> Mark:
        """The mark of a model's work; settings that are None or empty are left out."""
        kept = {key: value for key, value in settings.items() if value not in (None, "", (), [], {})}
        return cls(how, spec.id, spec.version, spec.hash, prompt, seed, software, json.loads(json.dumps(kept)))

    @property
    def name(self) -> str:
        """The model with its version, as in `nano-gen@1`."""
        return f"{self.model}@{self.version}"

    @property
    def whole(self) -> bool:
        """Whether no pixel was observed; what was drawn in may have been drawn itself (`earlier` in the settings)."""
        made: Any = self.record()
        while made["how"] != GENERATED and isinstance(made["settings"].get("earlier"), dict):
            made = made["settings"]["earlier"]
        return bool(made["how"] == GENERATED)

    @property
    def source_type(self) -> str:
        """The term of IPTC's vocabulary, as an address."""
        return _SOURCE + (_DRAWN if self.whole else _COMPOSITE)

    @property
    def told(self) -> str:
        """In a sentence."""
        what = "Synthetic image, not an observation of the Earth" if self.whole else f"Observation, {self.how}: synthetic in part"
        return f"{what}; drawn by {self.name} (hash {self.hash[:12]}) from the words {self.prompt!r} with seed {self.seed}"

    def record(self) -> dict[str, Any]:
        """Everything, as JSON has it."""
        names = ("how", "model", "version", "hash", "prompt", "seed", "software")
        return {name: getattr(self, name) for name in names} | {"settings": dict(self.settings)}

    def tags(self) -> dict[str, str]:
        """Tags of a GeoTIFF: what any program shows, what a program can look for, and the whole record."""
        made = {
            "TIFFTAG_IMAGEDESCRIPTION": self.told,
            "TIFFTAG_SOFTWARE": f"{self.software}; {self.name}",
            "SYNTHETIC": self.how,
            "DIGITAL_SOURCE_TYPE": self.source_type,
            "MODEL": self.name,
            "MODEL_HASH": self.hash,
            "PROMPT": self.prompt,
            "SEED": str(self.seed),
            RECORD: json.dumps(self.record(), ensure_ascii=False),
        }
        return made | ({"SENSOR": SENSOR} if self.whole else {})

    def properties(self) -> dict[str, Any]:
        """Properties of a STAC item, of which `processing:` are those of the extension `PROCESSING`."""
        software, _, version = self.software.partition(" ")
        return {
            "description": self.told,
            "processing:software": {software: version, self.model: self.version},
            "processing:lineage": self.told,
            "geoglot:synthetic": self.how,
            "geoglot:digital_source_type": self.source_type,
            "geoglot:model": {"name": self.model, "version": self.version, "hash": self.hash},
            "geoglot:prompt": self.prompt,
            "geoglot:seed": self.seed,
            "geoglot:settings": dict(self.settings),
        }

    def xmp(self) -> str:
        """An XMP packet with the fields of IPTC (2025.1) for what was made by a model."""
        fields = {
            "Iptc4xmpExt:DigitalSourceType": self.source_type,
            "Iptc4xmpExt:AISystemUsed": self.model,
            "Iptc4xmpExt:AISystemVersionUsed": f"{self.version} (hash {self.hash})",
            "Iptc4xmpExt:AIPromptInformation": self.prompt,
            "xmp:CreatorTool": self.software,
            "geoglot:record": json.dumps(self.record(), ensure_ascii=False),
        }
        told = " ".join(f"{name}={quoteattr(_plain(value))}" for name, value in fields.items())
        spaces = f'xmlns:Iptc4xmpExt="{_IPTC}" xmlns:xmp="{_XMP}" xmlns:geoglot="{_OWN}" xmlns:dc="{_DC}"'
        title = f'<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{_text(self.told)}</rdf:li></rdf:Alt></dc:description>'
        return (
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
            f'<rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about="" {spaces} {told}>{title}</rdf:Description></rdf:RDF>'
            '</x:xmpmeta><?xpacket end="w"?>'
        )


def check_prompt(text: str) -> str:
    """Words without the space around them; `InputError` for characters that no file has a place for."""
    if any(ord(letter) < 32 and letter not in "\t\n\r" for letter in text):
        raise InputError("The words hold control characters: leave them out.")
    return text.strip()


def mark_of(dataset: Any) -> Mark | None:
    """The mark of an open rasterio dataset; None where it has none that can be read."""
    text = dataset.tags().get(RECORD)
    if text is None:
        text = _of_packet("".join(dataset.tags(ns="xml:XMP").values()) or _webp(dataset))
    return None if text is None else _read(text)


def _webp(dataset: Any) -> str:
    """The packet of a WebP, which GDAL does not show."""
    if dataset.driver != "WEBP" or not Path(dataset.name).is_file():
        return ""
    try:
        with Image.open(dataset.name) as picture:
            return bytes(picture.info.get("xmp", b"")).decode("utf-8", errors="ignore")
    except (OSError, UnidentifiedImageError, ValueError):
        return ""


def _of_packet(packet: str) -> str | None:
    start, end = packet.find("<x:xmpmeta"), packet.rfind("</x:xmpmeta>")
    if start < 0 or end < start or "<!" in packet:  # no entities: a stranger's packet must not swell
        return None
    try:
        root = ET.fromstring(packet[start : end + len("</x:xmpmeta>")])
    except ET.ParseError:
        return None
    found = (part.get(f"{{{_OWN}}}record") for part in root.iter(f"{{{_RDF}}}Description"))
    return next((text for text in found if text is not None), None)


def _read(text: str) -> Mark | None:
    try:
        made = json.loads(text)
        settings = made.pop("settings")
        mark = Mark(**made, settings=dict(settings))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    texts = (mark.how, mark.model, mark.version, mark.hash, mark.prompt, mark.software)
    return mark if all(isinstance(one, str) for one in texts) and isinstance(mark.seed, int) else None


def _text(value: str) -> str:
    return _plain(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(value: str) -> str:
    """Without what XML cannot hold."""
    return "".join(
        c for c in value if c in "\t\n\r" or (ord(c) >= 32 and not 0xD800 <= ord(c) <= 0xDFFF and c not in "\ufffe\uffff")
    )
