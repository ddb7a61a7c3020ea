"""STAC items, static catalogues and search services on loopback as sources of scenes."""

import json

import numpy as np
import pytest
from affine import Affine
from serving import serve

from geoglot.core.errors import InputError, NetworkError, NotFoundError, RasterError
from geoglot.geo import sources, stac
from geoglot.geo.files import fingerprint
from geoglot.geo.items import ItemEntry
from geoglot.geo.scene import Scene

TIFF = "image/tiff; application=geotiff; profile=cloud-optimized"
EO = "https://stac-extensions.github.io/eo/v1.1.0/schema.json"
RASTER = "https://stac-extensions.github.io/raster/v1.1.0/schema.json"


def item(name, assets, bbox=(2.9, 44.9, 3.1, 45.2), time="2020-08-31T10:50:31Z", version="1.0.0", collection="s2", **properties):
    w, s, e, n = bbox
    ring = [[w, s], [e, s], [e, n], [w, n], [w, s]]
    return {
        "type": "Feature", "stac_version": version, "stac_extensions": [EO, RASTER], "id": name, "collection": collection,
        "geometry": {"type": "Polygon", "coordinates": [ring]}, "bbox": list(bbox),
        "properties": {"datetime": time, "platform": "sentinel-2a", **properties}, "links": [], "assets": assets,
    }  # fmt: skip


@pytest.fixture
def bands(make, ramp):
    """Files B02, B03, B04 (10 m) and B11 (20 m), a picture TCI and a cloud mask."""
    for name in ("B02", "B03", "B04"):
        make(ramp(1, 100, 100, "uint16", 0, 3000), f"{name}.tif")
    make(ramp(1, 50, 50, "uint16", 0, 3000), "B11.tif", transform=Affine(20, 0, 500000, 0, -20, 5000000))
    make(ramp(1, 50, 50, "uint8", 0, 10), "SCL.tif", transform=Affine(20, 0, 500000, 0, -20, 5000000))
    return make(ramp(3, 100, 100, "uint8", 0, 255), "TCI.tif", photometric="RGB").parent


def old_assets(href=""):
    def one(name, common, micrometres, offset=-0.1):
        band = {"name": name, "common_name": common, "center_wavelength": micrometres}
        scaled = {"scale": 0.0001, "offset": offset, "spatial_resolution": 20 if name == "B11" else 10}
        return {"href": f"{href}{name}.tif", "type": TIFF, "roles": ["data"], "eo:bands": [band], "raster:bands": [scaled]}

    return {
        "thumbnail": {"href": f"{href}thumb.png", "type": "image/png", "roles": ["thumbnail"]},
        "swir16": one("B11", "swir16", 1.61),
        "blue": one("B02", "blue", 0.49),
        "green": one("B03", "green", 0.56),
        "red": one("B04", "red", 0.665),
        "scl": {"href": f"{href}SCL.tif", "type": TIFF, "roles": ["data"], "raster:bands": [{"nodata": 0}]},
        "visual": {"href": f"{href}TCI.tif", "type": TIFF, "roles": ["visual"]},
        "red-jp2": {**one("B04", "red", 0.665), "href": f"{href}B04.jp2", "type": "image/jp2"},
        "metadata": {"href": f"{href}m.xml", "type": "application/xml", "roles": ["metadata"]},
    }


def new_assets():
    """STAC 1.1: common bands, with scale and offset beside them."""
    made = {}
    for key, name in (("swir16", "B11"), ("blue", "B02"), ("green", "B03"), ("red", "B04")):
        band = {"name": name, "eo:common_name": key, "raster:scale": 0.0001, "raster:offset": -0.1}
        made[key] = {
            "href": f"./{name}.tif",
            "type": TIFF,
            "roles": ["data"],
            "gsd": 20 if name == "B11" else 10,
            "bands": [band],
        }
    return made


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_an_item_becomes_a_scene_with_its_bands_scaling_sensor_and_time(bands, version):
    path = bands / "item.json"
    path.write_text(json.dumps(item("S2A_31", old_assets("./") if version == "1.0.0" else new_assets(), version=version)))
    (entry,) = stac.entries(path)
    assert isinstance(entry, ItemEntry)
    assert entry.id == "s2/S2A_31"
    scene = entry.open()
    assert scene.id == "s2/S2A_31"
    assert scene.sensor.id == "sentinel-2"
    assert scene.time.isoformat() == "2020-08-31T10:50:31+00:00"
    assert [band.common for band in scene.bands] == ["swir16", "blue", "green", "red"]
    assert {(band.scale, band.offset) for band in scene.bands} == {(0.0001, -0.1)}
    assert scene.shape == (100, 100)  # of the files that are shown, not of the first
    assert scene.gsd == pytest.approx(10, rel=1e-3)
    raster = scene.display(window=(10, 10, 50, 50))
    red = Scene.open(bands / "B04.tif").read(window=(10, 10, 50, 50)).data[0]
    wanted = np.clip((red * 1e-4 - 0.1) / 0.3, 0, 1) ** (1 / 1.2)
    assert np.allclose(raster.data[0], wanted, atol=1e-4)
    assert scene.read(bands=["swir16", "red"]).data.shape == (2, 100, 100)
    assert entry.fingerprint() == scene.fingerprint


