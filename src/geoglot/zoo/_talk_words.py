"""In which words `nano-chat` is asked and answers, by task; and expressions that mean one of several boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from geoglot.text.pieces import ALL, LOCATE
from geoglot.text.sentences import MASS, article, has_direction, plural

Edges = tuple[float, float, float, float]
CAPTION = (
    "Describe this image.", "Caption this image.", "What does this image show?", "What can be seen in this picture?",
    "Write a short caption.", "Describe the picture in one sentence.", "What is in this image?", "Give a caption for this scene.",
)  # fmt: skip
CLASS = (
    "What kind of place is this?", "Classify this scene.", "What kind of scene does the image show?", "Name the scene class.",
    "What is the scene class of this image?", "Which class does this picture belong to?",
)  # fmt: skip
PRESENCE = (
    "Is there {one} in this image?", "Are there any {many} in this picture?", "Does this image show {many}?",
    "Can {many} be seen here?", "Does this picture contain {many}?",
)  # fmt: skip
STUFF = ("Is there any {many} in this image?", "Does this image show {many}?", "Can {many} be seen here?",
         "Does this picture contain {many}?")  # fmt: skip
ABOUT = (
    "Tell me about the {many} in this image.", "Describe the {many} here.", "What can you say about the {many}?",
    "What do the {many} in this picture look like?", "Please comment on the {many} of this scene.",
    "Describe the {many} in this image.",
)  # fmt: skip
LOCATING = (
    "Locate {it}.", "Find {it}.", "Give the bounding box of {it}.", "[refer] {it}", "Show me {it}.", "Locate {it} in this image.",
    "Give me the location of {it} as a box.", "Point to {it}.", "Mark {it} with a box.",
)  # fmt: skip
EVERY = ("Locate all {many}.", "Find every {one}.", "Detect the {many}.", "Mark all {many} with boxes.", "Show all {many}.")
COUNT = ("How many {many} are there?", "How many {many} are in this image?", "Count the {many}.",
         "How many {many} in the picture?",
         "What is the number of {many} in this image?")  # fmt: skip
COLOUR = ("What colour is {it}?", "What is the colour of {it}?", "Which colour has {it}?")
CHANGE = (
    "What changed between the two pictures?", "Describe the changes between the two dates.",
    "What is different in the second image?",
    "What has changed?", "Compare the two images.", "Describe what happened between the two dates.",
)  # fmt: skip
GREY = "This picture is grey, so it shows no colours."
AHEAD, CLEAR = 0.04, 1.25  # how far before the next, in the unit square, and how much larger, what is meant must be


@dataclass(frozen=True)
class Ask:
    """A question in several wordings and its answers, one of which is drawn; ``box`` is where what it means lies.

    ``turned``: still true of a picture that is turned or mirrored. ``rivals``: how many others of its label are in sight.
    """

    task: str
    questions: tuple[str, ...]
    answers: tuple[str, ...]
    turned: bool = True
    box: Edges | None = None
    label: str = ""
    rivals: int = 0


def there(name: str, many: bool = True) -> str:
    """That there is something."""
    told = plural(name) if many else name
    return f"There is {told} here." if name in MASS else f"There are {told} here."


def not_there(name: str) -> str:
    """That there is none."""
    return f"There is no {name} here." if name in MASS else f"There are no {plural(name)} here."


def presence(name: str, yes: bool, colours: bool = False) -> list[Ask]:
    """Whether there is something, and questions that take for granted that there is, of ``colours`` too."""
    words = {"one": article(name), "many": plural(name)}
    asked = STUFF if name in MASS else PRESENCE
    made = [
        Ask("presence", tuple(q.format(**words) for q in asked), ("yes" if yes else "no",), label=name),
        Ask("premise" if yes else "refusal", tuple(q.format(**words) for q in ABOUT), (there(name) if yes else not_there(name),),
            label=name),
    ]  # fmt: skip
    if not yes and name not in MASS:
        it = tuple(q.format(it=f"the {name}") for q in (*LOCATING, *(COLOUR if colours else ())))
        more = tuple(q.format(it=f"the {end} {name}") for q in LOCATING for end in ("largest", "leftmost", "topmost", "smallest"))
        made.append(Ask("refusal", (*it, *more), (not_there(name),), label=name))
        made.append(Ask("refusal", tuple(q.format(one=name, many=plural(name)) for q in EVERY), (not_there(name),), label=name))
    return made


def locating(text: str, label: str, box: Edges | None, rivals: int = 0) -> Ask:
    """To show what an expression means, of ``rivals`` more of its label; ``box`` None where it is not known where it lies."""
    return Ask("locate", tuple(q.format(it=text) for q in LOCATING), (LOCATE,), not has_direction(text), box, label, rivals)


def every(label: str) -> Ask:
    """To show all objects of a label."""
    return Ask("every", tuple(q.format(one=label, many=plural(label)) for q in EVERY), (ALL,), label=label)


def counting(label: str, number: int) -> Ask:
    """How many there are."""
    return Ask("count", tuple(q.format(many=plural(label)) for q in COUNT), (str(number),), label=label)


def expressions(things: Sequence[tuple[str, Edges]]) -> Iterator[tuple[str, str, Edges, int]]:
    """Words that mean one of several boxes, its label and box, and how many others have the label: only, extremes, sizes."""
    by_label: dict[str, list[Edges]] = {}
    for label, box in things:
        by_label.setdefault(label, []).append(box)
    for label, boxes in sorted(by_label.items()):
        if len(boxes) == 1:
            yield f"the {label}", label, boxes[0], 0
            continue
        for word, key in (("leftmost", 0), ("rightmost", 0), ("topmost", 1), ("bottommost", 1)):
            sign = 1 if word in ("leftmost", "topmost") else -1
            order = sorted(boxes, key=lambda b, key=key, sign=sign: sign * (b[key] + b[key + 2]))  # type: ignore[misc]
            if abs(order[1][key] + order[1][key + 2] - order[0][key] - order[0][key + 2]) / 2 > AHEAD:
                yield f"the {word} {label}", label, order[0], len(boxes) - 1
        size = sorted(boxes, key=_area)
        if _area(size[-1]) > CLEAR * _area(size[-2]):
            yield f"the largest {label}", label, size[-1], len(boxes) - 1
        if _area(size[0]) * CLEAR < _area(size[1]):
            yield f"the smallest {label}", label, size[0], len(boxes) - 1


def _area(box: Edges) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
