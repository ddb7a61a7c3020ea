"""A client of a served archive, for Python programs and notebooks. It needs no more than geoglot itself.

from geoglot.serve.client import Client
there = Client("http://127.0.0.1:8000")
hits = there.search("a harbour with many boats", limit=10)
there.wait(there.classify(["harbour", "forest"])).save("classes.tif", "classes.tif")
answer = there.ask("How many boats are there?", hits[0]["properties"]["scene"])
"""

from __future__ import annotations

import html
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from geoglot.core.errors import NetworkError
from geoglot.geo.write import atomic, write_text

_SHOWN = 20  # hits in a notebook
_ENDED = ("done", "failed", "cancelled", "interrupted")


class ServiceError(NetworkError):
    """A problem that the service answered with; `problem` is the whole document of RFC 9457."""

    def __init__(self, told: str, problem: Mapping[str, Any] | None = None) -> None:
        super().__init__(told)
        self.problem = dict(problem or {})
        self.status = int(self.problem.get("status", 500))


def _refusal(problem: Mapping[str, Any]) -> ServiceError:
    return ServiceError(f"{problem.get('detail', 'The service refused.')} {problem.get('remedy', '')}".strip(), problem)


class Client:
    """Talks to one service; `key` is sent where the service needs one."""

    def __init__(self, address: str, key: str | None = None, timeout: float = 90.0) -> None:
        self._address, self._timeout = address.rstrip("/"), timeout
        self._session = requests.Session()
        if key is not None:
            self._session.headers["X-API-Key"] = key

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """One request; raises `ServiceError` for a problem and `NetworkError` where nobody answers."""
        try:
            answer = self._session.request(method, self._address + path, timeout=self._timeout, **options)
        except requests.RequestException as error:
            reason = type(error).__name__
            raise NetworkError(f"{self._address} does not answer ({reason}): is 'geoglot serve' running there?") from None
        if answer.status_code >= 400:
            try:
                problem = answer.json()
            except ValueError:
                problem = {"status": answer.status_code, "detail": answer.text[:200]}
            raise _refusal(problem)
        return answer

    def archive(self) -> dict[str, Any]:
        """What is served: figures, model, verbs, limits."""
        return self._json("GET", "/api/archive")

    def scenes(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """Scenes as GeoJSON features, page after page; filters as GET /api/scenes takes them."""
        path: str | None = "/api/scenes"
        while path is not None:
            page = self._json("GET", path, params=filters)
            yield from page["features"]
            path, filters = next((link["href"] for link in page["links"] if link["rel"] == "next"), None), {}

    def search(self, text: str | None = None, **asked: Any) -> Hits:
        """Search; `asked` as POST /api/search takes it, `chip` may be a path of a picture."""
        if isinstance(asked.get("chip"), str | Path) and Path(asked["chip"]).is_file():
            asked["chip"] = self.chip(asked["chip"])
        if text is not None:
            asked["text"] = text
        return Hits(self._json("POST", "/api/search", json=asked), self)

    def chip(self, path: str | Path) -> str:
        """Send a picture to search by; gives its id."""
        with Path(path).open("rb") as file:
            return str(self._json("POST", "/api/chips", files={"file": (Path(path).name, file)})["id"])

    def upload(self, path: str | Path) -> Job:
        """Send a raster to be taken in."""
        with Path(path).open("rb") as file:
            return Job(self._json("POST", "/api/uploads", files={"file": (Path(path).name, file)}), self)

    def start(self, verb: str, **parameters: Any) -> Job:
        """Start a job of a verb."""
        return Job(self._json("POST", "/api/jobs", json={"verb": verb, "parameters": parameters}), self)

    def classify(self, labels: list[str], **where: Any) -> Job:
        """Start to classify tiles; `where` are filters, as in `search`."""
        return self.start("classify", labels=labels, **where)

    def change(self, before: str, after: str, **parameters: Any) -> Job:
        """Start to compare two scenes, by their ids; `parameters` as the verb takes them."""
        return self.start("change", before=before, after=after, **parameters)

    def cloud(self, scene: str | Sequence[str] | None = None) -> Job:
        """Start to mask cloud and shadow in a scene or several, by their ids, or in all."""
        return self.start("cloud", **({} if scene is None else {"scene": scene}))

    def ask(self, question: str, scene: str | Sequence[str], *, after: Sequence[Answer] = (), **where: Any) -> Answer:
        """Ask about a scene, or about several dates of a place, by their ids; the question follows earlier answers (`after`).

        `where` is `bbox`, `polygon` or `window`, `boxes`, `points` and `lonlat`, and `most`, as POST /api/ask takes them.
        """
        history = [
            {"role": role, "text": text}
            for one in after
            for role, text in (("user", one.told["question"]), ("assistant", one.text))
        ]
        scenes = [scene] if isinstance(scene, str) else list(scene)
        asked = {"scenes": scenes, "question": question, "history": history, **where}
        return Answer(self._json("POST", "/api/ask", json=asked), self)

    def wait(self, job: Job, told: Callable[[dict[str, Any]], None] = lambda state: None) -> Job:
        """The job once it has ended, `told` of every change; raises `ServiceError` where it failed."""
        while True:
            state = job.refresh().state
            told(job.state)
            if state["state"] in _ENDED:
                break
            time.sleep(0.2)
        if state["state"] == "failed":
            raise _refusal(state["problem"])
        return job

    def picture(self, tile: str, size: int = 192) -> bytes:
        """A tile as PNG."""
        return self.call("GET", f"/api/tiles/{tile}/thumbnail.png", params={"size": size}).content

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.call(method, path, **options).json()
        return made

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._address!r})"


