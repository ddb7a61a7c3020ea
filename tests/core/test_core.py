"""The error tree, the lookup of parts, progress, and the names of models."""

import io
import sys
import time
from importlib.metadata import EntryPoint

import pytest

from geoglot.core import errors, parts, progress
from geoglot.core.protocols import Dual, ModelSpec, TextEncoder


def every(kind=errors.GeoglotError):
    yield kind
    for one in kind.__subclasses__():
        yield from every(one)


@pytest.mark.parametrize("kind", list(every()), ids=lambda kind: kind.__name__)
def test_every_error_has_a_code_a_status_and_a_sentence(kind):
    assert 1 <= kind.exit_code <= 125
    assert 400 <= kind.http_status < 600
    assert kind.__doc__.endswith(".")
    assert str(kind("what to do")) == "what to do"


def test_families_of_errors_can_be_told_apart_by_their_exit_codes():
    families = errors.GeoglotError.__subclasses__()
    codes = [kind.exit_code for kind in families]
    assert len(set(codes)) == len(codes) == 10
    assert errors.GeoglotError.exit_code not in codes
    for family in families:
        assert {kind.exit_code for kind in every(family)} == {family.exit_code}  # a member is of its family
    wanted = {
        "InputError": (2, 422), "ConfigError": (2, 422), "NotFoundError": (3, 404), "RasterError": (4, 422),
        "NotEarthError": (4, 422), "ModelError": (5, 422), "ModelMismatchError": (5, 409), "ArchiveError": (6, 409),
        "LockedError": (6, 423), "NetworkError": (7, 502), "ResourceError": (8, 507), "DataError": (10, 422),
        "DivergedError": (11, 500), "AccessError": (9, 403),
    }  # fmt: skip
    for name, pair in wanted.items():
        kind = getattr(errors, name)
        assert (kind.exit_code, kind.http_status) == pair


def test_parts_are_found_by_file_name():
    assert "grid" in parts.names("geo")
    assert parts.find("geo", "grid").__name__ == "geoglot.geo.grid"
    assert not any(name.startswith("_") for name in parts.names("core"))
    with pytest.raises(errors.NotFoundError, match="Did you mean grid"):
        parts.find("geo", "gird")
    with pytest.raises(errors.NotFoundError, match=r"There are: .*grid"):
        parts.find("geo", "zzzzzz")
    with pytest.raises(errors.NotFoundError, match="no room"):
        parts.find("cellar", "wine")


def test_parts_come_from_other_packages_too(monkeypatch):
    def points(group):
        made = {"my-part": "json", "grid": "json", "wrong": "json:loads"} if group == "geoglot.geo" else {}
        return [EntryPoint(name, value, group) for name, value in made.items()]

    monkeypatch.setattr(parts, "entry_points", points)
    assert parts.find("geo", "my-part").__name__ == parts.find("geo", "my_part").__name__ == "json"
    assert {"my_part", "grid"} <= set(parts.names("geo"))
    assert parts.find("geo", "grid").__name__ == "geoglot.geo.grid"  # what is ours cannot be replaced
    with pytest.raises(errors.NotFoundError, match="must name a module"):
        parts.find("geo", "wrong")


def test_a_part_that_cannot_be_imported_says_why(monkeypatch):
    monkeypatch.setitem(sys.modules, "geoglot.geo.boxes", None)
    with pytest.raises(ImportError):
        parts.find("geo", "boxes")


def test_progress_without_a_terminal_is_whole_lines_with_rate_and_time_left():
    stream = io.StringIO()
    with progress.track(10, "index", "tiles", stream, every=0.0) as shown:
        shown.advance(4, note="a.tif")
        time.sleep(0.01)
        shown.advance(6)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("index: 4 of 10 tiles, ")
    assert " left a.tif" in lines[0]
    assert lines[-1].startswith("index: 10 of 10 tiles")
    assert "left" not in lines[-1]
    assert "\r" not in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_what_is_over_quickly_is_not_reported():
    stream = io.StringIO()
    with progress.track(None, "index", stream=stream) as shown:
        shown.advance()
    assert stream.getvalue() == ""
    assert shown.done == 1


def test_progress_on_a_terminal_is_one_line_that_is_written_over():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    with pytest.raises(TypeError), progress.track(None, "index", stream=stream) as shown:
        shown.advance(3) or shown.advance("none")
    assert stream.getvalue().startswith("\r")
    assert stream.getvalue().endswith("\n")
    assert "index: 3 tiles" in stream.getvalue()


def test_the_stream_is_stderr(capsys):
    with progress.track(2, "index", every=0.0) as shown:
        shown.advance(2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "index: 2 of 2" in captured.err


@pytest.mark.parametrize(
    ("seconds", "wanted"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (190, "3 min 10 s"), (7500, "2 h 5 min"), (3599.7, "1 h 0 min")]
)
def test_spans_of_time_in_words(seconds, wanted):
    assert progress.duration(seconds) == wanted


def test_protocols_are_told_by_what_an_object_can_do():
    class Texts:
        spec = ModelSpec("nano", "1", "00", 4, ("red",), 144, (0.1, 30.0), (0.5,), (0.2,), "gelu", "Apache-2.0")

        def text(self, texts):
            return None

    assert isinstance(Texts(), TextEncoder)
    assert not isinstance(Texts(), Dual)
    assert Texts.spec.name == "nano@1"