def test_bands_of_an_item_are_chosen_by_asset_name_or_common_name(bands):
    (bands / "item.json").write_text(json.dumps(item("a", old_assets("./"))))
    (entry,) = stac.entries(bands / "item.json")
    assert [band.name for band in entry.open(bands=["red", "B03"]).bands] == ["B04", "B03"]
    assert entry.open(sensor="landsat-8", time="2001-01-01").time.year == 2001
    with pytest.raises(InputError, match="no band 'purple'; it has B11"):
        entry.open(bands=["purple"])


def test_an_item_without_bands_shows_its_picture(bands):
    assets = {key: value for key, value in old_assets("./").items() if key in ("visual", "thumbnail", "metadata")}
    (bands / "item.json").write_text(json.dumps(item("a", assets)))
    (entry,) = stac.entries(bands / "item.json")
    scene = entry.open()
    assert len(scene.bands) == 3
    assert scene.display().data.max() > 0.5
    assert scene.id == "s2/a"
    assert scene.time.year == 2020


def test_one_asset_with_many_bands_and_one_whose_bands_nobody_tells(make, ramp):
    naip = make(ramp(4, 50, 50, "uint8", 0, 255), "naip.tif")
    colours = [{"name": name, "common_name": name.lower()} for name in ("Red", "Green", "Blue", "NIR")]
    told = {"image": {"href": "./naip.tif", "type": TIFF, "eo:bands": colours}}
    for name, assets in (("told", told), ("untold", {"image": {"href": "./naip.tif", "roles": ["data"]}})):
        (naip.parent / f"{name}.json").write_text(json.dumps(item(name, assets, collection="naip", platform=None)))
        (entry,) = stac.entries(naip.parent / f"{name}.json")
        scene = entry.open()
        assert scene.sensor.id == "naip"
        assert [band.common for band in scene.bands] == ["red", "green", "blue", "nir"]
        assert scene.read().data.shape == (4, 50, 50)


def test_radar_assets_are_found_by_their_polarisation(make, ramp):
    for name in ("vv", "vh"):
        make(ramp(1, 50, 50, "float32", 0.01, 0.4), f"{name}.tif")
    folder = make(ramp(), "mask.tif").parent
    assets = {name: {"href": f"./{name}.tif", "type": TIFF, "roles": ["data"]} for name in ("vv", "vh", "mask")}
    (folder / "item.json").write_text(json.dumps(item("a", assets, platform="sentinel-1a", collection="sentinel-1-rtc")))
    (entry,) = stac.entries(folder / "item.json")
    scene = entry.open()
    assert [band.name.lower() for band in scene.bands] == ["vv", "vh"]
    assert scene.sensor.id == "sentinel-1"
    assert scene.display().data.max() <= 1


def test_values_that_have_had_their_offset_applied_are_not_shifted_again(bands):
    made = item("a", old_assets("./"), **{"earthsearch:boa_offset_applied": True})
    (bands / "item.json").write_text(json.dumps(made))
    (entry,) = stac.entries(bands / "item.json")
    assert {band.offset for band in entry.open().bands} == {0.0}


