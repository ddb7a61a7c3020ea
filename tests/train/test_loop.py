"""The loop on a tiny regression: it learns, logs, averages, and resumes to the same numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from geoglot.core.config import load_toml
from geoglot.core.errors import ConfigError, DivergedError

pytest.importorskip("accelerate", reason="training needs the extra [train]")


from geoglot.train import checkpoint, distribute
from geoglot.train.loop import Group, TrainConfig, fit

CONFIG = TrainConfig(steps=12, warmup=3, accumulate=2, log_every=4, save_every=6, validate_every=6, precision="no", ema=0.9)


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1))


def batch(index: int) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(index)
    x = torch.randn(16, 4, generator=rng)
    return x, x.sum(1, keepdim=True)


def loss(module: nn.Module, data: tuple[Tensor, Tensor]) -> tuple[Tensor, Mapping[str, float]]:
    value = ((module(data[0]) - data[1]) ** 2).mean()
    return value, {"extra": 1.0}


def run(folder: Path, config: TrainConfig = CONFIG) -> nn.Module:
    module = model()
    fit(module, batch, loss, [Group(list(module.parameters()), 0.03)], config, folder, validate=lambda _: {"val": 1.0})
    return module


def rows(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_it_learns_and_keeps_a_record(tmp_path: Path) -> None:
    run(tmp_path, CONFIG.model_copy(update={"steps": 80, "log_every": 10}))
    found = [row["loss"] for row in rows(tmp_path) if "loss" in row]
    assert found[-1] < 0.5 * found[0]
    assert {"step", "loss", "norm", "extra", "steps_per_s"} <= set(rows(tmp_path)[1])
    assert any("val" in row for row in rows(tmp_path))
    assert load_toml(TrainConfig, tmp_path / "config.toml").steps == 80


def test_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")

    class Killed(Exception):
        pass

    def dies(index: int) -> tuple[Tensor, Tensor]:
        if index == 17:
            raise Killed
        return batch(index)

    module = model()
    with pytest.raises(Killed):
        fit(module, dies, loss, [Group(list(module.parameters()), 0.03)], CONFIG, tmp_path / "cut")
    resumed = run(tmp_path / "cut")
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(ConfigError, match="another configuration"):
        run(tmp_path, CONFIG.model_copy(update={"seed": 1}))


def test_the_folder_tells_how_it_was_run(tmp_path: Path) -> None:
    run(tmp_path)
    told = json.loads((tmp_path / "run.json").read_text())
    assert told["starts"][0]["step"] == 0
    assert told["starts"][0]["processes"] == 1
    assert {"geoglot", "torch", "accelerate"} <= set(told["starts"][0]["versions"])
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    run(tmp_path)
    assert [start["step"] for start in json.loads((tmp_path / "run.json").read_text())["starts"]] == [0, CONFIG.steps]


def test_what_does_not_change_the_result_may_change(tmp_path: Path) -> None:
    run(tmp_path)
    run(tmp_path, CONFIG.model_copy(update={"save_every": 3, "skip": 2}))
    assert load_toml(TrainConfig, tmp_path / "config.toml").skip == 2
    with pytest.raises(ConfigError, match="warmup was 3, is now 4"):
        run(tmp_path, CONFIG.model_copy(update={"warmup": 4}))


def test_batches_made_ahead_are_the_same(tmp_path: Path) -> None:
    a, b = run(tmp_path / "a"), run(tmp_path / "b", CONFIG.model_copy(update={"prefetch": 3}))
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


class Named:
    """Batches whose rows have names; one row of batch 4 is not finite."""

    def __call__(self, index: int) -> tuple[Tensor, Tensor]:
        x, y = batch(index)
        if index == 4:
            x[3, 0] = torch.inf
        return x, y

    def names(self, index: int) -> list[str]:
        return [f"picture-{index}-{row}.tif" for row in range(16)]


def bad(folder: Path, **update: object) -> nn.Module:
    module = model()
    config = CONFIG.model_copy(update={"save_every": 1, **update})
    fit(module, Named(), loss, [Group(list(module.parameters()), 0.03)], config, folder)
    return module


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match=r"step 3 \(batches 4 to 5; .* picture-4-3\.tif\).*last\.pt .*train\.skip=3"):
        bad(tmp_path)
    assert checkpoint.load(tmp_path / "last.pt")["step"] == 2
    bad(tmp_path, skip=1)  # as the message says: the run goes on in the same folder
    logged = rows(tmp_path)
    assert [row["step"] for row in logged if "skipped" in row] == [3]
    assert logged[-1]["step"] == CONFIG.steps
    assert all(p.isfinite().all() for p in bad(tmp_path, skip=1).parameters())


def test_a_passed_over_step_leaves_the_weights(tmp_path: Path) -> None:
    a = bad(tmp_path / "a", skip=1, steps=3, warmup=0, schedule="constant", ema=0.0)
    b = bad(tmp_path / "b", skip=1, steps=2, warmup=0, schedule="constant", ema=0.0)
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def test_the_best_is_kept_beside_the_last(tmp_path: Path) -> None:
    module = model()
    figures = iter([1.0, 3.0, 2.0])
    config = CONFIG.model_copy(update={"best": "val", "validate_every": 4})
    groups = [Group(list(module.parameters()), 0.03)]
    fit(module, batch, loss, groups, config, tmp_path, validate=lambda _: {"val": next(figures)})
    assert checkpoint.load(tmp_path / "best.pt")["step"] == 8
    assert checkpoint.load(tmp_path / "last.pt")["step"] == 12
    with pytest.raises(ConfigError, match=r"train\.best='vall' is no figure of the validation: it gives val"):
        run(tmp_path / "b", config.model_copy(update={"best": "vall"}))


def test_what_this_machine_or_loss_cannot_do_is_said_at_once(tmp_path: Path) -> None:
    for update, told in (
        ({"cache": 4}, "does not come in two parts"),
        ({"parallel": "fsdp"}, "--processes"),
        *([] if torch.cuda.is_available() else [({"precision": "fp16"}, "needs a GPU"), ({"norms": "sync"}, "needs GPUs")]),
    ):
        with pytest.raises(ConfigError, match=told):
            run(tmp_path, CONFIG.model_copy(update=update))
    assert not (tmp_path / "config.toml").exists()


def test_frozen_norms_keep_their_statistics(tmp_path: Path) -> None:
    for norms in ("frozen", "batch"):
        module = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
        fit(
            module,
            batch,
            loss,
            [Group(list(module.parameters()), 0.03)],
            CONFIG.model_copy(update={"norms": norms}),
            tmp_path / norms,
        )
        assert (float(module[1].running_mean.abs().sum()) == 0) is (norms == "frozen")


def test_statistics_of_norms_survive_a_resume(tmp_path: Path) -> None:
    def made() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))

    def dies(index: int) -> tuple[Tensor, Tensor]:
        if index == 20:
            raise DivergedError("enough")
        return batch(index)

    found = []
    for name in ("whole", "cut"):
        if name == "cut":
            module = made()
            with pytest.raises(DivergedError):
                fit(module, dies, loss, [Group(list(module.parameters()), 0.03)], CONFIG, tmp_path / name)
        module = made()
        fit(module, batch, loss, [Group(list(module.parameters()), 0.03)], CONFIG, tmp_path / name)
        found.append(module.state_dict())
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_bf16_computes_in_bf16_and_leaves_the_module_as_it_was(tmp_path: Path) -> None:
    module, seen = model(), []
    module[0].register_forward_hook(lambda *parts: seen.append(parts[2].dtype))
    fit(module, batch, loss, [Group(list(module.parameters()), 0.03)], CONFIG.model_copy(update={"precision": "bf16"}), tmp_path)
    assert set(seen) == {torch.bfloat16}
    assert module(batch(0)[0]).dtype == torch.float32
    assert seen[-1] == torch.float32


def test_the_state_of_a_scaler_survives_a_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with fp16 on a GPU: the scale has grown at the end of a run, whether it was cut or not."""

    from accelerate import Accelerator

    def scaled(config: TrainConfig) -> Accelerator:
        accelerator = Accelerator(cpu=True)
        accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=4)
        return accelerator

    monkeypatch.setattr(distribute, "accelerator_of", scaled)

    def dies(index: int) -> tuple[Tensor, Tensor]:
        if index == 17:
            raise DivergedError("enough")
        return batch(index)

    module = model()
    with pytest.raises(DivergedError):
        fit(module, dies, loss, [Group(list(module.parameters()), 0.03)], CONFIG, tmp_path / "cut")
    whole, cut = run(tmp_path / "whole"), run(tmp_path / "cut")
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), cut.parameters(), strict=True))
    states = [checkpoint.load(tmp_path / name / "last.pt")["scaler"] for name in ("whole", "cut")]
    assert states[0] == states[1]
    assert states[0]["scale"] == 4.0 * 2**3
