"""Files as they come: wrapped, archived, cut off, foreign, dangerous."""

import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from geoglot.core.errors import ModelError, NotFoundError
from geoglot.models import states, torchscript
from published_kit import GOLDENS, Exact, Shell, state

TENSORS = {"visual.conv1.weight": torch.arange(12.0).reshape(3, 4).half(), "scale": torch.tensor(2.5)}


def same(found: dict[str, torch.Tensor]) -> bool:
    return set(found) == set(TENSORS) and all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)


def test_wrappings_and_prefixes(tmp_path):
    forms = {
        "bare": TENSORS,
        "wrapped": {"epoch": 3, "state_dict": TENSORS},
        "parallel": {"state_dict": {f"module.{name}": value for name, value in TENSORS.items()}, "optimizer": {"lr": 1.0}},
        "compiled": {"model": {f"_orig_mod.module.{name}": value for name, value in TENSORS.items()}},
    }
    for name, tree in forms.items():
        torch.save(tree, tmp_path / f"{name}.pt")
        assert same(states.read(tmp_path / f"{name}.pt")), name
    torch.save(forms["wrapped"], tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert same(states.read(tmp_path / "old.pt"))
    save_file(TENSORS, tmp_path / "a.safetensors")
    assert same(states.read(tmp_path / "a.safetensors"))


def test_code_in_a_pickle_is_refused_and_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"state_dict": TENSORS, "more": Trap()}, tmp_path / "trap.pt")
    (tmp_path / "bare.pt").write_bytes(pickle.dumps(Trap()))
    for name in ("trap.pt", "bare.pt"):
        with pytest.raises(ModelError, match="refused"):
            states.read(tmp_path / name)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_cut_off_files(tmp_path, share):
    save_file(TENSORS | {"more": torch.rand(100, 100)}, tmp_path / "a.safetensors")
    torch.save(TENSORS | {"more": torch.rand(100, 100)}, tmp_path / "b.pt")
    torch.save(TENSORS | {"more": torch.rand(100, 100)}, tmp_path / "c.bin", _use_new_zipfile_serialization=False)
    for name in ("a.safetensors", "b.pt", "c.bin"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ModelError, match=r"cut off|damaged|refused|fetch or copy"):
            states.read(tmp_path / name)


def test_not_a_checkpoint(tmp_path):
    with pytest.raises(NotFoundError, match="check the path"):
        states.read(tmp_path / "none.pt")
    (tmp_path / "page.pt").write_text("<html>not found</html>")
    with pytest.raises(ModelError, match="neither safetensors nor"):
        states.read(tmp_path / "page.pt")
    (tmp_path / "empty.pt").write_bytes(b"")
    with pytest.raises(ModelError):
        states.read(tmp_path / "empty.pt")
    torch.save({"epoch": 3, "notes": "none"}, tmp_path / "notes.pt")
    with pytest.raises(ModelError, match="holds no weights"):
        states.read(tmp_path / "notes.pt")
    torch.save([torch.ones(2)], tmp_path / "list.pt")
    with pytest.raises(ModelError, match="holds no weights"):
        states.read(tmp_path / "list.pt")


@pytest.mark.parametrize(("kind", "activation"), [(Shell, "quick_gelu"), (Exact, "gelu")])
def test_torchscript_gives_weights_and_activation(tmp_path, kind, activation):
    tensors = {"visual.conv1.weight": torch.rand(3, 4).half(), "ln.bias": torch.rand(7)[2:], "logit_scale": torch.tensor(4.6)}
    torch.jit.save(torch.jit.trace(kind(tensors), torch.rand(2)), tmp_path / "a.pt")
    assert torchscript.is_archive(tmp_path / "a.pt")
    assert torchscript.activation(tmp_path / "a.pt") == activation
    found = states.read(tmp_path / "a.pt")
    assert set(found) == set(tensors)
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_torchscript_with_other_names_is_refused(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("a/constants.pkl", pickle.dumps((), protocol=2))
        archive.writestr("a/data.pkl", b"cos\nmkdir\n(V" + str(tmp_path / "ran").encode() + b"\ntR.")
    with pytest.raises(ModelError, match="without running it"):
        states.read(tmp_path / "a.pt")
    assert not (tmp_path / "ran").exists()


def test_digest_follows_content_and_activation(tmp_path):
    save_file(TENSORS, tmp_path / "a.safetensors")
    save_file(TENSORS, tmp_path / "b.safetensors")
    a, b = (tmp_path / f"{name}.safetensors" for name in "ab")
    assert states.digest([a], "gelu") == states.digest([b], "gelu") != states.digest([a], "quick_gelu")
    save_file(TENSORS | {"scale": torch.tensor(9.0)}, a)
    os.utime(a, (1.0, 1.0))
    assert states.digest([a], "gelu") != states.digest([b], "gelu")


def test_goldens_are_fp16():
    assert GOLDENS.is_dir()
    assert {value.dtype for value in state("vit").values()} == {torch.float16}
