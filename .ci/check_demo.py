"""Check what `geoglot demo` left in a folder: scenes, archive, and for each of five searches hits and pictures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image

LIMIT = 120.0  # seconds, on two cores


def main(folder: Path) -> None:
    """Raise `AssertionError` with what is wrong."""
    report = json.loads((folder / "demo.json").read_text(encoding="utf-8"))
    searches = report["searches"]
    assert len(searches) >= 5, f"only {len(searches)} searches"
    for search in searches:
        assert search["hit"], f"{search['text']}: the best place is wrong"
        features = json.loads((folder / search["geojson"]).read_text(encoding="utf-8"))["features"]
        assert features, f"{search['text']}: no hits"
        for feature in features:
            assert feature["geometry"]["type"] == "Polygon", feature
        with Image.open(folder / search["sheet"]) as image:
            low, high = image.convert("L").getextrema()
            assert high - low > 100, f"{search['sheet']} is blank"
    assert len(list((folder / "scenes").glob("*.tif"))) == report["scenes"]
    assert (folder / "demo.html").stat().st_size > 500
    total = sum(report["seconds"].values())
    assert total < LIMIT, f"the demo took {total:.0f} s, more than {LIMIT:.0f} s"
    print(f"demo: {len(searches)} searches right, {report['tiles']} tiles, {total:.0f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
