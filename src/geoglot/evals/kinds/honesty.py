"""Questions that take an object for granted: false premises are to be refused, true ones accepted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.evals.asking import replies
from geoglot.evals.job import Job, Mistake, Outcome
from geoglot.text.sentences import MASS, plural

VECTORS = False


@dataclass
class Honest:
    """Shares in per cent: false premises refused, true ones accepted, and the mean of both; weights are those of pictures."""

    refused: NDArray[np.bool_]
    false: NDArray[np.bool_]
    picture: NDArray[np.int64]

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures."""
        each = np.ones(len(self.false)) if weight is None else weight[self.picture]
        no = 100 * float((each * self.false * self.refused).sum() / max((each * self.false).sum(), 1e-9))
        yes = 100 * float((each * ~self.false * ~self.refused).sum() / max((each * ~self.false).sum(), 1e-9))
        return {"balanced": (no + yes) / 2, "refused": no, "accepted": yes}


def run(job: Job) -> Outcome:
    """Ask about objects that are there and about others that are not. Raises InputError, ModelError."""
    asked = []
    for place, item in enumerate(job.items):
        for false, names in ((False, item.labels), (True, item.lacking)):
            for name in names:
                told = name if name in MASS or name.endswith("s") else plural(name)
                asked.append((place, job.rules.ask.format(told), name, false))
    if not asked or all(one[3] for one in asked) or not any(one[3] for one in asked):
        raise InputError(f"{job.rules.name} needs objects that are there and others that are not; {job.rules.source} lacks them.")
    places = sorted({place for place, *_ in asked})
    row = {place: k for k, place in enumerate(places)}
    made = replies(job.model, [(job.items[place], question) for place, question, _, _ in asked])
    refused, lies = np.array([reply.refused for reply in made]), np.array([one[3] for one in asked])
    metric = Honest(refused, lies, np.array([row[place] for place, *_ in asked]))
    of = np.array([one[2] for one in asked])
    details = {
        "questions": len(asked),
        "false premises": int(lies.sum()),
        "per class": {
            "refused": {str(n): 100 * float(refused[(of == n) & lies].mean()) for n in np.unique(of[lies])},
            "accepted": {str(n): 100 * float(1 - refused[(of == n) & ~lies].mean()) for n in np.unique(of[~lies])},
        },
    }
    mistakes = [
        Mistake(place, f"{question} ({'not there' if lie else 'there'})", made[k].text, 0.0)
        for k, (place, question, _, lie) in enumerate(asked)
        if refused[k] != lie
    ]
    return Outcome(metric, places, "premises judged", {"always or never refusing": 50.0}, mistakes, details)
