"""Long work: jobs in a line, one at a time, with progress; kept on disk, so that they outlive the server.

A job is a folder: `job.json`, `work` for what a verb wants to find again when it goes on, and `results`, which takes its
name only when everything in it is whole.
"""

from __future__ import annotations

import json
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from geoglot.core import parts
from geoglot.core.progress import Progress, watched
from geoglot.geo.write import write_text
from geoglot.serve import problems
from geoglot.serve.errors import Busy, Conflict, Missing, Unusable
from geoglot.serve.logs import log, note
from geoglot.serve.settings import Limits

if TYPE_CHECKING:
    from geoglot.serve.service import Service

ENDED = ("done", "failed", "cancelled", "interrupted")
RESUMABLE = ("failed", "cancelled", "interrupted")
ROOM = "serve.verbs"
_SAVED = 5.0  # seconds between writes of a job's progress


class Cancelled(Exception):
    """Ends the work of a job that is not wanted any more."""


@dataclass
class Result:
    """A file that a job made; `legend` and `bounds` are of rasters that can be shown as map tiles.

    Of one with several bands `band` is shown, counted from 1, in the colours of the legend.
    """

    name: str
    media_type: str
    bytes: int = 0
    legend: list[dict[str, Any]] | None = None
    bounds: list[float] | None = None
    band: int | None = None


@dataclass
class Job:
    """What is known of a job."""

    id: str
    verb: str
    title: str
    parameters: dict[str, Any]
    state: str = "queued"
    done: int = 0
    total: int | None = None
    message: str = "waits"
    created: str = ""
    started: str | None = None
    finished: str | None = None
    problem: dict[str, Any] | None = None
    results: list[Result] = field(default_factory=list)
    scenes: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """The job for those who ask; results are told once all of them are whole."""
        made = asdict(self)
        if self.state != "done":
            made["results"] = []
        for result in made["results"]:
            base = f"/api/jobs/{self.id}/results/{result['name']}"
            result["href"] = base
            if result["bounds"] is not None:
                result["tiles"] = f"{base}/tiles/{{z}}/{{x}}/{{y}}.png"
            for key in ("legend", "bounds", "band"):
                if result[key] is None:
                    del result[key]
        return made


class Context:
    """What a verb gets: the service, two folders, and ways to tell how far it is."""

    def __init__(self, service: Service, job: Job, folder: Path, stop: threading.Event, save: Callable[[], None]) -> None:
        self.service, self.job = service, job
        self.work, self.out = folder / "work", folder / "results.part"
        self._stop, self._save, self._saved = stop, save, time.monotonic()

    def check(self) -> None:
        """Raise `Cancelled` where the job is not wanted any more: to be called between steps."""
        if self._stop.is_set():
            raise Cancelled("The job was cancelled.")

    def progress(self, done: int, total: int | None, message: str = "") -> None:
        """Tell how far the work is."""
        self.check()
        self.job.done, self.job.total = done, total
        if message:
            self.job.message = message
        if time.monotonic() - self._saved > _SAVED:
            self._saved = time.monotonic()
            self._save()

    def watch(self, shown: Progress) -> None:
        """`progress` for everything that counts with `core.progress`."""
        self.progress(shown.done, shown.total, shown.label)

    def result(self, name: str, media_type: str, **more: Any) -> Path:
        """Where to write a result; it is listed once the job is done."""
        self.job.results.append(Result(name, media_type, **more))
        return self.out / name


