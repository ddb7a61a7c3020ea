"""Search at size: recall, time and memory of an archive of many vectors, beside numpy and the database's own indexes.

The rows are those of an archive, with vectors that have the structure of real `nano` embeddings (`search_data.py`), queried
by real texts. Recall is that of the ten best against an exact comparison of every row. `rank` is the archive's query path up
to exact scores of the best rows, `search` the whole of `Archive.search` without the encoding of the words; both are taken
query by query, median over all queries and rounds, and median of each query's best round.

Usage: python benchmarks/search_size.py [--rows 100000] [--data FOLDER] [--work FOLDER] [--lance sq,rq,pq,hnsw]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import search_data
import search_store
from common import machine
from geoglot.archive import Archive, filters, nearest_build, ranking
from geoglot.archive.store import Store

K = 10
BLOCK = 50_000


@dataclass(frozen=True)
class Case:
    """A filter, how it is given to `Archive.search`, and which rows pass it."""

    name: str
    given: dict[str, Any]
    mask: np.ndarray

    @property
    def chosen(self) -> filters.Filter:
        return filters.make(**self.given)


class Given:
    """A text encoder whose vectors are ready."""

    def __init__(self, spec: Any) -> None:
        self.spec, self.vector = spec, np.zeros(0, np.float32)

    def text(self, texts: list[str]) -> np.ndarray:
        return self.vector[None]


def make(out: Path, rows: int, dims: int, found: search_data.Real) -> None:
    """The archive without an index, and its vectors as one array."""
    if (out / "vectors.npy").exists():
        return
    out.mkdir(parents=True, exist_ok=True)
    part = out / "part.npy"
    kept = np.lib.format.open_memmap(part, "w+", np.float32, (rows, dims))

    def vectors() -> Iterator[tuple[int, np.ndarray]]:
        at = 0
        for home, vectors in search_data.scenes(found, rows, dims):
            kept[at : at + len(vectors)] = vectors
            at += len(vectors)
            yield home, vectors

    began = time.perf_counter()
    nearest_build.LEAST_ROWS = 10**12
    store = Store(out / "archive")
    with store.lock():
        writer, tables = search_store.build(out / "archive", vectors(), dims)
        tables.tidy()
        writer.publish(tables, ())
    kept.flush()
    part.rename(out / "vectors.npy")
    print(f"- rows made and stored in {time.perf_counter() - began:.0f} s")


def build_index(archive: str) -> None:
    """In a process of its own: the index of an archive that has none; figures as JSON."""
    store = Store(archive)
    with store.lock():
        live = store.state().live
        writer = search_store.Writer(store, live.model, live.options)
        tables = writer.tables(writer.state.live)
        before = peak()
        wall, cpu = time.perf_counter(), time.process_time()
        tables.nearest = nearest_build.update(Path(archive), tables.tiles, live.model.hash, live.number, "")
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        writer.publish(tables, ())
    print(json.dumps({"wall": wall, "cpu": cpu, "before": before, "peak": peak()}))


def first_search(archive: str, query: str) -> None:
    """In a process of its own: from the import to the first answer, and the memory of many; figures as JSON."""
    began = time.perf_counter()
    opened = Archive.open(archive)
    encoder = Given(opened.model)
    queries = np.load(query)
    view = opened._view()
    at, cpu = time.perf_counter(), time.process_time()
    _ = view.near
    near, near_cpu = time.perf_counter() - at, time.process_time() - cpu
    encoder.vector = queries[0]
    opened.search("words", k=K, text_encoder=encoder)
    first, first_cpu = time.perf_counter() - began, time.process_time()
    for encoder.vector in queries:
        opened.search("words", k=K, text_encoder=encoder)
    told = {"near": near, "near_cpu": near_cpu, "first": first, "first_cpu": first_cpu}
    print(json.dumps({key: 1000 * value for key, value in told.items()} | {"peak": peak()}))


def peak() -> float:
    """Greatest resident memory of this process in MiB, mapped files included (0 where the system does not tell)."""
    status = Path("/proc/self/status")  # the usual ru_maxrss is inherited from the process that started this one
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def child(*arguments: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def size(folder: Path) -> int:
    return sum(entry.stat().st_size for entry in folder.rglob("*") if entry.is_file())


def cases(table: Any) -> tuple[np.ndarray, list[Case]]:
    """Row ids of the vectors in their order, and filters that keep all, a tenth and a thousandth of the rows."""
    found = table.search().select(["time", "valid", "west", "south", "east", "north"]).with_row_id(True).to_arrow()
    columns = {name: found[name].to_numpy() for name in ("time", "valid", "west", "south", "east", "north")}
    rows, moments = len(found), np.sort(columns["time"]).astype("datetime64[s]")

    def case(name: str, **given: Any) -> Case:
        return Case(name, given, filters.make(**given).passes(columns, rows))

    made = [case("all rows")]
    for share in (0.1, 0.001):
        text = f"{share:.1%}".replace(".0", "")
        first = round(0.4 * rows)
        made.append(case(f"time, {text}", time=f"{moments[first]}/{moments[first + round(share * rows) - 1]}"))
        made.append(case(f"valid share, {text}", where={"valid_min": 1 - share}))
        made.append(case(f"box, {text}", bbox=_box(columns, share)))
    return found["_rowid"].to_numpy().astype(np.int64), made


def _box(columns: dict[str, np.ndarray], share: float) -> tuple[float, ...]:
    """A box around some tile that keeps a share of the rows."""
    middle = len(columns["west"]) // 3
    lon, lat = float(columns["west"][middle]), float(columns["south"][middle])
    low, high = 0.0, 60.0
    for _ in range(40):
        half = round((low + high) / 2, 3)
        box = (max(lon - half, -180), max(lat - half, -90), min(lon + half, 180), min(lat + half, 90))
        kept = filters.make(bbox=box).passes(columns, len(columns["west"])).mean()
        low, high = (half, high) if kept < share else (low, half)
    return box


def truth(vectors: np.ndarray, queries: np.ndarray, ids: np.ndarray, chosen: list[Case]) -> dict[str, list[set[int]]]:
    """Row ids of the ten best of each query, by an exact comparison."""
    found: dict[str, list[set[int]]] = {case.name: [] for case in chosen}
    for first in range(0, len(queries), 30):
        some = queries[first : first + 30].T
        scores = np.concatenate([vectors[at : at + BLOCK] @ some for at in range(0, len(vectors), BLOCK)])
        for case in chosen:
            kept = np.flatnonzero(case.mask)
            best = np.argpartition(-scores[kept], K, axis=0)[:K].T
            found[case.name] += [set(ids[kept[row]].tolist()) for row in best]
    return found


@dataclass(frozen=True)
class Figures:
    """Milliseconds of one way of searching, and its recall."""

    recall: float
    median: float
    best: float
    cpu: float

    def cells(self) -> str:
        return f"{self.recall:.3f} | {self.median:.1f} | {self.best:.1f} | {self.cpu:.1f}"


def measure(run: Callable[[np.ndarray], list[int]], queries: np.ndarray, exact: list[set[int]], rounds: int) -> Figures:
    hits, walls, cpus = 0, [], []
    gc.disable()
    for turn in range(rounds + 1):  # the first one warms up
        wall, cpu = [], []
        for query, best in zip(queries, exact, strict=True):
            began = time.perf_counter(), time.process_time()
            found = run(query)
            wall.append(time.perf_counter() - began[0])
            cpu.append(time.process_time() - began[1])
            hits += len(best.intersection(found)) if turn == 0 else 0
        walls.append(wall)
        cpus.append(cpu)
    gc.enable()
    table = 1000 * np.array(walls[1:])
    return Figures(
        hits / (K * len(queries)), np.median(table), np.median(table.min(axis=0)), 1000 * np.median(np.array(cpus[1:]))
    )


def ours(archive: Archive, queries: np.ndarray, chosen: list[Case], exact: dict[str, list[set[int]]], rounds: int) -> None:
    print("\n| rows that pass | share | recall@10 | rank, ms | best round | CPU | search, ms | best round | CPU |")
    print("|---|---|---|---|---|---|---|---|---|")
    view, encoder = archive._view(), Given(archive.model)
    for case in chosen:

        def rank(query: np.ndarray, case: Case = case) -> list[int]:
            made = filters.make(**case.given, hidden=view.generation.hidden)
            return ranking.rank(view.tiles, query[None], 0.5, made, K, view.near).ids[:K].tolist()

        def search(query: np.ndarray, case: Case = case) -> list[int]:
            encoder.vector = query
            archive.search("words", k=K, text_encoder=encoder, **case.given)
            return []

        one = measure(rank, queries, exact[case.name], rounds)
        two = measure(search, queries, exact[case.name], rounds)
        print(
            f"| {case.name} | {case.mask.mean():.3%} | {one.cells()} | {two.median:.1f} | {two.best:.1f} | {two.cpu:.1f} |",
            flush=True,
        )


def brute(
    vectors: np.ndarray, queries: np.ndarray, chosen: list[Case], exact: dict[str, list[set[int]]], ids: np.ndarray
) -> None:
    """Numpy over every row, in memory."""
    print("\n| numpy, rows that pass | recall@10 | ms | best round | CPU |\n|---|---|---|---|---|")
    held = np.array(vectors)
    for case in (chosen[0], chosen[1]):

        def run(query: np.ndarray, case: Case = case) -> list[int]:
            scores = held @ query
            if case.given:
                scores[~case.mask] = -np.inf
            return ids[np.argpartition(-scores, K)[:K]].tolist()

        print(f"| {case.name} | {measure(run, queries[::6], exact[case.name][::6], 2).cells()} |", flush=True)


def lance(table: Any, kinds: list[str], queries: np.ndarray, chosen: list[Case], exact: dict[str, list[set[int]]]) -> None:
    """The database's own indexes over the same table, with ordered indexes over the columns of the filters."""
    from lancedb import index as made

    rows, dim = table.count_rows(), queries.shape[1]
    parts = round(rows**0.5)
    few = {"max_iterations": 10, "sample_rate": 64}  # with its own defaults product quantisation takes five times as long
    ways = {
        "sq": (made.IvfSq(distance_type="l2", num_partitions=parts), [(0.02, 2, None), (0.04, 2, None), (0.08, 2, None)]),
        "rq": (made.IvfRq(distance_type="l2", num_partitions=parts), [(0.04, 20, None), (0.08, 20, None)]),
        "pq": (made.IvfPq(distance_type="l2", num_partitions=parts, num_sub_vectors=dim // 8, **few), [(0.08, 20, None)]),
        "hnsw": (made.IvfHnswSq(distance_type="l2", num_partitions=1), [(0.0, 2, 150), (0.0, 10, 400)]),
    }  # fmt: skip
    for column in ("time", "valid", "west", "south", "east", "north"):
        table.create_index(column, config=made.BTree(), replace=True)
    print("\n| kind | probed, refined, ef | rows that pass | recall@10 | ms | best round | CPU |\n|---|---|---|---|---|---|---|")
    for kind in kinds:
        config, settings = ways[kind]
        began, cpu = time.perf_counter(), time.process_time()
        table.create_index("vector", config=config, replace=True)
        print(
            f"| {kind} | built in {time.perf_counter() - began:.0f} s, CPU {time.process_time() - cpu:.0f} s | | | | | |",
            flush=True,
        )
        for probed, refined, ef in settings:
            for case in chosen if (probed, refined, ef) == settings[-1] else chosen[:1]:

                def run(query: np.ndarray, case: Case = case, way: tuple = (probed, refined, ef)) -> list[int]:
                    search = table.search(query, vector_column_name="vector").distance_type("l2").limit(K).with_row_id(True)
                    search = search.select(["_distance"]).nprobes(max(1, round(way[0] * parts))).refine_factor(way[1])
                    search = search.ef(way[2]) if way[2] else search
                    search = search.where(case.chosen.sql, prefilter=True) if case.given else search
                    return search.to_arrow()["_rowid"].to_pylist()

                found = measure(run, queries[::3], exact[case.name][::3], 1)
                print(f"| {kind} | {probed:.0%}, {refined}, {ef or '-'} | {case.name} | {found.cells()} |", flush=True)
        table.drop_index("vector_idx")


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        {"index": build_index, "search": first_search}[sys.argv[2]](*sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dims", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--texts", type=int, default=120, help="how many of the texts are looked for")
    default = Path(os.environ.get("GEOGLOT_DATA") or Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--data", type=Path, default=default, help="the folder of real pictures")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "geoglot-bench" / "search")
    parser.add_argument("--lance", default="", metavar="KINDS", help="of sq, rq, pq, hnsw; hnsw and pq take long to build")
    given = parser.parse_args()
    if not (given.data / "aid_rsicd.jsonl").exists() and not (given.work / "real.npz").exists():
        print(f"No real pictures in {given.data}: set GEOGLOT_DATA or pass --data.")
        return
    found = search_data.real(given.data, given.work)
    out = given.work / f"{given.rows}x{given.dims}"
    print(f"{machine()}; {given.rows} x {given.dims}; load {os.getloadavg()[0]:.1f}\n")
    search_data.describe(found)
    make(out, given.rows, given.dims, found)
    vectors = np.load(out / "vectors.npy", mmap_mode="r")
    queries = np.ascontiguousarray(found.texts @ search_data.lift(given.dims, found.texts.shape[1]))
    queries = queries[:: max(1, len(queries) // given.texts)]
    np.save(out / "queries.npy", queries)
    where = out / "archive"
    built = child("--child", "index", str(where))
    archive = Archive.open(where)
    live = archive._view().generation
    index, table = size(where / live.nearest) / given.rows, archive._view().tiles.stats()["total_bytes"] / given.rows
    print(f"- index built in {built['wall']:.1f} s, CPU {built['cpu']:.1f} s, peak memory {built['peak']:.0f} MiB "
          f"({built['before']:.0f} before)")  # fmt: skip
    print(f"- bytes a row: {index:.0f} of index beside {table:.0f} of table")
    first = child("--child", "search", str(where), str(out / "queries.npy"))
    print(f"- a new process: index opened in {first['near']:.0f} ms (CPU {first['near_cpu']:.0f}), first answer after "
          f"{first['first']:.0f} ms (CPU {first['first_cpu']:.0f}, imports included); "
          f"peak memory after all queries {first['peak']:.0f} MiB, mapped files included")  # fmt: skip
    ids, chosen = cases(archive._view().tiles)
    exact = truth(vectors, queries, ids, chosen)
    print(f"- load {os.getloadavg()[0]:.1f}")
    ours(archive, queries, chosen, exact, given.rounds)
    brute(vectors, queries, chosen, exact, ids)
    if given.lance:
        newest = Store(where).connect().open_table(live.tables[0])
        lance(newest, given.lance.split(","), queries, chosen, exact)
    print(f"\nload at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
