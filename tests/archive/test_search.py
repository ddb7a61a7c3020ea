"""Search: by words, image, both and examples; merging; WeiCom's figures; approximate against exact."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import shapely
from archive_kit import coloured, write_scene

from geoglot.archive import Archive, ann, filters, index, ranking
from geoglot.archive.store import Store
from geoglot.archive.view import shared
from geoglot.core.errors import InputError, NotFoundError
from geoglot.geo.scene import Scene
from geoglot.tasks.retrieve import retrieve


@pytest.fixture
def archive(folder, tmp_path, encoder):
    index([folder], model=encoder, out=tmp_path / "archive", progress=False)
    return Archive.open(tmp_path / "archive")


def names(hits):
    return [hit.scene.rsplit("/", 1)[1].split("_")[0] for hit in hits]


def test_words_find_what_they_say(archive, encoder):
    for colour, count in (("red", 12), ("green", 4), ("blue", 4)):
        hits = archive.search(colour, k=count, text_encoder=encoder)
        assert set(names(hits)) == {colour}
        assert [hit.rank for hit in hits] == list(range(1, count + 1))
        assert all(a.score >= b.score for a, b in pairwise(hits))
        assert -1 <= hits[-1].score <= hits[0].score <= 1 + 1e-6


def test_scores_are_exact_cosines(archive, encoder):
    query = encoder.text(["green"])[0]
    hits = archive.search("green", k=100, merge=False, text_encoder=encoder)
    assert len(hits) == 21
    tiles = archive._view().tiles.to_arrow()
    vectors = dict(zip(tiles["id"].to_pylist(), tiles["vector"].to_pylist(), strict=True))
    for hit in hits:
        assert hit.score == pytest.approx(float(np.dot(vectors[hit.id], query)), abs=1e-6)


def test_filters_reach_the_store(archive, encoder):
    assert set(names(archive.search("red", time="2021", text_encoder=encoder))) == {"blue"}
    assert set(names(archive.search("red", time="2020-06/..", text_encoder=encoder))) == {"green", "blue"}
    assert set(names(archive.search("red", where={"gsd_min": 15}, text_encoder=encoder))) == {"blue"}
    (green,) = [row for row in archive.scenes() if "green" in row["scene"]]
    area = green["geometry"].buffer(-1e-4)
    assert set(names(archive.search("red", bbox=area.bounds, text_encoder=encoder))) == {"green"}
    assert set(names(archive.search("red", within=area, text_encoder=encoder))) == {"green"}
    assert archive.search("red", bbox=(100, 0, 101, 1), text_encoder=encoder) == []
    corner = shapely.box(*area.bounds).centroid.buffer(1e-4)
    assert len(archive.search("red", within=corner, text_encoder=encoder)) in (1, 2, 4)


def test_area_from_a_file(archive, encoder, tmp_path):
    (green,) = [row for row in archive.scenes() if "green" in row["scene"]]
    (tmp_path / "area.geojson").write_text(shapely.to_geojson(green["geometry"].buffer(-1e-4)))
    assert set(names(archive.search("red", within=tmp_path / "area.geojson", text_encoder=encoder))) == {"green"}


def test_an_image_finds_its_like(archive, encoder, folder):
    chip = coloured(50, 70, (0, 0, 1), 77)
    for image in (chip, chip.transpose(1, 2, 0), chip.astype(np.float32) / 255, folder / "blue_20210301.tif"):
        assert set(names(archive.search(image=image, k=4, model=encoder))) == {"blue"}
    with Scene.open(folder / "blue_20210301.tif") as scene:
        assert set(names(archive.search(image=scene.display(), k=4, model=encoder))) == {"blue"}
        assert set(names(archive.search(image=scene.read(), k=4, model=encoder))) == {"blue"}
    for wrong in (np.zeros((4, 5), np.uint8), np.full((3, 5, 5), 7.0), np.full((3, 5, 5), np.nan)):
        with pytest.raises(InputError, match="image"):
            archive.search(image=wrong, model=encoder)


def test_examples_find_their_like_but_not_themselves(archive, encoder):
    (best,) = archive.search("green", k=1, text_encoder=encoder)
    hits = archive.search(like=[best.id], k=3)
    assert names(hits) == ["green"] * 3
    assert best.id not in {hit.id for hit in hits}
    with pytest.raises(NotFoundError, match="no row"):
        archive.search(like=["nothing"])
    mixed = archive.search("blue", like=[best.id], k=6, weight=0.5, text_encoder=encoder)
    assert {"green", "blue"} <= set(names(mixed))


def test_queries_that_make_no_sense(archive, encoder):
    for wrong in ({}, {"text": "  "}, {"text": "red", "k": 0}, {"text": "red", "weight": 2.0}, {"text": "red", "k": 10**9}):
        with pytest.raises(InputError):
            archive.search(**wrong, text_encoder=encoder)


def test_words_and_image_are_mixed_as_weicom_does(archive, encoder):
    chip = coloured(32, 32, (0, 1, 0), 5)
    where = {"gsd_max": 15.0}
    hits = archive.search("red", image=chip, weight=0.3, k=100, merge=False, where=where, text_encoder=encoder, model=encoder)
    tiles = archive._view().tiles.search().where("gsd <= 15.0").to_arrow()
    vectors = np.array(tiles["vector"].to_pylist())
    text = vectors @ encoder.text(["red"])[0]
    image = vectors @ encoder.encode(chip[None].astype(np.float32) / 255, np.ones((1, 32, 32), bool), np.ones(1))[0]

    def phi(scores):
        z = (scores - scores.mean()) / scores.std()
        return np.array([0.5 * (1 + math.erf(value / math.sqrt(2))) for value in z])

    wanted = dict(zip(tiles["id"].to_pylist(), 0.7 * phi(image) + 0.3 * phi(text), strict=True))
    assert len(hits) == len(wanted) == 17
    for hit in hits:
        assert hit.score == pytest.approx(wanted[hit.id], abs=1e-5)
    only_text = archive.search("red", image=chip, weight=1.0, k=12, text_encoder=encoder, model=encoder)
    assert set(names(only_text)) == {"red"}
    only_image = archive.search("red", image=chip, weight=0.0, k=4, text_encoder=encoder, model=encoder)
    assert set(names(only_image)) == {"green"}


def test_equal_scores_do_not_divide_by_zero():
    assert ranking.normal(np.full(3, 0.4, np.float32), 0.4, 0.0).tolist() == [0.5] * 3


def test_overlapping_hits_of_a_scene_are_one(tmp_path, encoder):
    path = write_scene(tmp_path / "a.tif", coloured(32, 160, (1, 0, 0)))
    later = write_scene(tmp_path / "b_20210101.tif", coloured(32, 160, (1, 0, 0)))
    index([path, later], model=encoder, out=tmp_path / "archive", overlap=0.5, progress=False)
    archive = Archive.open(tmp_path / "archive")
    apart = archive.search("red", k=50, merge=False, text_encoder=encoder)
    assert len(apart) == 18
    hits = archive.search("red", k=50, text_encoder=encoder)
    assert {hit.scene for hit in hits} == {str(path), str(later)}
    for hit in hits:
        for other in hits:
            assert hit is other or hit.scene != other.scene or shared(hit.window, other.window) <= 0.25
    # each hit that went overlaps a better one
    kept = {hit.id for hit in hits}
    for hit in apart:
        better = [other for other in hits if other.scene == hit.scene and other.score >= hit.score]
        assert hit.id in kept or any(shared(hit.window, other.window) > 0.25 for other in better)


def test_shared():
    assert shared((0, 0, 10, 10), (0, 5, 10, 10)) == 0.5
    assert shared((0, 0, 10, 10), (0, 10, 10, 10)) == 0
    assert shared((0, 0, 10, 10), (2, 2, 4, 4)) == 1
    assert shared((0, 0, 10, 10), (30, 30, 4, 4)) == 0


@pytest.fixture(scope="module")
def clusters(tmp_path_factory):
    """A table of clustered unit vectors with the database's own index, as ingest makes it on object storage."""
    import pyarrow as pa

    rng = np.random.default_rng(3)
    centres = rng.standard_normal((60, 32))
    made = centres[rng.integers(0, 60, 24_000)] + 0.4 * rng.standard_normal((24_000, 32))
    made = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    columns = {
        "id": [str(i) for i in range(len(made))],
        "group": np.arange(len(made)) % 3,
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(made.reshape(-1)), 32),
    }
    table = Store(tmp_path_factory.mktemp("db")).connect().create_table("t", pa.table(columns))
    ann.build(table)
    assert ann.indexed(table)
    return table, made


