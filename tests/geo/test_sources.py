"""From folders, globs and addresses to single rasters."""

import pytest

from geoglot.core.errors import NotFoundError
from geoglot.geo.sources import entries, expand


@pytest.fixture
def folder(tmp_path):
    hidden = (".hidden/x.tif", "a/.part.tif")
    for name in ("b/two.TIF", "a/one.tif", "a/photo.jpg", "a/notes.txt", "a/one.tif.aux.xml", "envi", "envi.hdr", *hidden):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def names(found, folder):
    return [path.removeprefix(f"{folder}/") for path in found]


def test_a_folder_gives_its_rasters_in_order_and_nothing_hidden(folder):
    assert names(expand(folder), folder) == ["a/one.tif", "a/photo.jpg", "b/two.TIF", "envi"]


def test_globs_files_and_folders_mix_without_repeats(folder):
    found = expand([folder / "a" / "one.tif", folder / "*" / "*.tif", str(folder / "a"), folder / "a" / "notes.txt"])
    assert names(found, folder) == ["a/one.tif", "a/photo.jpg", "a/notes.txt"]
    assert names(expand(f"{folder}/**/*.TIF"), folder) == ["b/two.TIF"]
    assert names(expand(f"{folder}/[ab]"), folder) == ["a/one.tif", "a/photo.jpg", "b/two.TIF"]


def test_relative_names_become_absolute(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert list(expand(["a/one.tif", "a"])) == [str(folder / "a" / "one.tif"), str(folder / "a" / "photo.jpg")]


def test_addresses_are_left_alone():
    wanted = ["https://host/a.tif?x=1", "s3://bucket/a.tif", "/vsizip/a.zip/b.tif"]
    assert [entry.id for entry in entries(wanted)] == wanted


def test_what_matches_nothing_is_told(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    for place in (folder / "none.tif", f"{folder}/*.jp2", tmp_path / "empty"):
        with pytest.raises(NotFoundError):
            list(expand(place))
