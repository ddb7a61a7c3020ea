"""A model behind any server that speaks OpenAI's protocol (vLLM, Ollama, llama.cpp ...): `openai:http://host/v1#model`.

Pictures go along as PNG, large ones as JPEG. The key, where the server wants one, is read from `GEOGLOT_CHAT_KEY` when a
question is asked, and stands in no message. A server that is busy or out of reach for a moment is asked again.
"""

from __future__ import annotations

import base64
import io
import json
import os
import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from PIL import Image

from geoglot.core.errors import AccessError, GeoglotError, InputError, ModelError, NetworkError, NotFoundError, ResourceError
from geoglot.core.protocols import ModelSpec, Reply, Said, Speech
from geoglot.geo.raster import Raster
from geoglot.models.answering import boxes
from geoglot.models.catalogue import ANY_GSD, NOT_STATED
from geoglot.models.picture import to_bytes
from geoglot.models.prompt import checked, content
from geoglot.models.published import BANDS

KEY = "GEOGLOT_CHAT_KEY"
SIDE, LARGE = 2048, 512 * 512  # the longest side that is sent, and pixels beyond which a picture goes as JPEG
MOST = 16 << 20  # bytes of an answer
GREY = (0.5, 0.5, 0.5)
CODECS = {
    "qwen2-vl": "qwen2_vl",
    "qwen2.5-vl": "qwen25_vl",
    "qwen2.5vl": "qwen25_vl",
    "qwen3-vl": "qwen3_vl",
    "qwen3vl": "qwen3_vl",
}
CODECS |= {"internvl": "internvl", "geochat": "geochat"}
PASSING = (408, 409, 425, 429, 500, 502, 503, 504)
MARK = "\ufffc"