class Jobs:
    """All jobs of a service, and the thread that works on them."""

    def __init__(self, service: Service, folder: Path, limits: Limits) -> None:
        self._service, self._folder, self._limits = service, folder, limits
        self._jobs: dict[str, Job] = {}
        self._stops: dict[str, threading.Event] = {}
        self._line: deque[str] = deque()
        self._change = threading.Condition()
        self._closing = False
        self._load()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()

    def _load(self) -> None:
        for file in sorted(self._folder.glob("*/job.json")):
            try:
                made = json.loads(file.read_text(encoding="utf-8"))
                made["results"] = [Result(**result) for result in made["results"]]
                job = Job(**made)
            except (ValueError, TypeError, KeyError, OSError) as error:
                log.warning("damaged job", extra={"fields": {"job": file.parent.name, "error": str(error)}})
                continue
            if job.state not in ENDED:
                job.state, job.message = "interrupted", "the server stopped; resume it"
                job.results = []
                for name in ("results.part", "results"):  # it may have ended between the two, and was told to nobody
                    shutil.rmtree(file.parent / name, ignore_errors=True)
            self._jobs[job.id] = job
            self._save(job)

    def _save(self, job: Job) -> None:
        folder = self._folder / job.id
        if folder.is_dir():
            write_text(folder / "job.json", json.dumps(asdict(job)))

    def add(self, verb: str, parameters: Mapping[str, Any]) -> Job:
        """Put a job in the line; what is wrong with its parameters is said now and not later."""
        if verb not in parts.names(ROOM):
            raise Unusable(f"There is no verb {verb[:40]!r}.", f"There are: {', '.join(parts.names(ROOM))}.")
        module = parts.find(ROOM, verb)
        try:
            asked = module.Parameters.model_validate(dict(parameters))
        except ValidationError as error:
            first = error.errors()[0]
            where = "/".join(["parameters", *(str(part) for part in first["loc"])])
            raise Unusable(f"{where}: {first['msg']}.", f"See the schema of {verb} in /api/archive.") from None
        module.check(asked, self._service)
        with self._change:
            if sum(job.state not in ENDED for job in self._jobs.values()) >= self._limits.jobs:
                raise Busy("Too many jobs wait.", "Wait for some to end, or cancel some of them.")
            job = Job(
                secrets.token_urlsafe(9),
                verb,
                module.title(asked, self._service),
                asked.model_dump(exclude_unset=True, mode="json"),
            )
            job.created = _now()
            (self._folder / job.id).mkdir()
            try:
                self._save(job)
            except OSError:  # a full disk: a job that was refused must not run
                shutil.rmtree(self._folder / job.id, ignore_errors=True)
                raise
            self._jobs[job.id] = job
            self._enqueue(job)
            self._prune()
        return job

    def _enqueue(self, job: Job) -> None:
        self._stops[job.id] = threading.Event()
        self._line.append(job.id)
        self._save(job)
        self._change.notify_all()

    def get(self, id: str) -> Job:
        """A job by its id."""
        found = self._jobs.get(id)
        if found is None:
            raise Missing(f"There is no job {id[:40]!r}.", "GET /api/jobs lists them.")
        return found

    def all(self) -> list[Job]:
        """All jobs, newest first."""
        return sorted(self._jobs.values(), key=lambda job: job.created, reverse=True)

    def cancel(self, id: str) -> Job:
        """Stop a job that waits or runs; one that runs stops at its next step."""
        with self._change:
            job = self.get(id)
            if job.state in ENDED:
                raise Conflict(f"The job is {job.state}: there is nothing to cancel.", "DELETE with ?forget=true removes it.")
            self._stops[id].set()
            if id in self._line:
                self._line.remove(id)
                self._end(job, "cancelled", "cancelled before it began")
        return job

    def resume(self, id: str) -> Job:
        """Put a job that did not come to its end into the line again; what it had done is kept where its verb allows."""
        with self._change:
            job = self.get(id)
            if job.state not in RESUMABLE:
                raise Conflict(f"The job is {job.state}, so there is nothing to resume.", "Start another one: POST /api/jobs.")
            job.state, job.message, job.problem, job.finished = "queued", "waits", None, None
            job.results, job.scenes = [], []
            self._enqueue(job)
        return job

    def forget(self, id: str) -> None:
        """Remove a job that has ended, with its results."""
        with self._change:
            job = self.get(id)
            if job.state not in ENDED:
                raise Conflict(f"The job is {job.state}.", "Cancel it first: DELETE without ?forget.")
            self._drop(job)

    def _drop(self, job: Job) -> None:
        del self._jobs[job.id]
        self._stops.pop(job.id, None)
        shutil.rmtree(self._folder / job.id, ignore_errors=True)
        module = parts.find(ROOM, job.verb)
        if hasattr(module, "dropped"):
            module.dropped(job.parameters, self._service)

    def _prune(self) -> None:
        ended = [job for job in reversed(self.all()) if job.state in ENDED]
        for job in ended[: max(0, len(ended) - self._limits.kept)]:
            self._drop(job)

    def file(self, id: str, name: str) -> tuple[Path, Result]:
        """A result of a job that is done."""
        job = self.get(id)
        for result in job.results:
            path = self._folder / id / "results" / name
            if result.name == name and job.state == "done" and path.is_file():
                return path, result
        raise Missing(f"The job has no result {name[:60]!r}.", "GET /api/jobs/{id} lists its results once it is done.")

    def _run(self) -> None:
        while True:
            with self._change:
                while not self._line and not self._closing:
                    self._change.wait()
                if self._closing:
                    return
                job = self._jobs[self._line.popleft()]
                job.state, job.started, job.message = "running", _now(), "begins"
                stop = self._stops[job.id]
                self._save(job)
            try:
                self._work(job, stop)
            except Exception as error:  # the line goes on whatever happens to one job's files
                log.error("job", exc_info=error)

    def _work(self, job: Job, stop: threading.Event) -> None:
        folder = self._folder / job.id
        context = Context(self._service, job, folder, stop, lambda: self._save(job))
        began = time.monotonic()
        try:
            shutil.rmtree(context.out, ignore_errors=True)
            context.work.mkdir(exist_ok=True)
            context.out.mkdir()
            module = parts.find(ROOM, job.verb)
            with watched(context.watch):
                module.run(module.Parameters.model_validate(job.parameters), context)
            context.check()
            for result in job.results:
                result.bytes = (context.out / result.name).stat().st_size
            context.out.rename(folder / "results")
            shutil.rmtree(context.work, ignore_errors=True)
            self._end(job, "done", job.message)
        except Cancelled:
            closing = self._closing
            self._undo(job, context)
            self._end(job, "interrupted" if closing else "cancelled", "the server stopped; resume it" if closing else "cancelled")
        except Exception as error:
            if problems.known(error) is None:
                log.error("job", exc_info=error)
            self._undo(job, context)
            job.problem = problems.of(error, f"/api/jobs/{job.id}").model_dump(exclude_none=True)
            self._end(job, "failed", str(job.problem["detail"]))
        note("job", job=job.id, verb=job.verb, state=job.state, seconds=round(time.monotonic() - began, 2))

    def _undo(self, job: Job, context: Context) -> None:
        """Take half results away, before anyone is told that the job has ended."""
        job.results = []
        for folder in (context.out, context.out.with_name("results")):
            shutil.rmtree(folder, ignore_errors=True)

    def _end(self, job: Job, state: str, message: str) -> None:
        job.message, job.finished, job.state = message, _now(), state
        self._save(job)
        self._service.metrics.job(job.verb, state)

    def close(self) -> None:
        """Stop what runs, so that it can be resumed, and end the thread."""
        with self._change:
            self._closing = True
            for stop in self._stops.values():
                stop.set()
            self._change.notify_all()
        self._thread.join(10)
        for job in self._jobs.values():
            if job.state not in ENDED:
                self._end(job, "interrupted", "the server stopped; resume it")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
