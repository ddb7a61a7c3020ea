"""Conversations from annotations and rendered scenes: true, drawn by the seed, with twins; the helper; the journal."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from geoglot.core.errors import DataError, InputError, NetworkError, NotFoundError
from geoglot.core.protocols import Said
from geoglot.data import conversations as talk
from geoglot.data.build import conversations as made
from geoglot.data.build import talks
from geoglot.data.build.helper import Helper, keeps
from geoglot.data.build.journal import Journal
from geoglot.data.sample import Card, Picture, Sample, Thing, Turn
from geoglot.geo.boxes import Box
from geoglot.text.instructions import TASKS

CARD = Card("set", "Set", "none", "here", ("train",), {"port": ("port",), "airport": ("airport",)}, task="boxes, captions")
SHAPE = (200, 400)


def sample(folder: Path, number: int = 0, things: tuple[Thing, ...] | None = None) -> Sample:
    file = folder / f"{number}.png"
    Image.new("RGB", SHAPE[::-1], (10 * number, 0, 0)).save(file)
    if things is None:
        things = (
            Thing("ship", (0.1, 0.1, 0.2, 0.3)),
            Thing("ship", (0.6, 0.1, 0.9, 0.4)),
            Thing("bridge", (0.1, 0.7, 0.3, 0.8)),
        )
    return Sample(f"set/{number}", "set", (Picture(file),), ("a port with ships",), "port", (), things, gsd=0.5,
                  turns=(Turn("Is this a port?", "yes"),))  # fmt: skip


@pytest.fixture
def known(tmp_path: Path) -> made.Known:
    row = sample(tmp_path)
    return made.of_sample(row, CARD, ["airplane", "bridge", "ship", "storage tank"], SHAPE)


def crowd() -> made.Crowd:
    found = made.Crowd()
    for names in (
        ["ship", "storage tank"],
        ["ship", "storage tank"],
        ["ship", "bridge"],
        ["airplane"] * 1,
        ["airplane"],
        ["airplane"],
    ):
        found.add(names)
    return found


def all_of(known: made.Known, seed: int = 0) -> dict[str, list[made.Exchange]]:
    return made.exchanges(known, crowd(), seed)


def test_what_boxes_say(known: made.Known) -> None:
    assert known.absent == ("airplane", "storage tank")
    assert known.present == ("bridge", "ship")
    assert ("the bridge", 2) in known.told
    assert ("the largest ship", 1) in known.told
    assert ("the leftmost ship", 0) in known.told
    found = all_of(known)
    assert set(found) == {"caption", "classes", "vqa", "count", "refer", "region", "measure", "relation", "honesty"}
    assert {each.task for parts in found.values() for each in parts} <= set(TASKS)
    numbers = {each.answer for each in found["count"]}
    assert numbers == {"0", "1", "2"}
    both = next(each for each in found["refer"] if each.attributes["type"] == "several")
    assert (both.answer, len(both.boxes)) == ("<box:0,1>", 2)
    assert both.boxes[1].box.bounds() == pytest.approx((240, 20, 360, 80))
    grounded = next(each for each in found["refer"] if each.task == "ground")
    assert grounded.answer == "The image shows a bridge <box:0> and 2 ships <box:1,2>."
    for each in found["measure"]:
        assert float(each.attributes["value"]) > 4
    bridge = next(each for each in found["measure"] if "the bridge" in each.asked and each.attributes["type"] == "length")
    assert bridge.answer == "about 40 m"  # 80 px at 0.5 m
    assert any(each.asked == "Is this a port?" for each in found["vqa"])
    answers = Counter(each.answer for each in found["vqa"] if each.attributes["type"] == "presence")
    assert answers["yes"] == answers["no"] == 2


def test_negatives_by_three_ways(known: made.Known) -> None:
    from geoglot.data.build.conversations.honesty import negatives

    drawn = [dict(negatives(known, crowd(), np.random.default_rng(k))) for k in range(3)]
    assert all(one["adversarial"] == "storage tank" for one in drawn)  # goes with ships
    assert all(one["frequent"] == "airplane" for one in drawn)
    no_crowd = negatives(known, made.Crowd(), np.random.default_rng(0))
    assert [kind for kind, _ in no_crowd] == ["random"]


def test_every_false_premise_has_a_factual_twin(known: made.Known) -> None:
    for seed in range(5):
        pairs: dict[str, list[made.Exchange]] = {}
        for each in all_of(known, seed)["honesty"]:
            pairs.setdefault(each.twin, []).append(each)
        assert pairs
        for two in pairs.values():
            assert sorted(each.attributes["premise"] for each in two) == ["false", "true"]
            false, true = sorted(two, key=lambda each: each.attributes["premise"])
            assert any(word in false.answer.lower() for word in ("no", "not", "cannot"))
            assert not true.answer.lower().startswith("no")
            assert false.boxes == ()
        absent = [each for each in all_of(known, seed)["honesty"] if each.attributes["premise"] == "false" and
                  each.attributes["honesty"].startswith("absent")]  # fmt: skip
        assert all(any(name in each.answer for name in known.absent) for each in absent)


def test_the_seed_decides(known: made.Known) -> None:
    first = made.conversations(known, crowd(), 1, most=9)
    assert first == made.conversations(known, crowd(), 1, most=9)
    assert first != made.conversations(known, crowd(), 2, most=9)
    assert made.conversations(known, crowd(), 1, ["count"])[0].task == "count"
    alone = made.exchanges(known, crowd(), 1, ["refer"])["refer"]
    assert alone == all_of(known, 1)["refer"]
    wordings = {each.asked for seed in range(20) for each in all_of(known, seed)["caption"]}
    assert len(wordings) > 5
    with pytest.raises(InputError, match="at least one"):
        made.conversations(known, crowd(), 1, most=0)
    with pytest.raises(NotFoundError, match="count"):
        made.conversations(known, crowd(), 1, ["counts"])


def test_several_turns_share_their_pictures_and_boxes(known: made.Known) -> None:
    found = made.conversations(known, crowd(), 3, most=6, turns=4)
    talked = [each for each in found if each.task == "talk"]
    assert talked
    for each in talked:
        assert each.turns[0].pictures == (0,)
        assert all(turn.pictures == () for turn in each.turns[1:])
        named = [number for turn in each.turns for number in talk.numbers(turn.text)]
        assert sorted(set(named)) == list(range(len(each.boxes)))
    twins = Counter(each.attributes["twin"] for each in found if "twin" in each.attributes)
    assert set(twins.values()) <= {2}


def test_parts_of_pictures_and_incomplete_labels_say_nothing_of_what_is_absent(tmp_path: Path) -> None:
    row = sample(tmp_path)
    part = replace(row, pictures=(replace(row.pictures[0], window=(0, 0, 200, 200)),))
    assert made.of_sample(part, CARD, ["airplane", "ship"], SHAPE).absent == ()
    loose = made.of_sample(row, replace(CARD, task="referring"), ["airplane", "ship"], SHAPE)
    assert (loose.absent, loose.counted, loose.told) == ((), frozenset(), ())
    labelled = replace(row, things=(), labels=("docks",))
    assert made.of_sample(labelled, replace(CARD, task="labels"), ["docks", "sand"], SHAPE).absent == ("sand",)


def test_turned_boxes_are_asked_for(tmp_path: Path) -> None:
    corners = tuple((x / 400, y / 200) for x, y in Box(200, 100, 100, 20, 30).corners())
    row = sample(tmp_path, things=(Thing.outlined("ship", corners),))
    known = made.of_sample(row, CARD, ["ship"], SHAPE)
    found = [each for seed in range(12) for each in all_of(known, seed)["refer"]]
    turned = [each for each in found if each.attributes.get("box") == "oriented"]
    assert turned
    assert turned[0].boxes[0].box.angle == pytest.approx(30, abs=0.1)
    assert "orient" in turned[0].asked or "turned" in turned[0].asked


@pytest.mark.parametrize("syntax", ["geochat", "internvl", "qwen3_vl"])
def test_a_region_does_not_tell_its_answer(known: made.Known, syntax: str, tmp_path: Path) -> None:
    asked = made.conversations(known, crowd(), 0, ["region"], most=6)
    talk.write(asked, tmp_path / "r.json", "llava", talk.How(tmp_path, syntax))
    for row in json.loads((tmp_path / "r.json").read_text()):
        assert "ship" not in row["conversations"][0]["value"]
        assert "bridge" not in row["conversations"][0]["value"]


def test_change_captions(tmp_path: Path) -> None:
    row = sample(tmp_path, things=())
    pair = replace(row, pictures=row.pictures * 2, captions=("a road was built",), label="change", turns=())
    card = replace(CARD, classes={"change": ("a change",), "no change": ("no change",)}, task="change captions")
    found = made.exchanges(made.of_sample(pair, card, [], SHAPE), crowd(), 0)
    assert set(found) == {"change"}
    assert {(each.task, each.answer) for each in found["change"]} == {
        ("change caption", "A road was built."),
        ("change vqa", "yes"),
    }


def test_rendered_places(tmp_path: Path) -> None:
    plan = talks.Plan(of_place=12, seed=4)
    out = []
    for _, make in talks.of_rendered(12, plan, tmp_path, 128):
        out += make()
    tasks = {each.task for each in out}
    assert {"caption", "class", "vqa", "honesty", "change caption", "change vqa"} <= tasks
    assert tasks <= set(TASKS)
    for each in out:
        each.check()
        assert all(picture.path.exists() for picture in each.pictures)
    pairs = [each for each in out if each.task.startswith("change")]
    assert all(len(each.pictures) == 2 and each.pictures[0].time < each.pictures[1].time for each in pairs)  # type: ignore[operator]
    twins = Counter(each.attributes["twin"] for each in out if "twin" in each.attributes)
    assert twins
    assert set(twins.values()) == {2}


def test_colour_is_not_told_of_a_grey_picture(tmp_path: Path) -> None:
    row = sample(tmp_path)
    known = made.of_sample(row, CARD, ["ship"], SHAPE)
    things = tuple(replace(thing, colour="white") for thing in known.objects)
    grey = Picture(tmp_path / "grey.png")
    found = all_of(replace(known, objects=things, grey=grey))["honesty"]
    false, true = sorted((each for each in found if each.twin == "grey"), key=lambda each: each.attributes["premise"])
    assert false.pictures == (grey,)
    assert true.pictures == ()
    assert true.answer == "White."
    assert "panchromatic" in false.answer or "no colour" in false.answer
    coarse = all_of(replace(known, unseen={"vehicle": "at 10 m a pixel {} cannot be made out"}))["honesty"]
    told = next(each for each in coarse if each.twin == "sensor" and each.attributes["premise"] == "false")
    assert told.answer == "At 10 m a pixel vehicles cannot be made out."


# ---- the run -------------------------------------------------------------------------------------------------------------------


def run(folder: Path, rows: list[Sample], name: str = "out.json", **how: Any) -> talks.Summary:
    plan = how.pop("plan", talks.Plan(of_place=4))
    items = how.pop("items", None) or talks.of_source(CARD, rows, plan, None)
    return talks.write(items, folder / name, "llava", talk.How(folder, "geochat"), plan, {"name": "set"}, len(rows), **how)


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    rows = [sample(tmp_path, number) for number in range(6)]
    run(tmp_path, rows, "whole.json")

    def stopping() -> Iterator[talks.Item]:
        for number, item in enumerate(talks.of_source(CARD, rows, talks.Plan(of_place=4), None)):
            if number == 3:
                raise KeyboardInterrupt
            yield item

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, rows, items=stopping())
    journal = tmp_path / ".out.json.journal"
    assert not (tmp_path / "out.json").exists()
    journal.write_bytes(journal.read_bytes() + b'{"rows": [{"id": "cut')
    with pytest.raises(DataError, match="other settings"):
        run(tmp_path, rows, plan=talks.Plan(of_place=5))
    told = run(tmp_path, rows)
    assert (tmp_path / "out.json").read_text() == (tmp_path / "whole.json").read_text()
    assert not journal.exists()
    assert told.places == 6
    assert told.conversations == len(json.loads((tmp_path / "out.json").read_text()))


def test_counts_bad_pictures_and_nothing_to_ask(tmp_path: Path) -> None:
    rows = [sample(tmp_path, number) for number in range(4)]
    told = run(tmp_path, rows, plan=talks.Plan(count=5, of_place=3))
    assert told.conversations <= 5
    assert told.places < 4
    (tmp_path / "0.png").write_bytes(b"nothing")
    said: list[str] = []
    assert run(tmp_path, rows, say=said.append).skipped == 1
    assert said[0].startswith("set/0 is left out")
    with pytest.raises(DataError, match="Nothing could be asked"):
        run(tmp_path, rows, plan=talks.Plan(("change",)))
    with pytest.raises(InputError, match="at least one"):
        run(tmp_path, rows, plan=talks.Plan(turns=0))
    journal = Journal(tmp_path / "j.json", {})
    journal.add({"a": 1})
    assert list(journal.items()) == [{"a": 1}]
    journal.remove()


# ---- the helper ----------------------------------------------------------------------------------------------------------------


class Server:
    """An OpenAI-compatible server that answers as it is told to."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.asked: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(body | {"path": self.path, "key": self.headers.get("Authorization")})
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                status, text = answer if isinstance(answer, tuple) else (200, answer)
                if status == 0:
                    threading.Event().wait(0.5)
                    status = 200
                if status == 200 and text is not None and not text.startswith("{"):
                    text = json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]})
                self.send_response(status)
                self.end_headers()
                with contextlib.suppress(BrokenPipeError):  # who waits no longer
                    self.wfile.write((text or "").encode())

            def log_message(self, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made_here = Server()
    yield made_here
    made_here.close()


def helper(server: Server, **how: Any) -> Helper:
    return Helper(server.url, "tiny", **({"timeout": 0.25, "pause": 0.01, "retries": 2} | how))


def test_words_are_taken_only_where_they_say_the_same() -> None:
    names = ["ship", "bridge", "storage tank"]
    text = "There are 2 white ships left of the bridge <box:0>."
    assert keeps(text, "Left of the bridge <box:0> lie two white ships.", names) is None
    wrong = {
        "Left of the bridge <box:0> lie three white ships.": "numbers",
        "Left of the bridge <box:1> lie two white ships.": "boxes",
        "Right of the bridge <box:0> lie two white ships.": "directions",
        "Left of the bridge <box:0> lie two red ships.": "colours",
        "Left of the bridge <box:0> lie two white ships and a storage tank.": "things",
        "Left of the bridge <box:0> there are not two white ships.": "denial",
        "": "empty",
        "Left of the bridge <box:0> lie two white ships. " * 9: "too long",
        "Left of the bridge <box:0> lie two {white} ships.": "marks",
    }
    for new, why in wrong.items():
        assert why in str(keeps(text, new, names)), new


def test_the_helper_is_asked_once_for_each_text(server: Server, tmp_path: Path) -> None:
    server.answers = ['<think>hm</think> "How many ships can be counted?"']
    one = helper(server, cache=tmp_path / "kept", key="secret")
    assert one.say("How many ships are there?", ["ship"]) == "How many ships can be counted?"
    assert one.say("How many ships are there?", ["ship"]) == "How many ships can be counted?"
    assert len(server.asked) == 1
    assert (server.asked[0]["path"], server.asked[0]["key"], server.asked[0]["model"]) == (
        "/v1/chat/completions",
        "Bearer secret",
        "tiny",
    )
    assert helper(server, cache=tmp_path / "kept").say("How many ships are there?", ["ship"]).endswith("counted?")
    assert len(server.asked) == 1
    assert all("image" not in json.dumps(body["messages"]) for body in server.asked)


@pytest.mark.parametrize(
    "nonsense", ["There are nine ships.", "{}", '{"choices": []}', '{"choices": [{"message": {"content": 5}}]}', "{no"]
)
def test_nonsense_is_refused_and_the_text_kept(server: Server, nonsense: str) -> None:
    server.answers = [nonsense]
    one = helper(server)
    assert one.say("How many ships are there?", ["ship"]) == "How many ships are there?"
    assert (one.taken, one.refused) == (0, 1)


def test_what_passes_is_tried_again(server: Server) -> None:
    server.answers = [(503, "busy"), (0, "slow"), "How many ships can be seen?"]
    assert helper(server).say("How many ships are there?") == "How many ships can be seen?"
    server.answers = [(503, "busy")]
    with pytest.raises(NetworkError, match=r"does not answer after 3 attempts \(status 503: busy\)"):
        helper(server).say("How many?")
    server.answers = [(401, "who are you")]
    before = len(server.asked)
    with pytest.raises(NetworkError, match=r"refuses .*check the address"):
        helper(server).say("How many?")
    assert len(server.asked) == before + 1
    server.answers = [(0, "slow")]
    with pytest.raises(NetworkError, match=r"ReadTimeout.*is the server running"):
        helper(server, retries=0).say("How many?")


def test_a_run_with_a_helper_that_goes_away_can_go_on(server: Server, tmp_path: Path) -> None:
    rows = [sample(tmp_path, number) for number in range(2)]
    server.answers = [(500, "gone")]
    with pytest.raises(NetworkError):
        run(tmp_path, rows, helper=helper(server, retries=0))
    assert (tmp_path / ".out.json.journal").exists()
    server.answers = ["Nonsense about 77 giraffes."]
    told = run(tmp_path, rows, helper=helper(server))
    assert told.helped["taken"] == 0
    assert told.helped["refused"] > 3
    (first, *_) = json.loads((tmp_path / "out.json").read_text())
    assert "giraffe" not in json.dumps(first)


def test_short_answers_are_never_sent(server: Server) -> None:
    server.answers = ["Are there a pair of ships?"]
    turns = (Said("user", "Are there ships?"), Said("assistant", "yes"))
    new = helper(server).reworded(talk.Conversation("a", (), turns))
    assert new.turns[1].text == "yes"
    assert len(server.asked) == 1
