"""Cloud masks with a head that goes by brightness: what a mask holds, what is refused, how tiles are scored and left out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS

import cloud_kit
import geoglot as gg
from geoglot.archive import Archive, index
from geoglot.core.errors import InputError, ModelError, NotFoundError, RasterError
from geoglot.core.protocols import VectorScorer
from geoglot.models import cloud as parts
from geoglot.models.dual import DualModel
from geoglot.tasks.cloud import cloud, cloud_all, scorer
from segment_kit import Painter

QUIET = {"progress": False}


@pytest.fixture
def model(tmp_path: Path) -> DualModel:
    return cloud_kit.model(tmp_path)


@pytest.fixture
def head(tmp_path: Path) -> Path:
    return tmp_path / "head.safetensors"


def inside(values: np.ndarray) -> tuple[int, int, int]:
    """Values within the white field, the black one and the ground, away from their edges."""
    return int(values[48, 48]), int(values[48, 144]), int(values[140, 60])


def test_a_mask_holds_cloud_shadow_and_clear(tmp_path: Path, model: DualModel, head: Path) -> None:
    found = cloud(model, cloud_kit.scene(tmp_path, nodata=7), out=tmp_path / "m.tif", head=head, **QUIET)
    with rasterio.open(tmp_path / "m.tif") as file:
        values = file.read(1)
        assert (file.nodata, file.tags()["CLASS_0"], file.tags()["CLASS_1"], file.tags()["CLASS_2"]) == (
            255, "clear", "cloud", "shadow",
        )  # fmt: skip
        assert file.colormap(1)[1][:3] == (242, 242, 242)
        assert file.crs == CRS.from_epsg(32631)
    assert inside(values) == (1, 2, 0)
    assert (values[-28:, -28:] == 255).all()
    assert (values[20:76, 20:76] == 1).all()
    assert [row["label"] for row in found.rows()] == ["cloud", "shadow", "clear"]
    assert sum(row["share"] for row in found.rows()) == pytest.approx(1)
    assert found.rows()[0]["share"] == pytest.approx(64 * 64 / (176 * 208 - 32 * 32), rel=0.15)
    assert "clear" in found._repr_html_()


def test_windows_do_not_show(tmp_path: Path, model: DualModel, head: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cloud_kit.scene(tmp_path)
    whole = cloud(model, path, head=head, **QUIET).read()
    monkeypatch.setattr("geoglot.models.dual.WINDOW", 96)
    monkeypatch.setattr("geoglot.models.dual.MARGIN", 16)
    parts_of_it = cloud(model, path, head=head, **QUIET).read()
    assert (whole == parts_of_it).mean() > 0.999


def test_many_scenes_broken_ones_and_radar(tmp_path: Path, model: DualModel, head: Path) -> None:
    files = [cloud_kit.scene(tmp_path, name) for name in ("a.tif", "b.tif")]
    (tmp_path / "c.tif").write_bytes(b"II*\0 nothing of use")
    made = cloud_all(model, [*files, tmp_path / "c.tif"], out=tmp_path / "masks", head=head, **QUIET)
    assert sorted(path.name for path in (tmp_path / "masks").glob("*.tif")) == ["a.tif", "b.tif"]
    assert [Path(source).name for source, _ in made.skipped] == ["c.tif"]
    with pytest.raises(RasterError, match="sees through clouds"):
        cloud(model, files[0], head=head, sensor="sentinel-1", bands=["VV", "VH", "HH"], **QUIET)


def test_what_makes_no_sense_is_told_before_any_work(tmp_path: Path, model: DualModel, head: Path) -> None:
    path = cloud_kit.scene(tmp_path)

    def never() -> DualModel:
        raise AssertionError("the model was loaded")

    with pytest.raises(InputError, match="says the format"):
        cloud(never, path, out="mask.jpg")
    with pytest.raises(NotFoundError, match="no cloud head"):
        cloud(never, path, head=tmp_path / "none.safetensors")
    with pytest.raises(InputError, match="use cloud_all"):
        cloud(never, [path, cloud_kit.scene(tmp_path, "b.tif")])
    with pytest.raises(ModelError, match="has no cloud head"):
        cloud(Painter(), path, **QUIET)
    with pytest.raises(ModelError, match="made for a model of hash"):
        cloud(model, path, **QUIET)  # the head that comes with nano is not that of a model of the same name
    with pytest.raises(ModelError, match="holds no cloud head"):
        cloud(model, path, head=tmp_path / "tiny.safetensors", **QUIET)


def test_a_head_of_another_model_is_refused(tmp_path: Path, model: DualModel, head: Path) -> None:
    found = parts.restore(head)
    other = parts.CloudParts(found.head, found.tile, parts.CloudCard("another"))
    parts.save(other, tmp_path / "other.safetensors", model.spec)
    with pytest.raises(ModelError, match="made for a model of hash another"):
        parts.open_masker(model, tmp_path / "other.safetensors")


def test_scorers(tmp_path: Path, model: DualModel, head: Path) -> None:
    tiles = np.full((2, 3, 32, 32), 0.5, np.float32)
    tiles[0, :, :16] = 1.0
    valid = np.ones((2, 32, 32), bool)
    by_mask = scorer(model, "mask", head)
    assert not isinstance(by_mask, VectorScorer)
    assert by_mask.score(tiles, valid) == pytest.approx([0.5, 0.0], abs=0.15)
    valid[0, 16:] = False  # only the white half was observed
    assert by_mask.score(tiles, valid)[0] == pytest.approx(1.0, abs=0.2)
    for by in ("vector", "words"):
        made = scorer(model, by, head)
        assert isinstance(made, VectorScorer)
        shares = made.of_vectors(np.eye(16, dtype=np.float32))
        assert shares.shape == (16,)
        assert ((shares > 0) & (shares < 1)).all()
    with pytest.raises(InputError, match="vector, mask, words"):
        scorer(model, "guess")


class Half:
    """Calls every other tile overcast."""

    def of_vectors(self, vectors: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(vectors)) % 2, 0.9, 0.1).astype(np.float32)


@pytest.mark.parametrize("most", [0.3, 1.0])
def test_an_archive_keeps_the_share_of_its_tiles(tmp_path: Path, most: float) -> None:
    path = cloud_kit.scene(tmp_path)
    told = index([path], model=Painter(), out=tmp_path / "archive", tile=32, cloud=Half(), max_cloud=most, progress=False)
    archive = Archive.open(tmp_path / "archive")
    assert told.cloudy + told.tiles == 42
    assert (told.cloudy > 0) == (most < 0.5)
    hits, total = archive.tiles(where={"cloud_max": 0.5})
    assert total == 21
    assert all(hit.cloud == pytest.approx(0.1) for hit in hits)
    vector = archive.vectors([hits[0].id])
    assert len(archive.find(vector, k=50, where={"cloud_max": 0.5}, merge=False)) == 21


def test_an_archive_that_does_not_know_says_what_to_do(tmp_path: Path) -> None:
    index([cloud_kit.scene(tmp_path)], model=Painter(), out=tmp_path / "archive", progress=False)
    archive = Archive.open(tmp_path / "archive")
    vector = np.full((1, 4), 0.5, np.float32)
    with pytest.raises(InputError, match="--re-embed --max-cloud"):
        archive.find(vector, where={"cloud_max": 0.5})
    with pytest.raises(InputError, match="share from 0 to 1"):
        index([tmp_path / "a.tif"], model=Painter(), out=tmp_path / "other", cloud=Half(), max_cloud=30)


def test_the_shipped_head_is_of_the_shipped_model() -> None:
    found = parts.parts_of(gg.load("nano").spec)
    assert 0 < found.card.present < 1
    assert found.card.figures["val IoU cloud"] > 70
    assert json.dumps(found.card.figures)