def test_the_fingerprint_follows_updated_and_asks_no_remote_file(bands):
    with serve(bands) as served:
        made = item("a", old_assets(f"{served.url}/"), updated="2021-01-01T00:00:00Z")

        def entry_of(value):
            (bands / "item.json").write_text(json.dumps(value))
            (entry,) = stac.entries(bands / "item.json")
            return entry

        first = entry_of(made).fingerprint()
        assert entry_of(made).fingerprint() == first
        made["assets"]["red"]["href"] += "?signature=1"
        assert entry_of(made).fingerprint() == first
        assert served.log == []
        made["properties"]["updated"] = "2022-01-01T00:00:00Z"
        assert entry_of(made).fingerprint() != first
        del made["properties"]["updated"]
        bare = entry_of(made).fingerprint()
        made["assets"]["red"]["href"] = made["assets"]["red"]["href"].replace("=1", "=2")
        assert entry_of(made).fingerprint() == bare
        made["properties"]["eo:cloud_cover"] = 3
        assert entry_of(made).fingerprint() != bare


def test_a_scene_is_opened_again_from_its_record(bands):
    (bands / "item.json").write_text(json.dumps(item("a", old_assets("./"))))
    (entry,) = stac.entries(bands / "item.json")
    scene = entry.open()
    again = Scene.from_record(json.loads(json.dumps(scene.record())))
    assert (again.id, again.bands, again.layers) == (scene.id, scene.bands, scene.layers)
    assert (again.time, again.sensor) == (scene.time, scene.sensor)
    assert again.fingerprint == scene.fingerprint
    assert again.grid == scene.grid
    plain = Scene.open(bands / "B04.tif")
    assert Scene.from_record(plain.record()).fingerprint == plain.fingerprint == fingerprint((plain.href,))


def catalogue(folder, broken=True):
    """A static catalogue with a collection, three items, and some that are broken."""
    parts = folder / "items"
    parts.mkdir(exist_ok=True)
    places = {"west": (-10.2, 44.9, -10.0, 45.2), "here": (2.9, 44.9, 3.1, 45.2), "dateline": (179.9, 44.9, -179.9, 45.2)}
    years = {"west": 2018, "here": 2020, "dateline": 2021}
    links = []
    for name, bbox in places.items():
        made = item(name, old_assets("../"), bbox, f"{years[name]}-06-01T00:00:00Z")
        if name == "dateline":
            left, right = [[179.9, 45], [180, 45], [180, 45.2], [179.9, 45]], [[-180, 45], [-179.9, 45], [-180, 45.2], [-180, 45]]
            made["geometry"] = {"type": "MultiPolygon", "coordinates": [[left], [right]]}
        (parts / f"{name}.json").write_text(json.dumps(made))
        links.append({"rel": "item", "href": f"./{name}.json"})
    if broken:
        (parts / "text.json").write_text("this is not JSON")
        (parts / "empty.json").write_text(json.dumps(item("empty", {})))
        links += [{"rel": "item", "href": f"./{name}.json"} for name in ("text", "gone", "empty")]
    extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [["2018-01-01T00:00:00Z", None]]}}
    collection = {
        "type": "Collection", "stac_version": "1.0.0", "id": "s2", "description": "x", "license": "proprietary",
        "extent": extent, "links": [*links, {"rel": "parent", "href": "../catalog.json"}],
    }  # fmt: skip
    (parts / "collection.json").write_text(json.dumps(collection))
    links = [{"rel": rel, "href": f"./{name}.json"} for rel, name in (("child", "items/collection"), ("child", "catalog"))]
    top = {"type": "Catalog", "stac_version": "1.0.0", "id": "top", "description": "x", "links": links}
    (folder / "catalog.json").write_text(json.dumps(top))
    return folder / "catalog.json"


def names(found):
    return [entry.id.split("/")[-1] for entry in found if isinstance(entry, ItemEntry)]


@pytest.mark.parametrize("where", ["file", "folder", "http"])
def test_a_static_catalogue_is_walked_and_its_broken_items_are_told(bands, where):
    path = catalogue(bands)
    with serve(bands) as served:
        place = {"file": path, "folder": bands, "http": f"{served.url}/catalog.json"}[where]
        found = list(stac.entries(place))
        assert names(found) == ["west", "here", "dateline", "empty"]
        broken = {href.split("/")[-1]: error for href, error in (entry for entry in found if isinstance(entry, tuple))}
        assert set(broken) == {"text.json", "gone.json"}
        assert isinstance(broken["text.json"], InputError)
        assert isinstance(broken["gone.json"], NotFoundError)
        scenes = [entry for entry in found if isinstance(entry, ItemEntry)]
        assert scenes[1].open().read(window=(0, 0, 5, 5)).valid.all()
        with pytest.raises(RasterError, match="no raster assets"):
            scenes[3].open()