class Hits(list[dict[str, Any]]):
    """Features of a search, best first, with pictures in a notebook; `collection` is the whole GeoJSON."""

    def __init__(self, collection: dict[str, Any], client: Client) -> None:
        super().__init__(collection["features"])
        self.collection, self._client = collection, client

    def write(self, path: str | Path) -> Path:
        """Write the GeoJSON."""
        with atomic(path) as part:
            part.write_text(json.dumps(self.collection, ensure_ascii=False), encoding="utf-8")
        return Path(path)

    def _repr_html_(self) -> str:
        from geoglot.geo.render import data_url

        cells = []
        for hit in self[:_SHOWN]:
            told = hit["properties"]
            caption = html.escape(f"{told['rank']}. {told['score']:.3f} {told['name']} {(told['time'] or '')[:10]}")
            source = data_url(self._client.picture(hit["id"], 160))
            cells.append(
                f'<figure style="display:inline-block;margin:4px"><img src="{source}" alt="hit {told["rank"]}">'
                f"<figcaption>{caption}</figcaption></figure>"
            )
        more = f"<p>and {len(self) - _SHOWN} more</p>" if len(self) > _SHOWN else ""
        return "".join(cells) + more or "<p>No hits.</p>"


class Answer:
    """An answer; `told` is all that the service said of it."""

    def __init__(self, told: dict[str, Any], client: Client) -> None:
        self.told, self._client = told, client

    @property
    def text(self) -> str:
        """What is answered."""
        return str(self.told["text"])

    @property
    def confidence(self) -> float | None:
        """In [0, 1]; None where the model does not say."""
        found = self.told["confidence"]
        return None if found is None else float(found)

    @property
    def refused(self) -> bool:
        """Whether it cannot be known from what is seen."""
        return bool(self.told["refused"])

    @property
    def boxes(self) -> list[dict[str, Any]]:
        """GeoJSON features; without georeference they have their place in `properties.box` alone, in pixels."""
        found: list[dict[str, Any]] = self.told["boxes"]["features"]
        return found

    def evidence(self) -> bytes | None:
        """What the answer is from as PNG over the scene; None where the model does not say."""
        found = self.told["evidence"]
        return None if found is None else self._client.call("GET", found["href"]).content

    def write(self, path: str | Path) -> Path:
        """Write the boxes as GeoJSON."""
        write_text(path, json.dumps(self.told["boxes"], ensure_ascii=False))
        return Path(path)

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        sure = "" if self.confidence is None else f" ({self.confidence:.0%})"
        return f"<p><b>{html.escape(self.told['question'])}</b><br>{html.escape(self.text)}{sure}</p>"


class Job:
    """A job of the service."""

    def __init__(self, state: dict[str, Any], client: Client) -> None:
        self.state, self._client = state, client

    @property
    def id(self) -> str:
        """Its name."""
        return str(self.state["id"])

    @property
    def results(self) -> list[str]:
        """Names of what it made."""
        return [result["name"] for result in self.state["results"]]

    def refresh(self) -> Job:
        """Ask how far it is."""
        self.state = self._client.call("GET", f"/api/jobs/{self.id}").json()
        return self

    def cancel(self) -> None:
        """Stop it."""
        self.state = self._client.call("DELETE", f"/api/jobs/{self.id}").json()

    def resume(self) -> None:
        """Go on with it."""
        self.state = self._client.call("POST", f"/api/jobs/{self.id}/resume").json()

    def save(self, name: str, path: str | Path) -> Path:
        """Fetch a result into a file, which is there only when all of it has come."""
        answer = self._client.call("GET", f"/api/jobs/{self.id}/results/{name}", stream=True)
        with atomic(path) as part, part.open("wb") as file:
            for chunk in answer.iter_content(1 << 20):
                file.write(chunk)
        return Path(path)

    def _repr_html_(self) -> str:
        told = self.state
        share = f"{told['done']:,} of {told['total']:,}" if told["total"] else ""
        links = ", ".join(html.escape(name) for name in self.results)
        return f"<p><b>{html.escape(told['title'])}</b>: {told['state']} {share} {html.escape(told['message'])}</p><p>{links}</p>"