class Endpoint:
    """A conversation model on a server. ``timeout`` seconds without a byte, ``patience`` seconds in all, ``tries`` in all."""

    def __init__(self, address: str, model: str, timeout: float = 120.0, patience: float = 600.0, tries: int = 3) -> None:
        self.address, self.model = address.rstrip("/"), model
        self.timeout, self.patience, self.tries, self.pause, self.answer = timeout, patience, tries, 0.5, 512
        self.codec = next((codec for part, codec in CODECS.items() if part in model.lower()), "")
        self.session = requests.Session()
        self.spec = ModelSpec(model, "served", "", 0, BANDS, 0, ANY_GSD, (), (), "", NOT_STATED)

    def reply(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Reply:
        """The answer to the last turn. Raises InputError, NetworkError, AccessError, NotFoundError, ModelError, ResourceError."""
        found, body = self._asked(turns, pictures)
        with self._post(body) as response:
            message = self._message(self._json(response))
        return self._told_of(*_text(message), turns, found)

    def stream(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Speech:
        """The text of the answer in parts, as the server sends them. Raises as `reply`, what is in the question at once."""
        found, body = self._asked(turns, pictures)
        return self._aloud(turns, found, body | {"stream": True})

    def _aloud(self, turns: Sequence[Said], found: Sequence[Image.Image], body: dict[str, Any]) -> Speech:
        told, refused = "", False
        for text, no in self._parts(body):
            told, refused = told + text, refused or no
            yield text
        return self._told_of(told, refused, turns, found)

    def _told_of(self, text: str, refused: bool, turns: Sequence[Said], found: Sequence[Image.Image]) -> Reply:
        text = text.strip()
        if not text:
            raise ModelError(f"{self.address} answered with no text: ask again, or raise the model's limit of tokens.")
        shape = (found[-1].size[1], found[-1].size[0]) if found else None
        made, labels = boxes(text, self.codec, {}, shape)
        last = [number for turn in turns for number in turn.pictures][-1:]
        return Reply(text, made, labels, tuple(last) * len(made), refused=refused)

    def _asked(self, turns: Sequence[Said], pictures: Sequence[Any]) -> tuple[list[Image.Image], dict[str, Any]]:
        """Pictures as they are sent, and the whole request."""
        shown = {number: _picture(raster) for number, raster, _ in checked(turns, pictures, (MARK,))}
        urls = {number: _url(image) for number, image in shown.items()}
        messages: list[dict[str, Any]] = []
        for turn in turns:
            pieces = content(turn, pictures, [MARK] * len(turn.pictures), "\n").split(MARK)
            said: list[dict[str, Any]] = []
            for k, piece in enumerate(pieces):
                if k:
                    said.append({"type": "image_url", "image_url": {"url": urls[turn.pictures[k - 1]]}})
                if piece.strip():
                    said.append({"type": "text", "text": piece.strip()})
            messages.append({"role": turn.role, "content": said if turn.pictures else turn.text})
        order = [shown[number] for turn in turns for number in turn.pictures]
        return order, {"model": self.model, "messages": messages, "temperature": 0, "max_tokens": self.answer}

    def _parts(self, body: dict[str, Any]) -> Iterator[tuple[str, bool]]:
        """Parts of the answer, and whether each is of a refusal."""
        with self._post(body) as response:
            if "text/event-stream" not in response.headers.get("Content-Type", ""):
                yield _text(self._message(self._json(response)))
                return
            ended = False
            for line in self._lines(response):
                if not line.startswith("data:"):
                    continue
                data = line.removeprefix("data:").strip()
                if data == "[DONE]":
                    ended = True
                    break
                told = self._parsed(data)
                choice = _first(told)
                delta = choice.get("delta")
                ended = ended or choice.get("finish_reason") is not None
                text, no = _text(delta) if isinstance(delta, dict) else ("", False)
                if text:
                    yield text, no
            if not ended:
                raise NetworkError(f"{self.address} broke off in the middle of its answer: ask again.")

    def _post(self, body: dict[str, Any]) -> requests.Response:
        """The server's answer to a request, asked again while the server is busy. Raises for an answer that is an error."""
        return self._send("POST", "/chat/completions", body)

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> requests.Response:
        begun, trouble = time.monotonic(), NetworkError(f"{self.address} was not asked: give at least one try.")
        for number in range(self.tries):
            wait = self.pause * 2**number
            try:
                response = self.session.request(
                    method, self.address + path, json=body, timeout=(min(10.0, self.timeout), self.timeout),
                    headers=self._headers(), stream=True, allow_redirects=False,
                )  # fmt: skip
            except requests.RequestException as error:
                trouble = NetworkError(
                    f"{self.address} does not answer ({_why(error)}): is the server running there, and is the address its API's "
                    "(as in http://127.0.0.1:8000/v1)?"
                )
            else:
                if response.status_code < 300:
                    return response
                with response:
                    failed = self._refused(response)
                    if response.status_code not in PASSING:
                        raise failed
                    trouble, wait = failed, max(wait, _after(response))  # type: ignore[assignment]
            if number + 1 == self.tries or time.monotonic() - begun + wait > self.patience:
                break
            time.sleep(wait)
        raise trouble

    def _headers(self) -> dict[str, str]:
        key = os.environ.get(KEY, "").strip()
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _refused(self, response: requests.Response) -> GeoglotError:
        """What an answer that is an error means here."""
        code, told = response.status_code, self._told(response)
        where = f"{self.address} ({code}{': ' + told if told else ''})"
        if code in (401, 403):
            return AccessError(f"{where} wants a key, or another one: put it into the environment variable {KEY}.")
        if code == 404:
            return NotFoundError(
                f"{where} knows no such model or address: is {self.model!r} served there, and the address its API's?"
            )
        if code in (400, 413, 422):
            return InputError(f"{where} does not take the question: give fewer or smaller pictures, or a shorter conversation.")
        if code == 429:
            return ResourceError(f"{where} takes no more questions for now: ask later, or fewer at a time.")
        if 300 <= code < 400:
            return NetworkError(f"{where} sends on elsewhere, where no key is sent: give the address that it names.")
        return NetworkError(f"{where} failed: look at the server's own log, and ask again.")

    def _told(self, response: requests.Response) -> str:
        """What a server says of an error, in one line, without the key."""
        try:
            body = self._body(response)
            found = json.loads(body)
            error = found.get("error", found.get("detail", found.get("message", ""))) if isinstance(found, dict) else ""
            text = str(error.get("message", "")) if isinstance(error, dict) else str(error)
        except (ValueError, GeoglotError):
            return ""
        return _line(text)

    def _json(self, response: requests.Response) -> dict[str, Any]:
        return self._parsed(self._body(response).decode("utf-8", "replace"))

    def _parsed(self, text: str) -> dict[str, Any]:
        try:
            found = json.loads(text)
        except ValueError:
            what = "a web page" if text.lstrip()[:1] == "<" else "nothing" if not text.strip() else "what is no JSON"
            raise NetworkError(
                f"{self.address} answered with {what}: give the address of an API that is compatible with OpenAI's "
                "(as in http://127.0.0.1:8000/v1)."
            ) from None
        if not isinstance(found, dict):
            raise ModelError(f"{self.address} answered with no object: is it compatible with OpenAI's API?")
        if found.get("error"):
            raise ModelError(f"{self.address} answered with an error ({_line(found['error'])}): look at the server's own log.")
        return found

    def _message(self, found: dict[str, Any]) -> dict[str, Any]:
        message = _first(found).get("message")
        if not isinstance(message, dict):
            raise ModelError(f"{self.address} answered without a choice: is {self.model!r} a model that converses?")
        return message

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        begun, got = time.monotonic(), 0
        try:
            for chunk in response.iter_content(None):
                got += len(chunk)
                if got > MOST:
                    raise ResourceError(f"{self.address} answered with more than {MOST >> 20} MB: is it the right address?")
                if time.monotonic() - begun > self.patience:
                    raise NetworkError(
                        f"{self.address} was not done after {self.patience:.0f} s: ask for less, or be more patient."
                    )
                yield chunk
        except requests.RequestException as error:
            raise NetworkError(f"{self.address} broke off in the middle of its answer ({_why(error)}): ask again.") from None

    def _body(self, response: requests.Response) -> bytes:
        return b"".join(self._chunks(response))

    def _lines(self, response: requests.Response) -> Iterator[str]:
        rest = b""
        for chunk in self._chunks(response):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line.decode("utf-8", "replace").strip("\r") for line in whole)
        yield rest.decode("utf-8", "replace")


def open_address(address: str, **options: Any) -> Endpoint:
    """A model by `openai:http://host/v1#model`; without a model the only one that is served. Raises InputError, NetworkError."""
    place, _, model = address.removeprefix("openai:").partition("#")
    parts = urlsplit(place)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"{address!r} is no address of a model: write openai:http://host:port/v1#model")
    if parts.username or parts.password or parts.query:
        raise InputError(f"the address of a model holds no key: put it into the environment variable {KEY}")
    made = Endpoint(place, model, **options)
    if model:
        return made
    with made._send("GET", "/models", None) as response:
        served = made._json(response).get("data")
    names = [str(one.get("id")) for one in served if isinstance(one, dict)] if isinstance(served, list) else []
    if len(names) != 1:
        raise InputError(
            f"{place} serves {', '.join(names) or 'no models that it names'}: write which one, as in {address}#model"
        )
    return Endpoint(place, names[0], **options)


