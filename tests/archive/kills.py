"""Kill ingest at random moments, resume it, and compare the archive with one that was never interrupted.

As a script: `python tests/archive/kills.py --kills 30`. The test suite does two.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from archive_kit import FakeEncoder, patchwork, same, write_scene

from geoglot.archive import Archive, filters, index, ingest, nearest_build, ranking, tiling
from geoglot.archive.store import Store

_PACE = 0.012  # seconds a tile: some four seconds for all scenes


def settings() -> None:
    """Many commits, small reads: most moments lie close to a commit."""
    ingest.FLUSH_ROWS, ingest.FLUSH_SECONDS = 20, 0.15
    tiling.CHUNK_BYTES = 12 * 32 * 32 * 8
    nearest_build.LEAST_ROWS = 60


def slow_index() -> None:
    """Say when the index over the vectors is begun, and take half a second for it: a kill falls between its steps."""
    update, sync = nearest_build.update, nearest_build._sync

    def told(*given: object) -> str:
        print("building", flush=True)
        return update(*given)

    def slowed(path: Path) -> None:
        time.sleep(0.03)
        sync(path)

    nearest_build.update, nearest_build._sync = told, slowed


def make_scenes(folder: Path) -> None:
    """One large scene, some of middle size, many small ones, one broken."""
    folder.mkdir(parents=True)
    write_scene(folder / "large.tif", patchwork(512, 480, 16, 0), tiled=True, blockxsize=128, blockysize=128, compress="deflate")
    for i in range(4):
        write_scene(folder / f"middle_{i}.tif", patchwork(128, 160, 16, 10 + i))
    for i in range(20):
        write_scene(folder / f"small_{i}.tif", patchwork(32, 32, 8, 100 + i))
    (folder / "broken.tif").write_text("no")


def change(folder: Path) -> None:
    """Replace some of the scenes, so that kills also fall into replacement."""
    write_scene(folder / "large.tif", patchwork(512, 448, 16, 50), tiled=True, blockxsize=128, blockysize=128)
    write_scene(folder / "middle_1.tif", patchwork(160, 128, 16, 51))
    write_scene(folder / "small_3.tif", patchwork(64, 64, 8, 52))


def change_little(folder: Path, seed: int) -> None:
    """Replace one small scene and add one: the index is extended."""
    write_scene(folder / "small_5.tif", patchwork(32, 32, 8, 200 + seed))
    write_scene(folder / f"more_{seed}.tif", patchwork(64, 64, 8, 300 + seed))


def child(folder: str, out: str, seed: int, re_embed: bool) -> None:
    """What the process that is killed does."""
    settings()
    index([folder], model=FakeEncoder(seed=seed, delay=_PACE), out=out, batch=8, workers=2, re_embed=re_embed, progress=False)


def run_with_kills(
    folder: Path, out: Path, kills: int, rng: random.Random, seed: int = 0, re_embed: bool = False, building: bool = False
) -> int:
    """Run the child again and again, killing it; then let it end. Returns how many kills fell before its end.

    With `building` the kills fall while the index over the vectors is made.
    """
    done = 0
    kind = "--child-building" if building else "--child"
    command = [sys.executable, __file__, kind, str(folder), str(out), str(seed), str(int(re_embed))]
    environment = os.environ | {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    while True:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        assert process.stdout is not None
        process.stdout.readline()  # its imports are done: from here on it works
        if building and done < kills:
            process.stdout.readline()
        if done < kills:
            time.sleep(rng.uniform(0.0, 0.4))
            process.send_signal(signal.SIGKILL)
            process.wait()
            done += process.returncode == -signal.SIGKILL
            check_seen(out)
            if process.returncode == -signal.SIGKILL:
                continue
        process.communicate(timeout=300)
        assert process.returncode == 0, f"ingest failed with {process.returncode}"
        return done


def check_seen(out: Path) -> None:
    """After a kill a reader sees whole scenes only, each once."""
    if not Store(out).exists():
        return
    archive = Archive.open(out)
    rows = archive.scenes()
    assert sum(row["tiles"] for row in rows) == len(archive), "a reader sees part of a scene, or one twice"
    check_index(archive)


def check_index(archive: Archive) -> bool:
    """A search by the index finds what an exact comparison finds; whether there is an index."""
    view = archive._view()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        near = view.near
    for words in ("red", "green blue", "yellow"):
        query = FakeEncoder().text([words])
        by_index, exact = (
            ranking.rank(view.tiles, query, 0.5, filters.make(hidden=view.generation.hidden), 10, how) for how in (near, None)
        )
        assert np.allclose(by_index.scores[:10], exact.scores[:10], atol=1e-6), "the index misses rows, or shows wrong ones"
    return near is not None


def compare(folder: Path, work: Path, out: Path, seed: int = 0) -> None:
    """The archive equals one that was made in one go."""
    fresh = work / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    index([folder], model=FakeEncoder(seed=seed), out=fresh, progress=False)
    assert same(out, fresh), "the archive differs from the uninterrupted one"
    one, other = Archive.open(out).scenes(), Archive.open(fresh).scenes()
    assert [{k: v for k, v in row.items() if k != "geometry"} for row in one] == [
        {k: v for k, v in row.items() if k != "geometry"} for row in other
    ]
    live = Store(out).state().live
    tiles, _ = Store(out).read(live)
    assert tiles.count_rows() == len(Archive.open(out)), "rows of a killed run are left over"
    assert live.hidden == ()
    assert not list(out.glob("*.part")), "a killed writer's unfinished index is left over"


def rounds(work: Path, kills: int, seed: int) -> int:
    """Kills while scenes are added, replaced, indexed over, and while all move to another model."""
    rng = random.Random(seed)
    folder, out = work / "scenes", work / "archive"
    make_scenes(folder)
    share = kills // 5
    done = run_with_kills(folder, out, share, rng)
    compare(folder, work, out)
    change(folder)
    done += run_with_kills(folder, out, share, rng)
    compare(folder, work, out)
    for turn in range(2):
        change_little(folder, turn)
        done += run_with_kills(folder, out, share, rng, building=True)
        compare(folder, work, out)
        assert check_index(Archive.open(out)), "there is no index in the end"
    done += run_with_kills(folder, out, kills - 4 * share, rng, seed=9, re_embed=True)
    compare(folder, work, out, seed=9)
    return done


def main() -> None:
    """Run as a script, or as the process to be killed."""
    if sys.argv[1:2] in (["--child"], ["--child-building"]):
        os.environ.setdefault("LANCEDB_LOG", "error")
        import lancedb  # noqa: F401 (half of the time of a short run)

        print("ready", flush=True)
        if sys.argv[1] == "--child-building":
            slow_index()
        folder, out, seed, re_embed = sys.argv[2:]
        child(folder, out, int(seed), bool(int(re_embed)))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        done = rounds(Path(work), given.kills, given.seed)
    print(f"{done} kills, each resumed: the archive equals the uninterrupted one ({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main()
