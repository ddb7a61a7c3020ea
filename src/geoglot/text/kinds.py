"""Types of things as they look from above: what each is told by, in words that an image-text model can be asked with."""

from __future__ import annotations

from collections.abc import Mapping

Types = Mapping[str, tuple[str, ...]]
KINDS: Mapping[str, Types] = {
    "ship": {
        "container ship": ("rows of coloured boxes on its deck", "a long hull", "a bridge near the stern"),
        "tanker": ("pipes along the middle of its deck", "a long flat deck", "a bridge near the stern"),
        "bulk carrier": ("large square hatches in a row", "cranes between its hatches", "a long hull"),
        "cruise ship": ("many white decks", "pools on its upper deck", "lifeboats along its sides"),
        "ferry": ("a wide open stern", "a broad white superstructure"),
        "sailing boat": ("a mast with its shadow", "a slender short hull"),
        "motor boat": ("a short white hull", "a bright wake"),
        "barge": ("a flat square hull without a bridge", "an open hold"),
        "warship": ("a grey slender hull", "a helicopter pad at the stern", "a pointed bow"),
        "fishing boat": ("a small hull with gear on its deck", "nets on its deck"),
    },
    "airplane": {
        "jet airliner": ("swept wings with engines below them", "a long white fuselage"),
        "propeller airplane": ("straight wings", "propellers at its wings"),
        "fighter jet": ("a small grey body with delta wings", "two tail fins"),
        "bomber": ("a large grey body", "very wide wings"),
        "transport airplane": ("high straight wings with four engines", "a thick grey fuselage"),
        "business jet": ("engines at the tail", "a small white fuselage"),
        "light airplane": ("a short body with straight wings", "a very small size"),
        "helicopter": ("a rotor above a short body", "a thin tail boom"),
    },
    "vehicle": {
        "car": ("a short body with windows at both ends",),
        "lorry": ("a long box behind a cab",),
        "bus": ("a long even roof",),
        "van": ("a short high body with a plain roof",),
    },
    "building": {
        "detached house": ("a small pitched roof", "a garden around it"),
        "block of flats": ("a long flat roof", "a tall shadow"),
        "warehouse": ("a very large plain flat roof", "loading docks and parked lorries"),
        "factory": ("chimneys and pipes", "several roofs of different kinds"),
        "greenhouse": ("rows of bright glass or plastic roofs",),
        "stadium": ("a ring of stands around a pitch",),
        "church": ("a cross-shaped roof", "a tower"),
    },
}
NAMES = {
    "boat": "ship", "vessel": "ship", "aircraft": "airplane", "aeroplane": "airplane", "plane": "airplane", "jet": "airplane",
    "house": "building", "roof": "building", "truck": "vehicle", "automobile": "vehicle",
}  # fmt: skip


def types_of(what: str) -> tuple[str, Types] | None:
    """The kind of thing that a word means, with its types; None for one whose types are not told here."""
    word = what.lower().strip()
    for plain in (word, word.removesuffix("s"), word.removesuffix("es")):
        kind = NAMES.get(plain, plain)
        if kind in KINDS:
            return kind, KINDS[kind]
    return None