@pytest.mark.parametrize("where", ["", '"group" = 1'])
@pytest.mark.parametrize("both", [False, True])
def test_approximate_search_agrees_with_exact(clusters, where, both, monkeypatch):
    table, made = clusters
    rng = np.random.default_rng(4)
    chosen = filters.Filter((filters.Condition(where, ("group",), lambda rows: rows["group"] == 1),) if where else ())
    found, k = [], 20
    for _ in range(10):
        queries = made[rng.integers(0, len(made), 1 + both)] + 0.2 * rng.standard_normal((1 + both, 32))
        queries = (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32)
        monkeypatch.setattr(ann, "EXACT_ROWS", 10**9)
        exact = ranking.rank(table, queries, 0.5, chosen, k)
        monkeypatch.setattr(ann, "EXACT_ROWS", 1000)
        near = ranking.rank(table, queries, 0.5, chosen, k)
        assert exact.complete
        assert not near.complete
        found.append(len(set(exact.ids[:k].tolist()) & set(near.ids[:k].tolist())) / k)
        scores = dict(zip(exact.ids.tolist(), exact.scores.tolist(), strict=True))
        if not both:  # scores of candidates are exact, too
            assert [scores[i] for i in near.ids[:k].tolist()] == pytest.approx(near.scores[:k].tolist(), abs=1e-5)
    assert np.mean(found) >= 0.95


def test_retrieve_needs_no_archive(folder, encoder):
    hits = retrieve(encoder, folder, "green", k=4)
    assert set(names(hits)) == {"green"}
    assert hits[0].grid is not None


def test_words_need_neither_torch_nor_transformers(archive, tmp_path):
    code = (
        "import sys\n"
        "import geoglot as gg\n"
        "assert not {'torch', 'lancedb', 'rasterio'} & set(sys.modules), 'import geoglot is heavy'\n"
        "from archive_kit import FakeEncoder\n"
        f"hits = gg.Archive.open({archive.path!r}).search('red', k=3, text_encoder=FakeEncoder())\n"
        "assert len(hits) == 3\n"
        f"hits.write({str(tmp_path / 'hits.geojson')!r})\n"
        f"hits.contact_sheet({str(tmp_path / 'hits.png')!r})\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=_environment(), check=False)
    assert done.returncode == 0, done.stderr


def _environment():
    return os.environ | {"PYTHONPATH": ":".join(path for path in sys.path if path)}
