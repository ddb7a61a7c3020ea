"""Protocols, the runner and its reports, on a made-up set and a model that sees only colour."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stub_kit import Blind, Seer, write

from geoglot.core.errors import ConfigError, InputError, ModelError, NotFoundError
from geoglot.core.parts import names
from geoglot.data.sample import Picture, Sample
from geoglot.evals import gallery, material, protocol, report, runner
from geoglot.evals.kinds.retrieval import processed
from geoglot.models import record
from geoglot.models.record import Record, Taught

RULES = """
title = "made up"
kind = "classes"
source = "aid_rsicd"
metric = "accuracy"
split = "val"
templates = ["a [satellite|aerial] photo of {}."]
[words]
Beach = "beach"
Forest = "forest"
Port = "port"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "data")
    return tmp_path / "data"


def rules(folder: Path, text: str = RULES, split: str | None = None, limit: int | None = None) -> protocol.Protocol:
    file = folder / "made-up.toml"
    file.write_text(text)
    return protocol.load(str(file), split, limit)


def taught(**changes: object) -> Record:
    return Record(model="seer@1", sources={"aid_rsicd": Taught(pictures=12, **changes)})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", protocol.known())
def test_every_protocol_of_the_package_is_whole(name: str) -> None:
    made = protocol.load(name)
    assert made.name == name
    assert re.fullmatch("[0-9a-f]{12}", made.hash)
    assert made.source in names("data.sources")
    assert all(phrases[0] for phrases in made.labels().values()) if made.whole else made.prompts() or made.kind != "classes"
    assert made.hash == protocol.load(name).hash


def test_protocols_differ_in_their_hashes() -> None:
    hashes = {protocol.load(name).hash for name in protocol.known()}
    assert len(hashes) == len(protocol.known())


def test_a_hash_is_of_the_content_and_nothing_else(tmp_path: Path) -> None:
    made = rules(tmp_path)
    assert made.hash == "339cb292d3a4"
    assert rules(tmp_path, RULES.replace("made up", "another title")).hash == made.hash
    assert rules(tmp_path, RULES.replace("[satellite|aerial]", "[aerial|satellite]")).hash != made.hash
    assert rules(tmp_path, RULES.replace('"port"', '"harbour"')).hash != made.hash
    assert len({made.hash, rules(tmp_path, split="test").hash, rules(tmp_path, limit=3).hash}) == 3


def test_templates_are_written_out() -> None:
    assert protocol.expand("[a|the] {}") == ["a {}", "the {}"]
    prompts = protocol.load("aid-classes-georsclip").prompts()
    assert len(prompts) == len(set(prompts)) == 105
    assert protocol.load("aid-classes-skyscript").called()["BareLand"] == "bare land"


def test_wrong_names_and_files_are_answered(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="aid-classes"):
        protocol.load("aid-clases")
    with pytest.raises(NotFoundError, match="There are: aid-captions"):
        protocol.load("qqqqqq")
    with pytest.raises(ConfigError, match="templates"):
        rules(tmp_path, RULES.replace("templates", "template"))
    with pytest.raises(ConfigError, match="no kind"):
        rules(tmp_path, RULES.replace('kind = "classes"', 'kind = "guess"'))
    with pytest.raises(ConfigError, match="template holds"):
        rules(tmp_path, RULES.replace("photo of {}", "photo"))
    with pytest.raises(ConfigError, match="does not have: Lake"):
        _ = rules(tmp_path, RULES.replace("Port =", "Lake =")).hash
    with pytest.raises(InputError, match="its own choice"):
        protocol.load("aid-classes-remoteclip-last-fifth", "val")


