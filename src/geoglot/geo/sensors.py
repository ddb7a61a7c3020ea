"""What sensors record: bands with their wavelengths, scaling to physical units, composites and fixed display stretches.

Wavelengths are band centres in micrometres, from the operators' published tables. A stretch is a fixed range of
physical values (reflectance, or decibels for radar), so that one field has one colour in every chip.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field, replace

from geoglot.core.errors import NotFoundError


@dataclass(frozen=True)
class Band:
    """One band: `common` is the STAC common name or None, `wavelength` in micrometres or None; value = data * scale + offset."""

    name: str
    common: str | None = None
    wavelength: float | None = None
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Sensor:
    """A kind of instrument and product.

    `layouts` are the band orders of files in common use, by band name; `composites` the display choices in order of
    preference, by common name; `stretch` the display range in physical units, None for percentiles of the scene;
    `aliases` a pattern that recognises the sensor in a word of a path or in a platform name.
    """

    id: str
    title: str
    bands: tuple[Band, ...] = ()
    layouts: tuple[tuple[str, ...], ...] = ()
    composites: tuple[tuple[str, ...], ...] = (("red", "green", "blue"), ("nir", "red", "green"), ("swir16", "nir", "red"))
    stretch: tuple[float, float] | None = None
    gamma: float = 1.0
    radar: bool = False
    aliases: str = ""
    file: str = ""
    known: dict[str, Band] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        self.known.update({band.name.lower(): band for band in self.bands})

    def layout(self, count: int) -> tuple[Band, ...] | None:
        """Bands of a file with `count` bands, where the sensor has exactly one order for that many."""
        fits = [names for names in self.layouts if len(names) == count]
        return tuple(self.known[name.lower()] for name in fits[0]) if len(fits) == 1 else None


def _bands(text: str, scale: float = 1.0, offset: float = 0.0) -> tuple[Band, ...]:
    """Bands from lines `name common wavelength`, with `-` for none."""
    made = []
    for line in text.strip().splitlines():
        name, common, wavelength = line.split()
        made.append(
            Band(name, None if common == "-" else common, None if wavelength == "-" else float(wavelength), scale, offset)
        )
    return tuple(made)


_S2 = """
B01 coastal 0.443
B02 blue 0.490
B03 green 0.560
B04 red 0.665
B05 rededge071 0.704
B06 rededge075 0.740
B07 rededge078 0.783
B08 nir 0.842
B8A nir08 0.865
B09 nir09 0.945
B10 cirrus 1.375
B11 swir16 1.610
B12 swir22 2.190
"""
_S2_L2A = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
_S2_L1C = (*_S2_L2A[:10], "B10", *_S2_L2A[10:])

_OLI = """
B1 coastal 0.443
B2 blue 0.482
B3 green 0.561
B4 red 0.655
B5 nir 0.865
B6 swir16 1.609
B7 swir22 2.201
B8 pan 0.590
B9 cirrus 1.373
B10 lwir11 10.895
B11 lwir12 12.005
"""
_TM = """
B1 blue 0.485
B2 green 0.560
B3 red 0.660
B4 nir 0.830
B5 swir16 1.650
B6 lwir 11.450
B7 swir22 2.215
B8 pan 0.710
"""
# Collection 2 level 2 surface reflectance
_LANDSAT_SCALE, _LANDSAT_OFFSET = 2.75e-5, -0.2

_WORLDVIEW = """
coastal coastal 0.427
blue blue 0.478
green green 0.546
yellow yellow 0.608
red red 0.659
rededge rededge071 0.724
nir1 nir 0.833
nir2 nir09 0.949
pan pan 0.640
"""
_MODIS = """
B01 red 0.645
B02 nir 0.859
B03 blue 0.469
B04 green 0.555
B05 nir09 1.240
B06 swir16 1.640
B07 swir22 2.130
"""
_HLS_L = """
B01 coastal 0.443
B02 blue 0.482
B03 green 0.561
B04 red 0.655
B05 nir08 0.865
B06 swir16 1.609
B07 swir22 2.201
"""

SENSORS: tuple[Sensor, ...] = (
    Sensor(
        "sentinel-2",
        "Sentinel-2 MSI, level 1C or 2A",
        _bands(_S2, 1e-4),
        (_S2_L2A, _S2_L1C, ("B02", "B03", "B04", "B08")),
        stretch=(0.0, 0.30),
        gamma=1.2,
        aliases=r"sentinel-?_?2-?[abcd]?|s2[abcd]?",
        file=r"^S2[ABCD]_MSIL|^T\d{2}[A-Z]{3}_\d{8}T",
    ),
    Sensor(
        "sentinel-1",
        "Sentinel-1 C-band radar, backscatter",
        (Band("VV"), Band("VH"), Band("HH"), Band("HV")),
        (("VV",), ("VV", "VH")),
        composites=(),
        stretch=(-25.0, 0.0),
        radar=True,
        aliases=r"sentinel-?_?1-?[abcd]?|s1[abcd]?",
        file=r"^S1[ABCD]_(IW|EW|SM)",
    ),
    Sensor(
        "landsat-8",
        "Landsat 8 and 9 OLI, collection 2 surface reflectance",
        _bands(_OLI, _LANDSAT_SCALE, _LANDSAT_OFFSET),
        (("B1", "B2", "B3", "B4", "B5", "B6", "B7"), tuple(f"B{n}" for n in range(1, 12))),
        stretch=(0.0, 0.30),
        gamma=1.2,
        aliases=r"landsat-?_?0?[89]|oli(-?2)?",
        file=r"^LC0[89]_L",
    ),
    Sensor(
        "landsat-7",
        "Landsat 4, 5 and 7 TM and ETM+, collection 2 surface reflectance",
        _bands(_TM, _LANDSAT_SCALE, _LANDSAT_OFFSET),
        (("B1", "B2", "B3", "B4", "B5", "B7"), ("B1", "B2", "B3", "B4", "B5", "B6", "B7")),
        stretch=(0.0, 0.30),
        gamma=1.2,
        aliases=r"landsat-?_?0?[457]|etm\+?|tm",
        file=r"^L[TE]0[457]_L",
    ),
    Sensor("landsat", "Landsat, mission unknown", aliases=r"landsat"),
    Sensor(
        "naip",
        "NAIP aerial imagery",
        _bands("red red 0.650\ngreen green 0.555\nblue blue 0.470\nnir nir 0.840"),
        (("red", "green", "blue", "nir"), ("red", "green", "blue")),
        stretch=(0.0, 255.0),
        aliases=r"naip",
        file=r"^m_\d{7}_(ne|nw|se|sw)_\d{1,2}_",
    ),
    Sensor(
        "worldview",
        "WorldView, GeoEye and QuickBird-like very high resolution",
        _bands(_WORLDVIEW),
        (("pan",), ("blue", "green", "red", "nir1"), ("coastal", "blue", "green", "yellow", "red", "rededge", "nir1", "nir2")),
        aliases=r"worldview(-?\d)?|wv0?[1234]|geoeye(-?1)?|quickbird|spacenet\d?|maxar",
    ),
    Sensor(
        "hls",
        "Harmonized Landsat and Sentinel-2 (Landsat band names; HLS.S30 files use Sentinel-2's)",
        _bands(_HLS_L, 1e-4),
        stretch=(0.0, 0.30),
        gamma=1.2,
        aliases=r"hls(l30)?",
        file=r"^HLS\.L30",
    ),
    Sensor(
        "hls-s30",
        "Harmonized Landsat and Sentinel-2, S30",
        _bands(_S2, 1e-4),
        stretch=(0.0, 0.30),
        gamma=1.2,
        aliases=r"hlss30",
        file=r"^HLS\.S30",
    ),
    Sensor(
        "modis",
        "MODIS surface reflectance",
        _bands(_MODIS, 1e-4),
        (("B01", "B02", "B03", "B04", "B05", "B06", "B07"),),
        stretch=(0.0, 0.40),
        gamma=1.2,
        aliases=r"modis|mod09\w*|myd09\w*|mcd43\w*",
        file=r"^(MOD|MYD)09|^MCD43",
    ),
    Sensor(
        "sar", "Radar, sensor unknown", composites=(), radar=True, aliases=r"sar|capella|iceye|umbra|terrasar|radarsat|palsar"
    ),
    Sensor(
        "rgb",
        "Photographs and rendered pictures",
        _bands("red red 0.650\ngreen green 0.555\nblue blue 0.470"),
        (("red", "green", "blue"),),
        stretch=(0.0, 255.0),
        aliases=r"rgb",
    ),
    Sensor(
        "synthetic",
        "Drawn by a model (geoglot generate)",
        stretch=(0.0, 255.0),
        aliases=r"geoglot-synthetic",
    ),
    Sensor("unknown", "Unknown"),
)
_BY_ID = {entry.id: entry for entry in SENSORS}
UNKNOWN = _BY_ID["unknown"]

# Names by which bands are described in files and catalogues, for sensors that nobody named
_COMMON = {band.common: band.wavelength for band in _bands(_S2) if band.common} | {"pan": 0.64}
# Ranges in micrometres that the STAC electro-optical extension gives to common names
_RANGES = {
    "coastal": (0.40, 0.45),
    "blue": (0.45, 0.53),
    "green": (0.51, 0.60),
    "yellow": (0.60, 0.62),
    "red": (0.62, 0.69),
    "nir": (0.76, 1.00),
    "swir16": (1.55, 1.75),
    "swir22": (2.08, 2.35),
}
_SYNONYMS = {
    "r": "red",
    "g": "green",
    "b": "blue",
    "n": "nir",
    "near-infrared": "nir",
    "nearinfrared": "nir",
    "near_infrared": "nir",
    "infrared": "nir",
    "panchromatic": "pan",
    "swir1": "swir16",
    "swir2": "swir22",
    "swir": "swir16",
}


def sensor(name: str) -> Sensor:
    """A sensor by identifier or alias (`sentinel-2`, `S2A`, `Landsat 8`); `NotFoundError` offers the nearest."""
    word = re.sub(r"[\s]+", "-", name.strip().lower())
    if word in _BY_ID:
        return _BY_ID[word]
    found = match_word(word)
    if found is None:
        near = difflib.get_close_matches(word, list(_BY_ID), n=3, cutoff=0.4) or list(_BY_ID)
        raise NotFoundError(f"There is no sensor named {name!r}. Did you mean {', '.join(near)}?")
    return found


def match_word(word: str) -> Sensor | None:
    """The sensor whose alias is this word, or None."""
    return next((s for s in SENSORS if s.aliases and re.fullmatch(s.aliases, word.lower())), None)


def match_file(name: str) -> Sensor | None:
    """The sensor whose operator names files like this one, or None."""
    return next((s for s in SENSORS if s.file and re.search(s.file, name)), None)


def band(name: str, of: Sensor = UNKNOWN) -> Band:
    """A band by the sensor's own name, a common name or a description; unknown names keep their name and nothing else."""
    key = name.strip().lower()
    if key in of.known:
        return of.known[key]
    short = re.sub(r"^(b)0*(\w)", r"\1\2", key)
    for own in of.bands:
        if re.sub(r"^(b)0*(\w)", r"\1\2", own.name.lower()) == short:
            return own
    common = _SYNONYMS.get(key, key)
    same = [own for own in of.bands if own.common == common]
    if same:
        return same[0]
    if common in _COMMON:
        return Band(name.strip(), common, _COMMON[common])
    # ENVI headers give the wavelength in words: "… (0.482500 Micrometers)"
    if length := re.search(r"\(([\d.]+)\s*(micro|nano)met", key):
        micrometres = float(length[1]) * (1.0 if length[2] == "micro" else 1e-3)
        ranges = {name: limits for name, limits in _RANGES.items() if limits[0] <= micrometres <= limits[1]}
        return Band(name.strip(), next(iter(ranges), None), micrometres)
    # polarisations hide in longer names: Gamma0_VV, sigma0_vh
    polar = re.search(r"(?:^|[_\W])(vv|vh|hh|hv)(?:$|[_\W])", key)
    if polar and of.radar:
        return of.known.get(polar.group(1), Band(polar.group(1).upper()))
    return Band(name.strip())


def rescaled(entry: Band, scale: float, offset: float) -> Band:
    """The band with the scaling that its file declares."""
    return replace(entry, scale=scale, offset=offset)
