"""What files say about themselves: times and sensors in many styles of names and tags, bands by name."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoglot.core.errors import InputError, NotFoundError
from geoglot.geo import identify
from geoglot.geo.sensors import SENSORS, UNKNOWN, band, sensor

TIMES = {
    "S2A_MSIL2A_20200831T105031_N0214_R051_T31UFT_20200831T133829.SAFE": "2020-08-31T10:50:31",
    "T31UFT_20200831T105031_B04_10m.jp2": "2020-08-31T10:50:31",
    "S1A_IW_GRDH_1SDV_20210115T053212_20210115T053237_036143.tif": "2021-01-15T05:32:12",
    "LC08_L2SP_044034_20200831_20200905_02_T1_SR_B4.TIF": "2020-08-31",
    "LT05_L1TP_006066_19850729_20170219_01_T1.tif": "1985-07-29",
    "m_4709963_se_14_1_20150926.tif": "2015-09-26",
    "m_4709963_se_14_060_20200831_20201120.tif": "2020-08-31",
    "MOD09A1.A2020209.h18v03.061.2020220031415.hdf": "2020-07-27",
    "HLS.L30.T31UFT.2020209T105031.v2.0.B04.tif": "2020-07-27T10:50:31",
    "20200831_105031_ssc4_u0001_visual.tif": "2020-08-31T10:50:31",
    "WV03_20150826105031.ntf": "2015-08-26T10:50:31",
    "scene-2019-06-30.tif": "2019-06-30",
    "scene_2019_06_30.tif": "2019-06-30",
    "scene.2019.06.30.tif": "2019-06-30",
    "2019-06-30T10:15:00Z.tif": "2019-06-30T10:15:00",
    "1985.tif": "1985-01-01",
    "20200831_1234_tile.tif": "2020-08-31",  # four digits without a T are a number
}
WITHOUT = "scene tile_12345678 20209999 20200230 scene_2020 120200831 202008311 v2.0_b04".split()


@pytest.mark.parametrize("name", TIMES)
def test_times_in_the_names_of_operators(name):
    assert identify.time_in_name(name) == datetime.fromisoformat(TIMES[name]).replace(tzinfo=UTC)
    assert identify.find_time({}, f"/data/2011-01-01/{name}") == identify.time_in_name(name)


@pytest.mark.parametrize("name", WITHOUT)
def test_what_is_no_time_stays_unknown(name):
    assert identify.time_in_name(f"{name}.tif") is None


@given(st.text(max_size=40))
@settings(max_examples=40, deadline=None)
def test_any_name_is_looked_at_without_an_error(name):
    identify.time_in_name(name)
    identify.find_sensor({"SENSOR": name, "DATE": name}, name, [name])
    identify.find_time({"DATE": name, "TIFFTAG_DATETIME": name}, name)
    band(name, sensor("sentinel-2"))


def test_tags_come_before_names_and_the_time_of_writing_last():
    name = "scene_20190101.tif"
    assert (
        identify.find_time({"ACQUISITION_DATETIME": "2020-08-31T10:00:00+02:00"}, name).isoformat() == "2020-08-31T08:00:00+00:00"
    )
    assert identify.find_time({"date_acquired": "2020-08-31"}, name).year == 2020
    assert identify.find_time({"TIFFTAG_DATETIME": "2021:05:06 07:08:09"}, name).year == 2019
    assert identify.find_time({"TIFFTAG_DATETIME": "2021:05:06 07:08:09"}, "scene.tif").isoformat() == "2021-05-06T07:08:09+00:00"
    assert identify.find_time({"NITF_IDATIM": "20150826105031"}, "a.ntf").isoformat() == "2015-08-26T10:50:31+00:00"
    assert identify.find_time({"DATE": "unknown"}, "scene.tif") is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2020", "2020-01-01T00:00:00+00:00"),
        ("2020-06", "2020-06-01T00:00:00+00:00"),
        ("2020-06-30", "2020-06-30T00:00:00+00:00"),
        ("20200630", "2020-06-30T00:00:00+00:00"),
        ("2020-06-30T10:15:00Z", "2020-06-30T10:15:00+00:00"),
        ("2020-06-30 10:15:00.123456+02:00", "2020-06-30T08:15:00.123456+00:00"),
    ],
)
def test_times_as_people_write_them(text, wanted):
    assert identify.parse_time(text).isoformat() == wanted


@pytest.mark.parametrize("text", ["yesterday", "2020-13-01", "", "30.6.2020"])
def test_times_that_are_none_are_refused(text):
    with pytest.raises(InputError, match="write it as"):
        identify.parse_time(text)


def test_spans_of_time():
    def span(text):
        return [None if t is None else t.isoformat()[:19] for t in identify.parse_interval(text)]

    assert span("2019-01-01/2020-12-31") == ["2019-01-01T00:00:00", "2020-12-31T23:59:59"]
    assert span("../2020") == [None, "2020-12-31T23:59:59"]
    assert span("2019-12/") == ["2019-12-01T00:00:00", None]
    assert span("2020-02") == ["2020-02-01T00:00:00", "2020-02-29T23:59:59"]
    assert span("2019-12") == ["2019-12-01T00:00:00", "2019-12-31T23:59:59"]
    assert span("2020-06-30T10:00:00Z") == ["2020-06-30T10:00:00"] * 2
    for wrong in ("2020/2019", "a/b", "2019/2020/2021"):
        with pytest.raises(InputError):
            identify.parse_interval(wrong)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("S2A_MSIL2A_20200831T105031.tif", "sentinel-2"),
        ("T31UFT_20200831T105031_B04_10m.jp2", "sentinel-2"),
        ("sentinel2/patch.tif", "sentinel-2"),
        ("my-sentinel-2-scene.tif", "sentinel-2"),
        ("S1B_IW_GRDH_1SDV_20210115T053212.tif", "sentinel-1"),
        ("LC09_L2SP_044034_20220831.tif", "landsat-8"),
        ("LE07_L1TP_044034_20020831.tif", "landsat-7"),
        ("landsat_8_mosaic.tif", "landsat-8"),
        ("landsat/1985.tif", "landsat"),
        ("m_4709963_se_14_1_20150926.tif", "naip"),
        ("HLS.L30.T31UFT.2020209T105031.v2.0.tif", "hls"),
        ("HLS.S30.T31UFT.2020209T105031.v2.0.tif", "hls-s30"),
        ("MOD09A1.A2020209.h18v03.061.hdf", "modis"),
        ("wv03_pan.tif", "worldview"),
        ("data/sar/vv.tif", "sar"),
        ("holiday.tif", "unknown"),
        ("atmosphere.tif", "unknown"),
        ("https://host/sentinel-2/a.tif?sensor=landsat", "sentinel-2"),
    ],
)
def test_sensors_in_names_and_folders(name, wanted):
    assert identify.find_sensor({}, name if "://" in name else f"/data/{name}").id == wanted


def test_sensors_in_tags_and_in_the_names_of_bands():
    assert identify.find_sensor({"SPACECRAFT_ID": "LANDSAT_8"}, "a.tif").id == "landsat-8"
    assert identify.find_sensor({"platform": "Sentinel-2B"}, "landsat/a.tif").id == "sentinel-2"
    assert identify.find_sensor({"SENSOR": "something else"}, "a.tif") is UNKNOWN
    assert identify.find_sensor({}, "a.tif", ["B02", "B03", "B04", "B08"]).id == "sentinel-2"
    assert identify.find_sensor({}, "a.tif", ["B02", "B03", "B04"]).id == "unknown"  # MODIS and HLS name them so too


@pytest.mark.parametrize("entry", SENSORS, ids=lambda entry: entry.id)
def test_the_table_of_sensors_is_consistent(entry):
    assert sensor(entry.id) is entry
    assert entry.stretch is None or entry.stretch[0] < entry.stretch[1]
    assert len(entry.known) == len(entry.bands)
    for layout in entry.layouts:
        assert all(name.lower() in entry.known for name in layout)
        assert len(set(layout)) == len(layout)
    for one in entry.bands:
        assert one.wavelength is None or 0.4 <= one.wavelength <= 13
        assert band(one.name, entry) == one
        assert band(one.name.lower(), entry) == one
    commons = [one.common for one in entry.bands if one.common]
    assert len(set(commons)) == len(commons)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        *zip(("Sentinel 2", "S2A", "S2D", "sentinel-2c", "SENTINEL2"), ["sentinel-2"] * 5, strict=True),
        *zip(("LANDSAT 9", "landsat_8", "OLI"), ["landsat-8"] * 3, strict=True),
        *zip(("landsat-5", "Landsat 4", "tm"), ["landsat-7"] * 3, strict=True),
        ("GeoEye-1", "worldview"),
        ("sentinel1", "sentinel-1"),
        ("NAIP", "naip"),
    ],
)
def test_sensors_by_alias(name, wanted):
    assert sensor(name).id == wanted


def test_a_wrong_sensor_is_told_the_nearest():
    with pytest.raises(NotFoundError, match="sentinel-2"):
        sensor("sentinal-2")
    with pytest.raises(NotFoundError, match="naip"):
        sensor("zzzz")


def test_bands_by_the_names_that_people_and_files_use():
    s2 = sensor("sentinel-2")
    assert band("B4", s2).common == "red"
    assert band("b8a", s2).name == "B8A"
    assert band("red", s2).name == "B04"
    assert band("near-infrared", s2).name == "B08"
    assert band("SWIR2", s2).name == "B12"
    assert band("green").wavelength == 0.56
    assert band("band 4 (0.830 Micrometers)").common == "nir"
    assert band("(660 nanometers)").common == "red"
    assert band("Gamma0_VV", sensor("sentinel-1")).name == "VV"
    nothing = band("slope")
    assert (nothing.name, nothing.common, nothing.wavelength) == ("slope", None, None)


def test_bands_of_files():
    def found(kind, descriptions, colours=(), wanted=None):
        made = identify.find_bands(sensor(kind), descriptions, colours or ["gray"] * len(descriptions), wanted)
        return [one.common or one.name for one in made]

    assert found("naip", [None] * 4) == ["red", "green", "blue", "nir"]
    assert found("unknown", [None] * 3, ["red", "green", "blue"]) == ["red", "green", "blue"]
    assert found("unknown", [None] * 4) == ["1", "2", "3", "4"]
    assert found("unknown", ["slope", "aspect"]) == ["slope", "aspect"]
    assert found("unknown", ["tool 1.0"] * 3) == ["1", "2", "3"]  # a signature that all share tells nothing
    assert found("sentinel-2", ["B12", "B8A", "B04"]) == ["swir22", "nir08", "red"]
    assert found("sentinel-2", [None] * 12)[:4] == ["coastal", "blue", "green", "red"]
    assert found("sentinel-2", [None] * 13)[10] == "cirrus"
    assert found("landsat", [None] * 4, wanted=["swir16", "nir", "red", "green"]) == ["swir16", "nir", "red", "green"]
    with pytest.raises(InputError, match="the file has 3"):
        found("naip", [None] * 3, wanted=["red"])
