import json

import numpy as np
import pytest
from PIL import Image

from geoglot import models
from geoglot.core.errors import InputError, ModelMismatchError
from geoglot.models import check
from published_kit import GOLDENS


def figures(activation):
    return check.figures(models.load(GOLDENS / "open_clip_vit.pt", "cpu", "float32", activation))


def test_same_model_agrees_and_another_activation_does_not(tmp_path):
    first = figures("gelu")
    (tmp_path / "a.json").write_text(json.dumps(first))
    record = check.record_of(tmp_path / "a.json")
    assert check.compare(figures("gelu"), record) < 1e-4
    with pytest.raises(ModelMismatchError, match="does not give the recorded vectors"):
        check.compare(figures("quick_gelu"), record)
    with pytest.raises(ModelMismatchError, match="another check"):
        check.compare(first, record | {"size": 224})


def test_record_that_is_none(tmp_path):
    for text in ("{", "[]", '{"model": 1}'):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(InputError, match="not a record"):
            check.record_of(tmp_path / "a.json")


def test_pictures_are_fixed(tmp_path):
    paths = check.write_pictures(tmp_path / "new", 64)
    assert [path.stem for path in paths] == list(check.PICTURES)
    for path, pixels in zip(paths, check.pictures(64), strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), pixels)
        assert pixels.std() > 5


def test_record_of_the_embedded_model_is_of_its_weights():
    # after a new export: geoglot verify nano --json > src/geoglot/weights/nano.check.json
    from geoglot.models.files import native

    record = check.record_of(native("nano").with_suffix(".check.json"))
    assert record["hash"] == models.spec("nano").hash
    assert check.compare(check.figures(models.load("nano", "cpu", "float32")), record) <= check.TOLERANCE