def test_items_are_chosen_by_place_and_time(bands):
    path = catalogue(bands, broken=False)
    assert names(stac.entries(path, bbox=(2, 44, 4, 46))) == ["here"]
    assert names(stac.entries(path, bbox=(-179.95, 44, -179, 46))) == ["dateline"]
    assert names(stac.entries(path, bbox=(179, 44, -179, 46))) == ["dateline"]
    assert names(stac.entries(path, between="2020-01-01/..")) == ["here", "dateline"]
    assert names(stac.entries(path, between="../2020-06-01")) == ["west", "here"]
    assert names(stac.entries(path, between="2020-06")) == ["here"]
    assert names(stac.entries(path, collections=["other"])) == []
    assert list(stac.entries(path, between="2010/2012")) == []  # the collection's extent tells: no item is read
    with pytest.raises(InputError):
        list(stac.entries(path, bbox=(2, 46, 4, 44)))
    with pytest.raises(InputError):
        list(stac.entries(path, between="soon"))


def test_a_search_service_is_asked_page_by_page(bands):
    made = [item(f"i{n}", old_assets("FILL/"), (n, 44.9, n + 0.5, 45.2), f"20{10 + n}-06-01T00:00:00Z") for n in range(7)]
    made.insert(3, {"type": "Feature", "id": "wrong", "bbox": [3, 44, 3, 45], "properties": {"datetime": "2013-06-01T00:00:00Z"}})
    with serve(bands, made, page=3) as served:
        for entry in made:
            for asset in entry.get("assets", {}).values():
                asset["href"] = asset["href"].replace("FILL", served.url)
        walk = stac.entries(f"{served.url}/api")
        first = next(walk)
        assert len(served.requests("/api/search")) == 1  # the next page is not asked for before it is wanted
        rest = list(walk)
        assert names([first, *rest]) == [f"i{n}" for n in range(7)]
        assert [type(error) for _, error in (entry for entry in rest if isinstance(entry, tuple))] == [RasterError]
        assert len(served.requests("/api/search", "POST")) == 3
        assert first.open().read(window=(0, 0, 4, 4)).valid.all()
        assert names(stac.entries(f"{served.url}/api", bbox=(1.2, 44, 2.1, 46))) == ["i1", "i2"]
        assert names(stac.entries(f"{served.url}/api", between="2015-01-01/2016-12-31")) == ["i5", "i6"]
        assert names(stac.entries(f"{served.url}/api", collections=["other"])) == []


def test_places_that_are_no_stac_are_told(tmp_path):
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "other.json").write_text('{"type": "Topology"}')
    (tmp_path / "text.json").write_text("<html>")
    for name in ("list", "other", "text"):
        with pytest.raises(InputError, match="not STAC"):
            list(stac.entries(tmp_path / f"{name}.json"))
    with pytest.raises(NotFoundError):
        list(stac.entries(tmp_path / "none.json"))
    with pytest.raises(NotFoundError):
        list(stac.entries(tmp_path))
    with serve(tmp_path) as served, pytest.raises(NotFoundError):
        list(stac.entries(f"{served.url}/none.json"))
    with pytest.raises(NetworkError):
        list(stac.entries("http://127.0.0.1:9/catalog.json"))


def test_files_and_catalogues_come_in_one_stream_before_anything_is_opened(bands):
    path = catalogue(bands)
    (bands / "damaged.tif").write_bytes(b"II*\0broken")
    found = list(sources.entries([bands / "B0*.tif", bands / "damaged.tif"], stac=path, bbox=(2, 44, 4, 46)))
    good = [entry for entry in found if not isinstance(entry, tuple)]
    assert [entry.id.split("/")[-1] for entry in good] == ["B02.tif", "B03.tif", "B04.tif", "damaged.tif", "here", "empty"]
    assert [name.split("/")[-1] for name, _ in (entry for entry in found if isinstance(entry, tuple))] == [
        "text.json",
        "gone.json",
    ]
    for entry in (*good[:3], good[4]):
        with entry.open(sensor="sentinel-2", time="2019-01-01") as scene:
            assert scene.time.year == 2019
            assert scene.fingerprint == entry.fingerprint()
    for entry in (good[3], good[5]):
        with pytest.raises(RasterError):
            entry.open()
