"""Streams: the seed decides the order, parts are disjoint and whole, a resumed stream goes on exactly, mixtures too."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_shards import samples

from geoglot.core.errors import DataError, InputError
from geoglot.data.sample import Sample
from geoglot.data.shards import Listed, Mixture, Stream, parts, prefetch, write
from geoglot.data.shards.stream import draw

COUNT = 40


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    write(samples(folder / "in", COUNT), folder / "tar", "train", most_samples=7)
    write(samples(folder / "in", COUNT), folder / "parquet", "train", "parquet", most_samples=7)
    return folder


def ids(rows: Iterator[Sample] | Stream | Listed | Mixture) -> list[str]:
    return [row.id for row in rows]


EVERYTHING = {f"made/{i}" for i in range(COUNT)}


@pytest.mark.parametrize("format", ["tar", "parquet"])
def test_an_epoch_gives_everything_once_in_an_order_of_the_seed(format: str, shards: Path) -> None:
    one, two = Stream(shards / format, seed=1, buffer=8), Stream(shards / format, seed=1, buffer=8)
    first, second = ids(one), ids(one)
    assert (first, second) == (ids(two), ids(two))
    assert set(first) == set(second) == EVERYTHING
    assert len(first) == len(second) == COUNT == one.total()
    assert first != second
    assert first != ids(Stream(shards / format, seed=2, buffer=8))
    assert one.epoch == 2
    in_order = ids(Stream(shards / format, buffer=0))
    assert in_order == [f"made/{i}" for i in range(COUNT)]


def test_the_order_is_that_of_every_machine(shards: Path) -> None:
    assert [draw(1000, 5, i) for i in range(6)] == [draw(1000, 5, i) for i in range(6)]
    counts = np.bincount([draw(10, 3, i) for i in range(5000)], minlength=10)
    assert counts.min() > 400
    assert ids(Stream(shards / "tar", seed=7, buffer=5))[:6] == ids(Stream(shards / "parquet", seed=7, buffer=5))[:6]


@settings(max_examples=20, deadline=None)
@given(stop=st.integers(0, 2 * COUNT), buffer=st.sampled_from([0, 3, 16, 100]), k=st.integers(0, 2), tar=st.booleans())
def test_a_resumed_stream_goes_on_exactly(shards: Path, stop: int, buffer: int, k: int, tar: bool) -> None:
    def make() -> Stream:
        return Stream(shards / ("tar" if tar else "parquet"), seed=3, buffer=buffer, part=(k, 3))

    def forever(stream: Stream) -> Iterator[Sample]:
        while True:
            yield from stream

    whole = ids(islice(forever(make()), stop + 10))
    first = make()
    assert ids(islice(forever(first), stop)) == whole[:stop]
    second = make()
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert ids(islice(forever(second), 10)) == whole[stop:]


@pytest.mark.parametrize("n", [1, 2, 3, 5, 6, 7, 13, 40, 50])
def test_parts_are_disjoint_and_whole(n: int, shards: Path) -> None:
    for buffer in (0, 9):
        found = [ids(Stream(shards / "tar", seed=1, buffer=buffer, part=(k, n))) for k in range(n)]
        assert Counter(name for part in found for name in part) == Counter(EVERYTHING)


def test_parts_are_those_of_the_process_and_the_worker(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from geoglot.data.shards.loader import Loadable

    assert parts() == (0, 1)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert parts() == (1, 3)
    import torch

    loader = torch.utils.data.DataLoader(Loadable(Stream(shards / "tar"), name_of), batch_size=None, num_workers=2)
    found = list(loader)
    monkeypatch.delenv("RANK")
    monkeypatch.delenv("WORLD_SIZE")
    expected = [ids(Stream(shards / "tar", part=(k, 6))) for k in (2, 3)]
    assert Counter(found) == Counter(name for part in expected for name in part)


def name_of(sample: Sample) -> str:
    return sample.id


def test_a_state_of_another_stream_is_refused(shards: Path) -> None:
    state = Stream(shards / "tar", seed=1).state_dict()
    for other in (
        Stream(shards / "tar", seed=2),
        Stream(shards / "parquet", seed=1),
        Stream(shards / "tar", seed=1, part=(0, 2)),
    ):
        with pytest.raises(DataError, match="another stream"):
            other.load_state_dict(state)
    with pytest.raises(InputError, match="from 0 to n - 1"):
        Stream(shards / "tar", part=(2, 2))


def listed(name: str, count: int, seed: int = 0) -> Listed:
    return Listed([Sample(f"{name}/{i}", name, ()) for i in range(count)], seed, part=(0, 1))


def test_a_list_is_a_stream_too() -> None:
    one, two = listed("a", 9), listed("a", 9)
    first, second = ids(one), ids(one)
    assert sorted(first) == sorted(second) == sorted(f"a/{i}" for i in range(9))
    assert first != second
    ids(islice(iter(two), 5))
    three = listed("a", 9)
    three.load_state_dict(json.loads(json.dumps(two.state_dict())))
    assert ids(three) == first[5:]
    assert ids(three) == second
    with pytest.raises(DataError, match="another list"):
        listed("b", 9).load_state_dict(two.state_dict())
    assert ids(Listed(one.samples, shuffle=False, part=(1, 2))) == ["a/1", "a/3", "a/5", "a/7"]


def mixture(policy: str = "repeat", weights: dict[str, float] | None = None) -> Mixture:
    return Mixture({"a": listed("a", 30), "b": listed("b", 5)}, weights, seed=4, exhausted=policy)  # type: ignore[arg-type]


def test_a_mixture_draws_by_weight_and_repeats() -> None:
    found = ids(islice(iter(mixture(weights={"a": 3, "b": 1})), 400))
    share = sum(name.startswith("b") for name in found) / len(found)
    assert share == pytest.approx(0.25, abs=0.05)
    assert found == ids(islice(iter(mixture(weights={"a": 3, "b": 1})), 400))


def test_a_mixture_stops_or_drops() -> None:
    stopped = ids(mixture("stop"))
    assert len([name for name in stopped if name.startswith("b")]) == 5
    dropped = ids(mixture("drop"))
    assert Counter(dropped) == Counter([*(f"a/{i}" for i in range(30)), *(f"b/{i}" for i in range(5))])


@pytest.mark.parametrize("policy", ["repeat", "drop"])
@pytest.mark.parametrize("stop", [0, 1, 7, 12, 25, 33])
def test_a_resumed_mixture_goes_on_exactly(policy: str, stop: int) -> None:
    whole = ids(islice(iter(mixture(policy)), stop + 12))
    first = mixture(policy)
    iterator = iter(first)
    assert ids(islice(iterator, stop)) == whole[:stop]
    second = mixture(policy)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert ids(islice(iter(second), 12)) == whole[stop:]


def test_wrong_mixtures_are_refused() -> None:
    with pytest.raises(InputError, match="name the same"):
        mixture(weights={"a": 1})
    with pytest.raises(InputError, match="positive"):
        mixture(weights={"a": 1, "b": 0})
    with pytest.raises(DataError, match="gives no samples"):
        list(islice(iter(Mixture({"none": listed("none", 0)})), 3))
    with pytest.raises(DataError, match="another mixture"):
        mixture(weights={"a": 1, "b": 2}).load_state_dict(mixture().state_dict())


def mean(sample: Sample) -> tuple[str, float]:
    return sample.id, float(sample.pictures[0].read().mean())


@pytest.mark.parametrize("processes", [False, True])
def test_reading_ahead_keeps_order_and_place(processes: bool, shards: Path) -> None:
    def make() -> Stream:
        return Stream(shards / "tar", seed=3, buffer=8)

    whole = [mean(sample) for sample in make()]
    ahead = prefetch(make(), mean, workers=2, ahead=6, processes=processes)
    assert list(islice(iter(ahead), 11)) == whole[:11]
    again = prefetch(make(), mean, workers=2, ahead=6)
    again.load_state_dict(ahead.state_dict())
    assert list(again) == whole[11:]
    assert again.state_dict()["epoch"] == 1


def test_an_error_of_decoding_comes_in_its_turn(shards: Path) -> None:
    def decode(sample: Sample) -> str:
        if sample.id == "made/5":
            raise ValueError("five")
        return sample.id

    found: list[str] = []
    with pytest.raises(ValueError, match="five"):
        found.extend(prefetch(Stream(shards / "tar", buffer=0), decode, ahead=20))
    assert found == [f"made/{i}" for i in range(5)]
    with pytest.raises(InputError, match="at least one"):
        prefetch(Stream(shards / "tar"), decode, workers=0)
