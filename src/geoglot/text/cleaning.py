"""Cleaning captions without changing what they say: white space, punctuation, known misspellings; and telling repeats."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Misspellings that were met in the training captions of RSICD and UCM-Captions; only words that can mean nothing else.
MISSPELT = dict(
    pair.split(">")
    for pair in """
    abreastly>abreast aereas>areas aircrafts>aircraft alonside>alongside arerectangular>are;rectangular aross>across
    arround>around astraight>a;straight bareland>bare;land barelands>bare;lands baseballfield>baseball;field
    baseballfields>baseball;fields besid>beside besided>beside betweeen>between beuildings>buildings blearchers>bleachers
    bridege>bridge buliding>building ceter>center chuch>church churh>church colour's>colours color's>colors coner>corner
    coners>corners containters>containers coome>come cornersd>corners coursea>course corver>cover devided>divided
    diamand>diamond differenet>different differnet>different divids>divides fanshaped>fan-shaped flurish>flourish
    foasm>foam foorball>football footballground>football;ground grassaland>grassland habor>harbor haighway>highway
    inregular>irregular industriala>industrial irregularl>irregular litte>little mountainpeak>mountain;peak
    ndustrial>industrial ouses>houses paked>parked paking>parking parkin>parking plamts>plants plantss>plants
    ploygon>polygon prking>parking rectanguale>rectangle rectangules>rectangles redidential>residential roofss>roofs
    seperated>separated shapse>shapes shpaped>shaped sidee>side smalle>small somme>some sorrounded>surrounded
    sourround>surround spase>sparse spectangular>rectangular sqare>square staight>straight storagetanks>storage;tanks
    surounded>surrounded surrpunded>surrounded tains>trains tennnis>tennis termial>terminal thouse>house
    tobuildings>to;buildings trainss>trains tress>trees unparallel>not;parallel witha>with;a wothe>with;the
    writhered>withered bushs>bushes playgroud>playground retangular>rectangular swimmming>swimming vegetations>vegetation
    """.split()
)
_WORD = re.compile(r"[A-Za-z][A-Za-z']*")
_COPY = re.compile(r"\(\s*\d+\s*\.?\s*$|\b[a-z]+_\d+\(\d+\s*\.?\s*$")  # marks of an annotator's file: "the beach(2 ."
_EMPTY = re.compile(r"[\W\d_]*")


def tidy(text: str) -> str:
    """Give the caption with one space between words and typographic characters made plain; its words stay as they are."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2019", "'").replace("\u2018", "'").replace("`", "'")
    return " ".join(plain.replace("\u201c", '"').replace("\u201d", '"').split())


def clean(text: str) -> str:
    """Give a caption tidied, spelt right and closed with one full stop; "" where nothing is said.

    Words are replaced one for one from `MISSPELT`, in the case of the first letter; nothing else is changed.
    """
    plain = _COPY.sub("", tidy(text)).strip()
    if _EMPTY.fullmatch(plain):
        return ""
    plain = _WORD.sub(_spelt, plain)
    plain = re.sub(r"\s+([,;:!?.])", r"\1", plain)
    plain = re.sub(r"([,;:])(?=[A-Za-z])", r"\1 ", plain)
    return re.sub(r"[\s.,;:]*$", "", plain) + ("" if plain.endswith(("?", "!")) else ".")


def _spelt(found: re.Match[str]) -> str:
    word = found[0]
    right = MISSPELT.get(word.lower())
    if right is None:
        return word
    right = right.replace(";", " ")
    return right.capitalize() if word[0].isupper() else right


def key(text: str) -> str:
    """What is left of a caption when case, punctuation and articles are taken away: equal keys say the same in the same words."""
    words = re.findall(r"[a-z0-9]+", clean(text).lower())
    return " ".join(word for word in words if word not in ("a", "an", "the"))


def distinct(texts: Iterable[str]) -> list[str]:
    """Give the cleaned captions, without empty ones and without repeats by `key`, in their order."""
    found: dict[str, str] = {}
    for text in texts:
        plain = clean(text)
        if plain:
            found.setdefault(key(plain), plain)
    return list(found.values())
