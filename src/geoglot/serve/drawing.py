"""The service's generator: loaded when it is first wanted, used by one job at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from geoglot.models.files import embedded
from geoglot.serve.errors import Missing

if TYPE_CHECKING:
    from geoglot.models.generator import Generator

DEFAULT, NONE = "nano-gen", "none"


class Drawer:
    """A generator by name, or one that is there; None is `nano-gen` where its weights are, "none" is no model."""

    def __init__(self, model: Any) -> None:
        if model is None:
            model = DEFAULT if DEFAULT in embedded() else NONE
        self._given = None if model == NONE else model
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise `Missing` where the service draws nothing."""
        if self._given is None:
            raise Missing("This service draws nothing: it runs without a generator.", "Ask its operator for --generator MODEL.")

    @property
    def model(self) -> Generator:
        """The generator. Raises what loading raises, and `ModelError` for a model that draws nothing."""
        from geoglot.tasks.generate.verb import loaded

        self.check()
        with self._lock:
            self._given = loaded(self._given)
            made: Generator = self._given
            return made
