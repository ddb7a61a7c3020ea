"""Classes in words: labels with synonyms, and the templates that put a phrase into a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from geoglot.core.errors import InputError, NotFoundError
from geoglot.text.sentences import PROMPTS

NONE = "none of these"
MAX_CLASSES = 1000
EVERYTHING_ELSE = ("bare land", "grass", "trees", "water", "road", "pavement", "buildings", "sand", "farmland", "shadow")

Classes = dict[str, tuple[str, ...]]


def read_labels(given: str | Path | Iterable[str] | Mapping[str, Sequence[str]]) -> Classes:
    """Give the phrases of each class, by its name, from what a user says.

    `given` is "farmland,harbour|port|marina" (a class is named by its first phrase), the path of a text file with one such
    class a line, a list of them, or a mapping from names to phrases. Raises `InputError` for no class, an empty or a repeated
    one, and `NotFoundError` for a file that is not there.
    """
    if isinstance(given, Mapping):
        pairs = [(str(name), list(phrases)) for name, phrases in given.items()]
    else:
        if isinstance(given, str | Path):
            parts = _lines(Path(given)) if str(given).endswith(".txt") else str(given).split(",")
        else:
            parts = list(given)
        pairs = [(part.split("|")[0], part.split("|")) for part in parts]
    if not pairs or all(not name.strip() for name, _ in pairs):
        raise InputError("No class was named: give labels with commas between them, as in farmland,harbour|port,forest.")
    classes: Classes = {}
    for name, phrases in pairs:
        clean = tuple(dict.fromkeys(" ".join(phrase.split()) for phrase in phrases))
        if not name.strip() or not clean or not all(clean):
            raise InputError(f"A class is empty in {[each for each, _ in pairs]}: take out the extra comma or bar.")
        classes[" ".join(name.split())] = clean
    _check(classes, len(pairs))
    return classes


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except FileNotFoundError:
        raise NotFoundError(f"There is no file of labels {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text ({error}): write one class a line.") from None


def _check(classes: Classes, wanted: int) -> None:
    owner: dict[str, str] = {}
    for name, phrases in classes.items():
        for phrase in {name.lower(), *(each.lower() for each in phrases)}:
            if owner.setdefault(phrase, name) != name:
                raise InputError(f"{phrase!r} stands for both {owner[phrase]!r} and {name!r}: a phrase belongs to one class.")
    if len(classes) != wanted:
        raise InputError(f"A class is named twice among {list(classes)}.")
    if NONE in owner:
        raise InputError(f"{NONE!r} is what geoglot itself says of tiles that fit no label: leave it out of the labels.")
    if len(classes) > MAX_CLASSES:
        raise InputError(f"{len(classes)} classes are more than the {MAX_CLASSES} that one run takes.")


def check(templates: Sequence[str]) -> tuple[str, ...]:
    """Give back templates that have one place `{}` for a phrase each, the default ones where there are none."""
    for template in templates:
        if template.count("{}") != 1 or template.replace("{}", "").count("{") or template.replace("{}", "").count("}"):
            raise InputError(f"A template has one place {{}} for the class, as in {PROMPTS[0]!r}; got {template!r}.")
    return tuple(dict.fromkeys(templates)) or PROMPTS


def fill(phrase: str, templates: Sequence[str]) -> list[str]:
    """Put a phrase into every template."""
    return [template.replace("{}", phrase) for template in templates]


def everything_else(labels: Iterable[str]) -> tuple[str, ...]:
    """Words for what is none of some phrases. Raises `InputError` where these leave nothing."""
    said = {phrase.lower() for phrase in labels}
    rest = tuple(word for word in EVERYTHING_ELSE if not any(word in phrase or phrase in word for phrase in said))
    if not rest:
        raise InputError(f"The labels say everything there is ({', '.join(sorted(said))}): ask for some of them at a time.")
    return rest
