"""The mean of weights: shares, what may be averaged, and the record."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nano_kit import tiny_nano

pytest.importorskip("accelerate", reason="training needs the extra [train]")

from geoglot.core.errors import ConfigError, ModelError
from geoglot.models import record
from geoglot.models.nano import restore, save
from geoglot.zoo import average


def saved(folder: Path, seed: int, **sources: record.Taught) -> str:
    file = folder / f"m{seed}.safetensors"
    save(tiny_nano(seed), file, "none")
    if sources:
        record.write(record.Record(model=f"m{seed}", sources=sources), file)
    return str(file)


def test_weights_are_averaged_by_their_shares(tmp_path: Path) -> None:
    taught = {"ucm": record.Taught(pictures=3)}
    names = (saved(tmp_path, 1, **taught), saved(tmp_path, 2, **taught))
    made = average.run(average.Recipe(models=names, shares=(1.0, 3.0)), tmp_path / "out")
    one, two = (restore(Path(name))[0].state_dict() for name in names)
    for key, value in made.state_dict().items():
        torch.testing.assert_close(value, (one[key].double() * 0.25 + two[key].double() * 0.75).to(value.dtype))
    kept = record.of(tmp_path / "out" / "nano.safetensors")
    assert kept is not None
    assert kept.sources == taught
    assert restore(tmp_path / "out" / "nano.safetensors")[1].id == "nano"


def test_what_cannot_be_averaged_is_refused(tmp_path: Path) -> None:
    names = (saved(tmp_path, 1), saved(tmp_path, 2, ucm=record.Taught(pictures=3)))
    with pytest.raises(ModelError, match="other sources"):
        average.run(average.Recipe(models=names), tmp_path / "out")
    with pytest.raises(ConfigError, match="2 models need as many shares"):
        average.run(average.Recipe(models=names, shares=(1.0,)), tmp_path / "out")
    other = tiny_nano(3)
    other.tokenizer_json = other.tokenizer_json.replace("harbour", "harbor")
    save(other, tmp_path / "other.safetensors", "none")
    with pytest.raises(ModelError, match="another build or vocabulary"):
        average.run(average.Recipe(models=(names[0], str(tmp_path / "other.safetensors"))), tmp_path / "out")
    assert not (tmp_path / "out").exists()
