"""`python asked_server.py ARCHIVE STATE` serves an archive whose questions are answered by a chat that sees bright blobs."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from converse_kit import Blobs

from geoglot.core.protocols import Reply, Said
from geoglot.serve import web
from geoglot.serve.settings import Settings


class Halting(Blobs):
    """Takes its time where it is asked to wait."""

    def reply(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Reply:
        if "wait" in turns[-1].text:
            time.sleep(4)
        return super().reply(turns, pictures)


if __name__ == "__main__":
    web.serve(Settings(sys.argv[1], state=Path(sys.argv[2]), chat=Halting()), "127.0.0.1", 0, "warning")
