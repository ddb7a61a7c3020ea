"""The index beside the tables: it agrees with an exact comparison, follows the archive, and when damaged shows nothing wrong."""

from __future__ import annotations

import shutil
import warnings
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from archive_kit import FakeEncoder, contents, patchwork, write_scene

from geoglot.archive import Archive, filters, index, nearest, nearest_build, ranking
from geoglot.archive.nearest import Nearest
from geoglot.archive.store import Store, Tables
from geoglot.core.errors import ArchiveError

ROWS, DIM, RUNS = 9000, 24, 60


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A table with the columns that the index takes, its index, and its vectors; lists are really left out."""
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((40, DIM)) * np.geomspace(2, 0.1, DIM)
    made = centres[rng.integers(0, 40, ROWS)] + 0.3 * rng.standard_normal((ROWS, DIM)) * np.geomspace(2, 0.1, DIM)
    made = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    west, south = rng.uniform(-180, 180, ROWS), rng.uniform(-80, 80, ROWS)
    west[::50] = np.nan  # without a place
    run = np.sort(rng.integers(0, RUNS, ROWS))
    columns = {
        "run": run,
        "west": pa.array(west, from_pandas=True),
        "south": pa.array(np.where(np.isnan(west), np.nan, south), from_pandas=True),
        "east": pa.array(west + 1, from_pandas=True),
        "north": pa.array(np.where(np.isnan(west), np.nan, south + 1), from_pandas=True),
        "valid": rng.random(ROWS).astype(np.float32),
        "cloud": pa.array(np.where(rng.random(ROWS) < 0.1, np.nan, rng.random(ROWS)).astype(np.float32), from_pandas=True),
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(made.reshape(-1)), DIM),
    }
    folder = tmp_path_factory.mktemp("db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest_build, "LEAST_ROWS", 1000)
        table = Store(folder).connect().create_table("t", pa.table(columns))
        name = nearest_build.update(folder, table, "model", 1, "")
    times = np.datetime64("2020-01-01", "us") + np.arange(RUNS) * np.timedelta64(10, "D")
    listed = pa.table(
        {
            "run": np.arange(RUNS)[::-1],
            **{key: [key] * RUNS for key in ("scene", "href", "sensor", "bands")},
            "time": times,
            "gsd": pa.array([None, *range(1, RUNS)], pa.float64()),
        }
    )
    return table, ranking.Near.of(Nearest.open(folder / name, "model"), listed, table), made, folder / name


@pytest.mark.parametrize(
    ("given", "share"),
    [
        ({}, 1.0),
        ({"time": "2020-06/2020-08"}, 0.15),
        ({"where": {"valid_min": 0.9}}, 0.1),
        ({"where": {"cloud_max": 0.5, "gsd_min": 20.0}}, 0.3),
        ({"bbox": (170, -60, -120, 60)}, 0.15),
        ({"bbox": (0, 0, 3, 60), "where": {"valid_min": 0.5}}, 0.002),
        ({"time": "1990"}, 0.0),
    ],
)
def test_proposals_agree_with_an_exact_comparison(large, monkeypatch, given, share):
    table, near, made, _ = large
    monkeypatch.setattr(nearest, "_FEW", 300)
    chosen = filters.make(**given)
    rows = table.to_arrow()
    moment = dict(zip(near.index.runs.tolist(), near.scenes["time"], strict=True))
    columns = {
        name: rows[name].to_numpy().astype(filters.TYPES[name]) for name in ("west", "south", "east", "north", "valid", "cloud")
    }
    columns["time"] = np.array([moment[run] for run in rows["run"].to_pylist()])
    columns["gsd"] = near.scenes["gsd"][np.searchsorted(near.index.runs, rows["run"].to_numpy())]
    mask = chosen.passes(columns, ROWS)
    assert mask.mean() == pytest.approx(share, abs=0.1)
    places = near.index.passing(near.alive, near.scenes, chosen)
    ids = near.index.ids if places is None else near.index.ids[places]
    passing = set(np.flatnonzero(mask).tolist())
    assert passing <= set(ids.tolist())
    assert len(ids) <= len(passing) + 3  # bounds are rounded outwards
    rng, hit, best = np.random.default_rng(5), 0, 0
    for query in made[rng.integers(0, ROWS, 20)] + 0.3 * rng.standard_normal((20, DIM)).astype(np.float32) / DIM**0.5:
        found = ranking.rank(table, query[None], 0.5, chosen, 10, near)
        scores = made @ query
        exact = sorted(passing, key=lambda row: -scores[row])[:10]
        hit, best = hit + len(set(exact) & set(found.ids[: len(exact)].tolist())), best + len(exact)
        assert found.scores.tolist() == pytest.approx(scores[found.ids].tolist(), abs=1e-5)
        assert found.complete or len(found.ids) >= 10
    assert hit >= 0.95 * best


def test_two_queries_are_mixed_by_the_moments_of_what_passes(large, monkeypatch):
    table, near, made, _ = large
    monkeypatch.setattr(nearest, "_FEW", 300)
    chosen = filters.make(where={"valid_min": 0.5})
    rng, hit = np.random.default_rng(6), 0
    for _ in range(10):
        queries = made[rng.integers(0, ROWS, 2)]
        passing = near.index.passing(near.alive, near.scenes, chosen)
        mask = table.to_arrow()["valid"].to_numpy() >= 0.5
        scores = made @ queries.T
        sampled = ranking._moments(near.index.scores(queries, near.index.sample(passing, 20_000)))
        assert sampled == pytest.approx(ranking._moments(scores[mask]), abs=0.02)
        mixed = np.where(mask, ranking.mix(scores, ranking._moments(scores[mask]), 0.4), -1)
        found = ranking.rank(table, queries, 0.4, chosen, 20, near)
        hit += len(set(np.argsort(-mixed)[:20].tolist()) & set(found.ids[:20].tolist()))
    assert hit >= 0.95 * 200


def test_components_carry_the_variance_and_bounds_do_not_shrink(large):
    table, near, made, _ = large
    arrays = near.index.arrays
    assert near.index.codes.shape[1] < DIM
    back = near.index.codes @ arrays["axes"].T + arrays["mean"]
    assert ((back - made[near.index.ids]) ** 2).sum() <= 0.002 * ((made - made.mean(axis=0)) ** 2).sum()
    exact = [table.to_arrow()[name].to_numpy()[near.index.ids] for name in nearest.EDGES]
    for stored, values, sign in zip(arrays["bounds"], exact, (1, 1, -1, -1), strict=True):
        placed = ~np.isnan(values)
        assert (np.isnan(stored) == ~placed).all()
        assert (sign * stored[placed].astype(np.float64) <= sign * values[placed]).all()


def agree(archive: Archive, encoder: FakeEncoder, indexed: bool = True) -> None:
    """What a search by the index finds is what an exact comparison finds, also under filters."""
    rows = contents(archive.path)
    assert (archive._view().near is not None) == indexed
    for words in ("red", "green blue", "yellow white"):
        scores = {name: float(vector @ encoder.text([words])[0]) for name, vector in rows.items()}
        hits = archive.search(words, k=30, merge=False, text_encoder=encoder)
        wanted = sorted(scores.values(), reverse=True)[:30]
        assert [hit.score for hit in hits] == pytest.approx(wanted, abs=1e-6)
        assert [scores[hit.id] for hit in hits] == pytest.approx(wanted, abs=1e-6)
        view = archive._view()
        for given in ({"time": "2021"}, {"where": {"valid_min": 1.0}}, {"where": {"id": list(rows)[:3]}}):
            chosen = filters.make(**given, hidden=view.generation.hidden)
            near, exact = (ranking.rank(view.tiles, encoder.text([words]), 0.5, chosen, 1000, how) for how in (view.near, None))
            assert set(near.ids.tolist()) == set(exact.ids.tolist())


def put(folder, name: str, seed: int) -> None:
    write_scene(folder / f"{name}.tif", patchwork(160, 160, 16, seed), origin=(500000.0 + 1e5 * seed, 5500000.0))


@pytest.fixture
def grown(tmp_path, encoder, monkeypatch):
    """An archive of three scenes of 25 tiles with an index, and the folder of the scenes."""
    monkeypatch.setattr(nearest_build, "LEAST_ROWS", 60)
    scenes, out = tmp_path / "scenes", tmp_path / "archive"
    scenes.mkdir()
    for seed, name in enumerate(("a", "b_20210101", "c")):
        put(scenes, name, seed)
    index([scenes], model=encoder, out=out, progress=False)
    return scenes, out


def test_the_index_follows_the_archive(grown, encoder, monkeypatch):
    scenes, out = grown
    archive = Archive.open(out)
    agree(archive, encoder)
    first = archive._view().generation.nearest
    index([scenes], model=encoder, out=out, progress=False)
    agree(archive, encoder)
    assert archive._view().generation.nearest == first  # nothing changed
    # what a killed writer has published but not indexed: one scene more, one replaced, one removed and taken in again
    with monkeypatch.context() as patch:
        patch.setattr(Tables, "tidy", lambda self: None)
        put(scenes, "d_20210601", 7)
        index([scenes], model=encoder, out=out, progress=False)
        agree(archive, encoder)
        put(scenes, "a", 8)
        index([scenes], model=encoder, out=out, progress=False)
        agree(archive, encoder)
        archive.remove(str(scenes / "c.tif"))
        agree(archive, encoder)
        index([scenes], model=encoder, out=out, progress=False)
        agree(archive, encoder)
        assert len(archive) == 100
        assert archive._view().generation.nearest == first
        assert archive._view().near.fresh
    index([scenes], model=encoder, out=out, progress=False)
    agree(archive, encoder)
    view = archive._view()
    assert view.generation.nearest != first
    assert len(view.near.index) == 100
    assert not view.near.fresh
    archive.remove(str(scenes / "d_20210601.tif"))
    archive.remove(str(scenes / "a.tif"))
    agree(archive, encoder)
    (scenes / "a.tif").unlink()
    (scenes / "d_20210601.tif").unlink()
    index([scenes], model=encoder, out=out, progress=False)
    agree(archive, encoder, indexed=False)  # too few rows


def test_re_embedding_makes_another_index(grown, encoder):
    _, out = grown
    archive = Archive.open(out)
    first = archive._view().generation.nearest
    other = FakeEncoder(dim=8, seed=5)
    index((), model=other, out=out, re_embed=True, progress=False)
    agree(archive, other)
    assert archive._view().generation.nearest != first
    with pytest.raises(ArchiveError, match="another model"):
        Nearest.open(out / first, archive.model.hash)


def test_lists_are_made_anew_when_the_archive_has_grown(grown, encoder):
    scenes, out = grown
    archive = Archive.open(out)
    put(scenes, "d", 20)
    index([scenes], model=encoder, out=out, progress=False)
    assert archive._view().near.index.meta.trained == 75
    for seed in range(21, 25):
        put(scenes, f"e{seed}", seed)
    index([scenes], model=encoder, out=out, progress=False)
    agree(archive, encoder)
    assert archive._view().near.index.meta.trained == 200


@pytest.mark.parametrize("damage", ["gone", "meta", "empty", "short", "longer", "sum"])
def test_a_damaged_index_is_noticed_and_made_anew(grown, encoder, damage):
    scenes, out = grown
    folder = out / Store(out).state().live.nearest
    if damage == "gone":
        shutil.rmtree(folder)
    elif damage == "meta":
        (folder / "meta.json").write_text('{"format": 1}')
    elif damage == "empty":
        (folder / "codes.npy").write_bytes(b"")
    elif damage == "short":
        whole = (folder / "codes.npy").read_bytes()
        (folder / "codes.npy").write_bytes(whole[:-5])
    elif damage == "longer":
        np.save(folder / "ids.npy", np.arange(76))
    else:
        whole = bytearray((folder / "centres.npy").read_bytes())
        whole[-1] ^= 1
        (folder / "centres.npy").write_bytes(bytes(whole))
    archive = Archive.open(out)
    with pytest.warns(UserWarning, match="geoglot index"):
        agree(archive, encoder, indexed=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agree(archive, encoder, indexed=False)  # said once
        index([scenes], model=encoder, out=out, progress=False)
        agree(archive, encoder)


@pytest.mark.parametrize("name", ["codes", "ids", "bounds", "valid", "cloud", "by_scene"])
def test_flipped_bytes_never_show_wrong_rows(grown, encoder, name):
    _, out = grown
    path = out / Store(out).state().live.nearest / f"{name}.npy"
    rows = contents(out)
    rng = np.random.default_rng(1)
    whole = bytearray(path.read_bytes())
    for at in rng.integers(128, len(whole), 60):
        whole[at] = rng.integers(256)
    path.write_bytes(bytes(whole))
    archive = Archive.open(out)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for given in ({}, {"time": "2021"}, {"where": {"valid_min": 1.0}}):
            hits = archive.search("red", k=50, merge=False, text_encoder=encoder, **given)
            assert len({hit.id for hit in hits}) == len(hits)
            for hit in hits:
                assert hit.score == pytest.approx(float(rows[hit.id] @ encoder.text(["red"])[0]), abs=1e-6)
                assert "time" not in given or hit.time.year == 2021
                assert hit.valid == 1.0


def test_what_killed_writers_left_is_deleted(grown, encoder):
    scenes, out = grown
    named = Store(out).state().live.nearest
    (out / "nearest_1_5_abc.part").mkdir()
    shutil.copytree(out / named, out / "nearest_1_7_def")
    index([scenes], model=encoder, out=out, progress=False)
    assert sorted(path.name for path in out.glob("nearest_*")) == sorted([named, "nearest_1_7_def"])  # a reader may have it open
    nearest_build.clean(out, {named}, timedelta(0))
    assert [path.name for path in out.glob("nearest_*")] == [named]


def test_an_archive_from_before_stable_row_ids_is_still_read(tmp_path, encoder, monkeypatch):
    from dataclasses import replace

    from geoglot.archive.store import State, Writer

    monkeypatch.setattr(nearest_build, "LEAST_ROWS", 20)
    scenes, out = tmp_path / "scenes", tmp_path / "archive"
    scenes.mkdir()
    put(scenes, "a", 1)
    create = Writer._create
    monkeypatch.setattr("geoglot.archive.store._STABLE", {})
    monkeypatch.setattr(Writer, "_create", lambda *given: replace(create(*given), stable=False))
    index([scenes], model=encoder, out=out, progress=False)
    archive = Archive.open(out)
    agree(archive, encoder, indexed=False)
    old = State.parse(
        '{"schema": 1, ' + archive._store.state().text().split(", ", 1)[1].replace(', "stable": false, "nearest": ""', "")
    )
    assert old == archive._store.state()
