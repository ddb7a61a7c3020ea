"""The verbs about models, on the goldens and the catalogue."""

import json

import pytest

from geoglot.cli.main import run
from published_kit import GOLDENS


def call(capfd, *args):
    code = run([str(arg) for arg in args])
    out, err = capfd.readouterr()
    return code, out, err


@pytest.fixture(autouse=True)
def nothing_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("GEOGLOT_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))


def test_models_lists_embedded_and_published(capfd, tmp_path):
    (tmp_path / "models" / "remoteclip-rn50").mkdir(parents=True)
    (tmp_path / "models" / "remoteclip-rn50" / "RemoteCLIP-RN50.pt").write_bytes(b"x" * 3000)
    code, out, _ = call(capfd, "models")
    lines = {line.split(":")[0]: line for line in out.splitlines()}
    assert code == 0
    assert "nano@4" in lines
    assert "3.0 kB on disk" in lines["remoteclip-rn50"]
    assert "not on disk" in lines["georsclip-vit-h-14"]
    assert "licence MIT" in lines["clip-vit-b-32"]
    rows = json.loads(call(capfd, "models", "--json")[1])
    assert {"name", "licence", "size", "dim", "path", "bytes"} <= set(rows[0])
    assert {"name", "licence", "family", "parameters", "path", "bytes"} <= set(rows[-1])
    assert "converses" in lines["geochat-7b"]


def test_one_published_model(capfd):
    code, out, _ = call(capfd, "models", "skyclip-vit-l-14")
    assert code == 0
    assert "force_quick_gelu=True" in out
    assert "SkyCLIP_ViT_L14_top50pct.zip" in out
    code, _, err = call(capfd, "models", "skyclip-l-14")
    assert (code, "Did you mean skyclip-vit-l-14" in err) == (3, True)


def test_verify_and_compare(capfd, tmp_path):
    weights = GOLDENS / "open_clip_vit.pt"
    code, out, err = call(capfd, "verify", weights, "--activation", "gelu", "--json", "--pictures", tmp_path / "pictures")
    assert code == 0
    assert "no record" in err
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 4
    (tmp_path / "record.json").write_text(out)
    code, out, err = call(capfd, "verify", weights, "--activation", "gelu", "--against", tmp_path / "record.json")
    assert (code, "agrees with the record" in err, "image x text" in out) == (0, True, True)
    code, _, err = call(capfd, "verify", weights, "--activation", "quick_gelu", "--against", tmp_path / "record.json")
    assert (code, "does not give the recorded vectors" in err) == (5, True)
    code, _, err = call(capfd, "verify", weights)
    assert (code, "does not say whether" in err) == (2, True)


def test_an_archive_made_with_a_published_file(capfd, tmp_path):
    from cli_kit import write_scene

    write_scene(tmp_path / "red.tif", "red", 500_000)
    archive, weights = tmp_path / "archive", GOLDENS / "open_clip_vit.pt"
    told = call(capfd, "index", tmp_path / "red.tif", "-o", archive, "--model", weights, "--activation", "gelu", "-q")
    assert told[0] == 0, told
    plain = call(capfd, "search", archive, "a red field", "--json")
    again = call(capfd, "search", archive, "a red field", "--json", "--model", weights)
    like = call(capfd, "search", archive, "--image", tmp_path / "red.tif", "--json")
    assert [told[0] for told in (plain, again, like)] == [0, 0, 0], (plain, again, like)
    assert json.loads(plain[1])["hits"] == json.loads(again[1])["hits"]