def _picture(raster: Raster) -> Image.Image:
    image = Image.fromarray(to_bytes(raster, GREY))
    image.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    return image


def _url(image: Image.Image) -> str:
    buffer, jpeg = io.BytesIO(), image.width * image.height > LARGE
    image.save(buffer, "JPEG", quality=92) if jpeg else image.save(buffer, "PNG")
    return f"data:image/{'jpeg' if jpeg else 'png'};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _first(found: dict[str, Any]) -> dict[str, Any]:
    """The first choice of an answer; empty where there is none."""
    choices = found.get("choices")
    return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}


def _text(message: dict[str, Any]) -> tuple[str, bool]:
    """The text of a message or a part of one, and whether it is a refusal."""
    told = message.get("content")
    if isinstance(told, list):
        told = "".join(str(part.get("text", "")) for part in told if isinstance(part, dict))
    if told:
        return str(told), False
    refusal = message.get("refusal")
    return str(refusal or ""), bool(refusal)


def _line(told: Any) -> str:
    """What a server says, in one line of at most 200 characters, without the key."""
    key, text = os.environ.get(KEY, "").strip(), " ".join(str(told).split())
    return (text.replace(key, "***") if key else text)[:200]


def _why(error: requests.RequestException) -> str:
    return "it took too long" if isinstance(error, requests.Timeout) else type(error).__name__


def _after(response: requests.Response) -> float:
    """Seconds after which a server wants to be asked again, at most a minute; 0 where it does not say."""
    told = response.headers.get("Retry-After", "")
    try:
        return min(max(float(told), 0.0), 60.0)
    except ValueError:
        pass
    try:
        return min(max(parsedate_to_datetime(told).timestamp() - time.time(), 0.0), 60.0)
    except (TypeError, ValueError):
        return 0.0