def test_classes_are_measured_with_baselines(root: Path, tmp_path: Path) -> None:
    found = runner.evaluate(Seer(), rules(tmp_path), root, taught(), tmp_path / "cache")
    assert found.figure == 75
    assert (found.n, found.skipped) == (12, ())
    assert found.low < 75 < found.high
    assert found.baselines == pytest.approx({"chance": 100 / 3, "majority": 100 / 3, "image-blind": 100 / 3, "nearest image": 75})
    assert found.term == "prompted classification of seen classes"
    assert {row["n"] for row in found.details["confusions"]} == {1}
    assert [mistake.wanted for mistake in found.outcome.mistakes] == ["beach", "forest", "port"]
    told = report.text(found)
    assert "accuracy 75.00 (95 % " in told
    assert found.protocol_hash in told
    assert "none of 12 by perceptual hash (compared with aid_rsicd train)" in told


def test_overlap_is_named(root: Path, tmp_path: Path) -> None:
    pixels = np.asarray(Image.open(root / "aid/Port/port_train1.png"))
    Image.fromarray(np.rot90(pixels)).save(root / "aid/Forest/forest_val2.png")
    found = runner.evaluate(Seer(), rules(tmp_path), root, taught(), tmp_path / "cache")
    assert found.overlap is not None
    assert found.overlap.pairs == (("aid/Forest/forest_val2.png", "aid/Port/port_train1.png"),)
    assert "1 of 12 by perceptual hash: aid/Forest/forest_val2.png" in report.text(found)
    left = runner.evaluate(Seer(), rules(tmp_path), root, taught(left_out=("aid/Port/port_train1.png",)), tmp_path / "cache")
    assert left.overlap is not None
    assert left.overlap.items == []
    unknown = runner.evaluate(Seer(), rules(tmp_path), root, None, tmp_path / "cache")
    assert unknown.overlap is None
    assert "is not known" in unknown.term


def test_zero_shot_is_for_unseen_classes_alone(root: Path, tmp_path: Path) -> None:
    some = runner.evaluate(Seer(), rules(tmp_path), root, taught(unseen=("Port", "Beach")), tmp_path / "cache")
    assert some.term == "prompted classification of 1 seen and 2 unseen classes"
    assert some.details["top"]["unseen"]["n"] == 8
    assert some.details["top"]["unseen"]["accuracy"] == 75
    only = rules(tmp_path, RULES.replace("[words]", 'among = "unseen"\n[words]'))
    found = runner.evaluate(Seer(), only, root, taught(unseen=("Port", "Beach")), tmp_path / "cache")
    assert found.term == "zero-shot classification (no class was in training)"
    assert found.n == 8
    with pytest.raises(InputError, match="taught all but 0 of 3"):
        runner.evaluate(Seer(), only, root, taught(), tmp_path / "cache")
    with pytest.raises(InputError, match="not known"):
        runner.evaluate(Seer(), only, root, None, tmp_path / "cache")


def test_a_class_of_a_source_that_was_not_taught_is_seen_by_its_words() -> None:
    other = Record(model="m@1", sources={"ucm": Taught(pictures=1, unseen=("harbor",))})
    assert {"beach", "forest"} <= other.taught_words()
    assert "boats at the docks" not in other.taught_words()


def test_wrong_data_and_empty_splits(root: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="data root"):
        runner.evaluate(Seer(), rules(tmp_path), tmp_path / "nowhere", None, tmp_path / "cache")
    rows = [line for line in (root / "aid_rsicd.jsonl").read_text().splitlines() if '"val"' not in line]
    (root / "aid_rsicd.jsonl").write_text("\n".join(rows) + "\n")
    with pytest.raises(InputError, match="no items in the split 'val'"):
        runner.evaluate(Seer(), rules(tmp_path), root, None, tmp_path / "cache")


