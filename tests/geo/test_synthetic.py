"""The mark of what a model drew: written into every format and read back, and what a stranger's file may hold in its place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from geoglot.core.errors import InputError
from geoglot.geo import synthetic
from geoglot.geo.raster import Raster
from geoglot.geo.scene import Scene
from geoglot.geo.sensors import Band
from geoglot.geo.synthetic import Mark
from geoglot.geo.write import Outline, write_geotiff, write_pixels

BANDS = tuple(Band(name, name) for name in ("red", "green", "blue"))


def mark(how: str = "generated", prompt: str = "snowy farmland", **asked: object) -> Mark:
    return Mark(how, "painter", "1", "0f" * 16, prompt, 7, "geoglot 9.9", asked)


def written(path: Path, of: Mark) -> Path:
    data = np.full((3, 8, 8), 100, np.uint8)
    if path.suffix == ".tif":
        outline = Outline((8, 8), None, BANDS, "uint8")
        return write_pixels(path, lambda a, b: (data[:, a:b], np.ones((b - a, 8), bool)), outline, of.tags(), of.xmp())
    picture = Image.fromarray(data.transpose(1, 2, 0))
    if path.suffix == ".webp":
        picture.save(path, xmp=of.xmp().encode())
    else:
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", of.xmp())
        picture.save(path, pnginfo=info)
    return path


@pytest.mark.parametrize("suffix", [".tif", ".png", ".webp"])
@pytest.mark.parametrize("prompt", ["snowy farmland", "<&> \"quotes' = \\ \n ü 雪 𐍈"])
def test_every_format_gives_the_mark_back(tmp_path: Path, suffix: str, prompt: str) -> None:
    made = mark(prompt=prompt, at=[6.1, 52.3], steps=4)
    with Scene.open(written(tmp_path / f"a{suffix}", made)) as scene:
        assert scene.synthetic == made


@settings(max_examples=25)
@given(st.text(max_size=40).filter(lambda text: not any(ord(c) < 32 or 0xD800 <= ord(c) <= 0xDFFF for c in text)))
def test_a_packet_holds_any_words(prompt: str) -> None:
    made = mark(prompt=prompt)
    found = synthetic._of_packet(made.xmp())
    assert found is not None
    assert json.loads(found)["prompt"] == synthetic._plain(prompt)


def test_the_packet_begins_as_other_programs_expect(tmp_path: Path) -> None:
    raw = written(tmp_path / "a.tif", mark()).read_bytes()
    start = raw.index(b"<?xpacket begin=")
    assert raw[start - 1] == 0  # and not the name of a domain
    assert b'DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"' in raw


def test_tags_say_it_in_words_and_by_terms() -> None:
    tags = mark().tags()
    assert tags["TIFFTAG_IMAGEDESCRIPTION"].startswith("Synthetic image, not an observation")
    assert (tags["SYNTHETIC"], tags["MODEL"], tags["SEED"], tags["PROMPT"]) == ("generated", "painter@1", "7", "snowy farmland")
    assert tags["SENSOR"] == synthetic.SENSOR
    drawn_in = mark("inpainted").tags()
    assert drawn_in["DIGITAL_SOURCE_TYPE"].endswith("compositeWithTrainedAlgorithmicMedia")
    assert "SENSOR" not in drawn_in


def test_what_was_drawn_into_a_drawing_has_no_observed_pixel() -> None:
    twice = mark("outpainted", earlier=mark("inpainted", earlier=mark().record()).record())
    assert twice.whole
    assert not mark("outpainted", earlier=mark("inpainted").record()).whole


@pytest.mark.parametrize(
    "text", ["", "none", "[]", "{}", '{"how": 3}', json.dumps(mark().record() | {"seed": "x"}), json.dumps({"settings": 3})]
)
def test_a_record_that_is_none_counts_for_nothing(tmp_path: Path, text: str) -> None:
    raster = Raster(np.ones((1, 4, 4), np.uint8), np.ones((4, 4), bool), None, (Band("a"),))
    write_geotiff(tmp_path / "a.tif", raster, tags={synthetic.RECORD: text})
    with rasterio.open(tmp_path / "a.tif") as file:
        assert synthetic.mark_of(file) is None


def test_a_packet_with_entities_is_not_read() -> None:
    evil = '<!DOCTYPE x [<!ENTITY a "b">]>' + mark().xmp()
    assert synthetic._of_packet(evil[:40] + evil[40:].replace("<rdf:RDF", "<!-- --><rdf:RDF")) is None


def test_control_characters_are_refused() -> None:
    with pytest.raises(InputError, match="control characters"):
        synthetic.check_prompt("snow\0")
