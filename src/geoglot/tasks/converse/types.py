"""Of which type a thing is, and why: by what each type is described with, where the model itself gives no reasons.

Menon & Vondrick 2022, "Visual classification via description from large language models" (arXiv 2210.07183): a type is as likely
as what it is described with looks like the picture, on the mean. The descriptions are those of `text.kinds`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geoglot.geo.grid import Window
from geoglot.tasks.converse.answer import Answer
from geoglot.tasks.converse.marked import placed
from geoglot.tasks.converse.marks import Mark
from geoglot.tasks.converse.merge import Heard, Told
from geoglot.text.kinds import Types, types_of
from geoglot.text.sentences import article

if TYPE_CHECKING:
    from geoglot.tasks.converse.run import Asking

_BECAUSE = re.compile(r"\b(?:because|since|as can be seen from|reasons?:)\s+(?P<why>.+)", re.IGNORECASE | re.DOTALL)


def answer(asking: Asking) -> Answer | None:
    """The type of each thing that is marked, else of the one that is found; None where the model is to be asked itself."""
    question = asking.question
    told = types_of(question.what) if question.kind == "type" else None
    if told is None or getattr(asking.chat, "reasons", True):
        return None
    kind, types = told
    guide = asking.guide()
    if guide is None:
        text = f"Of which type {article(kind)} is cannot be told without an image-text model beside {asking.chat.spec.name}."
        return asking.made(Told(text, None, True), [])
    marks, heard = asking.marks, list[Heard]()
    if not marks:
        heard = asking.parts(asking.grammar.ground(kind))
        found = asking.boxes(heard, kind)
        if not len(found):
            return asking.made(Told(f"There is no {kind} to be seen here.", None, True), heard)
        marks = (Mark(found.box(0)),)
    phrases = [(name, words) for name, described in types.items() for words in described]
    texts = [f"a satellite photo of {article(name)} with {words}." for name, words in phrases]
    plain = [f"a satellite photo of {article(name)}." for name in types]
    lines, reasons = list[str](), list[str]()
    for number, mark in enumerate(marks, 1):
        near = likeness(asking, guide, mark.window(asking.scene, asking.cut.ratio), [*texts, *plain])
        best, why = chosen(types, phrases, near)
        lead = f"{number}: " if len(marks) > 1 else ""
        lines.append(
            f"{lead}most like {article(best)}" + (f", because it looks like one with {' and '.join(why)}" if why else "")
        )
        reasons += [f"{lead}{one}" for one in why]
    asking.assumed.append(f"the type by likeness to described types ({guide.spec.name}), which was not measured: look yourself")
    boxes = placed(asking, marks)
    return asking.made(Told("\n".join(lines), None, reasons=tuple(reasons)), heard, boxes=boxes, names=tuple(lines))


def likeness(asking: Asking, guide: Any, window: Window, texts: Sequence[str]) -> NDArray[np.float64]:
    """Cosines (N,) of a part of the scene with texts."""
    import torch

    from geoglot.nn.batch import ImageBatch

    picture = asking.scene.display(window=window, shape=(guide.spec.size, guide.spec.size))
    batch = ImageBatch.of(torch.from_numpy(picture.data.astype(np.float32))[None], torch.from_numpy(picture.valid.copy())[None])
    image, words = (torch.as_tensor(part).float().cpu() for part in (guide.image(batch), guide.text(list(texts))))
    near: NDArray[np.float64] = (words @ image[0]).double().numpy()
    return near


def chosen(types: Types, phrases: Sequence[tuple[str, str]], near: NDArray[np.float64]) -> tuple[str, list[str]]:
    """The type whose descriptions are the likest on the mean, and those of them that make it likelier than its bare name.

    ``near`` are the cosines of all descriptions, then those of the names.
    """
    of = dict(zip(types, near[len(phrases) :], strict=True))
    likely = {name: np.mean([near[k] for k, (owner, _) in enumerate(phrases) if owner == name]) for name in types}
    best = max(likely, key=lambda name: likely[name])
    return best, [words for k, (owner, words) in enumerate(phrases) if owner == best and near[k] > of[best]]


def reasons_in(text: str) -> tuple[str, ...]:
    """The reasons that an answer in words gives, one part a reason."""
    found = _BECAUSE.search(text)
    if found is None:
        return ()
    return tuple(part.strip(" .,") for part in re.split(r";|\.\s|, and ", found["why"]) if part.strip(" .,"))