def test_missing_and_broken_pictures_are_counted(root: Path, tmp_path: Path) -> None:
    (root / "aid/Port/port_val3.png").unlink()
    (root / "aid/Beach/beach_val3.png").write_bytes(b"no picture")
    found = runner.evaluate(Seer(), rules(tmp_path), root, taught(), tmp_path / "cache")
    assert found.n == 10
    assert sorted(s.id for s in found.skipped) == ["aid/Beach/beach_val3.png", "aid/Port/port_val3.png"]
    assert "could not be read: 2, left out" in report.text(found)
    for file in root.glob("aid/*/*_val*.png"):
        file.unlink()
    with pytest.raises(InputError, match="Not one of 12 pictures"):
        runner.evaluate(Seer(), rules(tmp_path), root, None, tmp_path / "cache")


def test_a_model_without_a_text_tower(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no text tower"):
        runner.evaluate(Blind(), rules(tmp_path), root, None, tmp_path / "cache")
    found = runner.evaluate(Blind(), protocol.load("aid-probe", "val"), root, taught(), tmp_path / "cache")
    assert found.figure == 75
    few = runner.evaluate(Blind(), protocol.load("aid-shots", "val"), root, taught(), tmp_path / "cache")
    assert set(few.figures) == {"accuracy", "1 shot", "2 shot", "4 shot", "8 shot", "16 shot"}
    assert few.figures["1 shot"] == 75
    assert few.details["standard deviation over draws"]["1 shot"] == 0


def test_captions_are_retrieved_as_each_protocol_says(root: Path, tmp_path: Path) -> None:
    found = {
        name: runner.evaluate(Seer(), protocol.load(f"aid-captions{name}", "val"), root, None, tmp_path / "cache")
        for name in ("", "-skyscript", "-remoteclip", "-georsclip")
    }
    # without directions each class has one text; half of the texts name one
    assert found[""].details["distinct texts"] == 3
    assert found[""].figures["i2t@1"] == 75
    assert found["-remoteclip"].details["texts"] == 60
    assert found["-remoteclip"].figure < found[""].figure
    assert found["-skyscript"].details["distinct texts"] == 3 + 12
    assert all(one.baselines["chance"] < one.figure for one in found.values())
    assert found[""].baselines["nearest image's captions"] > found[""].baselines["chance"]


def test_captions_found_among_those_of_training(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    found = runner.evaluate(
        Seer(),
        protocol.load("ucm-describe").model_copy(update={"source": "aid_rsicd", "split": "val"}),
        root,
        None,
        tmp_path / "cache",
    )
    assert set(found.figures) == {"bleu1", "bleu2", "bleu3", "bleu4", "rouge_l", "cider"}
    assert found.figures["bleu4"] > 0.5
    assert found.baselines["image-blind"] < found.figure
    assert "no METEOR: METEOR needs Java" in report.text(found)


def test_captions_are_processed_as_written() -> None:
    item = Sample("a", "s", (Picture(Path("a.png")),), captions=("Trees on the left .", "a Big lake .", "a Big lake ."))
    assert processed(item, protocol.Text(directions=False)) == ["a Big lake ."]
    assert processed(item, protocol.Text(each=3, capitalize=True)) == [
        "Trees on the left .",
        "A big lake .",
        "Trees on the left .",
    ]
    assert processed(item, protocol.Text(prefix="x. ")) == ["x. Trees on the left .", "x. a Big lake ."]


def test_pictures_are_cut_and_resized(tmp_path: Path) -> None:
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 20:60] = 200
    Image.fromarray(pixels).save(tmp_path / "a.png")
    item = Sample("a", "s", (Picture(tmp_path / "a.png"),))
    assert material.prepared(item, protocol.Prepare(fit="centre"), 20).min() > 180  # the filter reaches over the edge
    squashed = material.prepared(item, protocol.Prepare(), 20)
    assert squashed.shape == (20, 20, 3)
    assert squashed[10, 0, 0] < 20
    assert material.prepared(item, protocol.Prepare(crop=0.5), 20)[10, 0, 0] > 150


def test_the_last_fifth_of_each_class_and_even_spread() -> None:
    items = [Sample(f"{label}_{i:02d}", "s", (), label=label) for label in "ba" for i in range(10)]
    assert [item.id for item in material.last_fifth(items)] == ["a_08", "a_09", "b_08", "b_09"]
    assert [item.id for item in material.spread(items, 3)] == ["b_00", "a_00", "a_09"]


def test_features_are_computed_once(root: Path, tmp_path: Path) -> None:
    first, second, other = Seer(), Seer(), Seer(hash="fedcba9876543210")
    a = runner.evaluate(first, rules(tmp_path), root, None, tmp_path / "cache")
    b = runner.evaluate(second, rules(tmp_path), root, None, tmp_path / "cache")
    runner.evaluate(other, rules(tmp_path), root, None, tmp_path / "cache")
    assert (first.looks, second.looks, other.looks) == (12, 0, 12)
    assert a.figures == b.figures


def test_models_are_compared_in_pairs(root: Path, tmp_path: Path) -> None:
    class Swapped(Seer):
        def text(self, texts: list[str]):  # type: ignore[no-untyped-def]
            return super().text([text.replace("beach", "forest") if "beach" in text else text for text in texts])

    made = rules(tmp_path)
    reports = [runner.evaluate(model, made, root, taught(), tmp_path / "cache") for model in (Seer(), Swapped("swapped"))]
    rows = report.rows(reports)
    assert rows[0]["difference"] is None
    assert rows[1]["difference"] == rows[1]["figure"] - rows[0]["figure"] < 0
    assert rows[1]["difference_low"] <= rows[1]["difference"] <= rows[1]["difference_high"]
    assert "| swapped@1 |" in report.table(reports)
    assert report.as_csv(reports).count("\n") == 3
    whole = json.loads(report.as_json(reports))
    assert whole["reports"][0]["figure"] == 75
    assert whole["table"][1]["against"] == "seer@1"
    with pytest.raises(InputError, match="cannot be compared"):
        runner.compare(reports[0], runner.evaluate(Seer(), rules(tmp_path, limit=5), root, None, tmp_path / "cache"))


def test_a_gallery_shows_the_mistakes(root: Path, tmp_path: Path) -> None:
    found = runner.evaluate(Seer("<b>"), rules(tmp_path), root, taught(), tmp_path / "cache")
    page = gallery.write([found], tmp_path / "out" / "page.html").read_text()
    assert page.count("<figure>") == page.count("data:image/webp;base64,") == 3
    assert "&lt;b&gt;@1" in page
    assert "<b>" not in page
    assert "http" not in page


def test_the_record_of_the_embedded_model() -> None:
    found = record.of("nano")
    assert found is not None
    assert found.model.startswith("nano@")
    assert {"aid_rsicd", "ucm"} <= set(found.sources)
    assert record.of("nowhere/at-all") is None


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    made = taught(unseen=("Port",), left_out=("a", "b"))
    file = record.write(made, tmp_path / "x.safetensors")
    assert file.name == "x.training.toml"
    assert record.load_toml(Record, file) == made


def test_the_card_names_commands_that_are_there() -> None:
    card = (Path(protocol.__file__).parents[1] / "weights" / "nano.md").read_text(encoding="utf-8")
    commands = re.findall(r"`geoglot evaluate nano ([\w,-]+) ", card.replace("\n", " "))
    assert commands
    assert {name for part in commands for name in part.split(",")} <= set(protocol.known())


@pytest.mark.slow
def test_untaught_words_were_not_taught(real_data: Path) -> None:
    lines = [json.loads(line) for name in ("aid_rsicd", "ucm_captions_qa") for line in (real_data / f"{name}.jsonl").open()]
    texts = [text for line in lines if line["split"] == "train" for text in line["captions"]]
    known = {word for text in [*texts, *taught().taught_words()] for word in re.findall("[a-z]+", text.lower())}
    assert [words for words in protocol.load("aid-untaught").called().values() if set(words.split()) <= known] == []
