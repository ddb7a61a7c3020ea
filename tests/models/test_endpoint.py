"""Models behind an OpenAI-compatible server: what is asked, what is answered, and every way in which it goes wrong."""

import base64
import io
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from chat_kit import asked, picture
from geoglot.core.errors import AccessError, GeoglotError, InputError, ModelError, NetworkError, NotFoundError, ResourceError
from geoglot.core.protocols import Chat, Said, whole
from geoglot.models.chats import endpoint, is_chat, load

SAID = {"choices": [{"message": {"role": "assistant", "content": "two ships"}, "finish_reason": "stop"}]}


def event(text=None, end=None):
    return "data: " + json.dumps({"choices": [{"delta": {"content": text} if text else {}, "finish_reason": end}]}) + "\n\n"


@pytest.fixture
def server():
    """A server whose answers are a list of (status, headers, body), the last again and again; it keeps what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers.get("Content-Length") or 0)
            made.asked.append((self.path, dict(self.headers), json.loads(self.rfile.read(length) or b"null")))
            status, headers, body = made.answers[min(len(made.asked), len(made.answers)) - 1]
            if body is None:
                time.sleep(1.0)
                return
            data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json", "Content-Length": str(len(data))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST

        def log_message(self, *_):
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    made.asked, made.answers = [], [(200, {}, SAID)]
    thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    made.place = f"http://127.0.0.1:{made.server_address[1]}/v1"
    yield made
    made.shutdown()
    made.server_close()


def chat_of(server, model="m", **options):
    made = endpoint.open_address(f"openai:{server.place}#{model}", **({"timeout": 5.0} | options))
    made.pause = 0.01
    return made


def test_what_is_asked_and_answered(server, monkeypatch):
    monkeypatch.setenv(endpoint.KEY, "secret")
    assert is_chat(f"openai:{server.place}#m")
    chat = load(f"openai:{server.place}#m")
    assert isinstance(chat, Chat)
    raster, large = picture(time="2019-01-02", gsd=10.0), picture(1024, 4096)
    turns = [Said("system", "be brief"), *asked("what changed?", (0, 1)), Said("assistant", "nothing"), Said("user", "sure?")]
    reply = chat.reply(turns, [raster, large])
    assert (reply.text, reply.confidence, reply.refused) == ("two ships", None, False)
    path, headers, body = server.asked[0]
    assert (path, headers["Authorization"], body["model"], body["temperature"]) == (
        "/v1/chat/completions",
        "Bearer secret",
        "m",
        0,
    )
    assert [one["role"] for one in body["messages"]] == ["system", "user", "assistant", "user"]
    first, shown, second, other, question = body["messages"][1]["content"]
    assert first["text"].startswith("Image 1: 10 m per pixel")
    assert (second["text"], question["text"]) == ("Image 2:", "what changed?")
    data = base64.b64decode(shown["image_url"]["url"].removeprefix("data:image/png;base64,"))
    found = np.asarray(Image.open(io.BytesIO(data)))
    assert np.array_equal(found, np.rint(np.moveaxis(raster.data, 0, -1) * 255))
    data = base64.b64decode(other["image_url"]["url"].removeprefix("data:image/jpeg;base64,"))
    assert Image.open(io.BytesIO(data)).size == (2048, 512)


def test_streams(server):
    stream = {"Content-Type": "text/event-stream; charset=utf-8"}
    server.answers = [
        (200, stream, ": hello\n\n" + event("two ") + event("ships à quai") + event(end="stop") + "data: [DONE]\n\n")
    ]
    chat = chat_of(server)
    assert list(chat.stream(asked(), [picture()])) == ["two ", "ships à quai"]
    assert server.asked[0][2]["stream"] is True
    server.answers = [(200, stream, event("two "))]
    with pytest.raises(NetworkError, match="broke off"):
        list(chat.stream(asked(), [picture()]))
    server.answers = [(200, {}, SAID)]
    assert list(chat.stream(asked(), [picture()])) == ["two ships"]
    server.answers = [(200, stream, event("[0.1, 0.2, ") + event("0.3, 0.4]") + event(end="stop"))]
    chat.codec, told = "lhrs", []
    made = whole(chat.stream(asked(), [picture()]), told.append)
    assert (told, made.text, made.of) == (["[0.1, 0.2, ", "0.3, 0.4]"], "[0.1, 0.2, 0.3, 0.4]", (0,))
    assert made.boxes[0].bounds() == pytest.approx((0.1, 0.2, 0.3, 0.4))
    server.answers = [(200, stream, event(end="stop") + "data: [DONE]\n\n")]
    with pytest.raises(ModelError, match="no text"):
        list(chat.stream(asked(), [picture()]))
    with pytest.raises(InputError, match="names picture 0"):
        chat.stream(asked(), [])


def test_busy_servers_are_asked_again(server):
    server.answers = [(503, {}, "busy"), (429, {"Retry-After": "0"}, {}), (200, {}, SAID)]
    assert chat_of(server).reply(asked(), [picture()]).text == "two ships"
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("answer", "kind", "match"),
    [
        ((200, {}, "<html>hello</html>"), NetworkError, "a web page: give the address"),
        ((200, {}, "{oops"), NetworkError, "no JSON"),
        ((200, {}, ""), NetworkError, "nothing"),
        ((200, {}, [1]), ModelError, "no object"),
        ((200, {}, {"choices": []}), ModelError, "without a choice"),
        ((200, {}, {"choices": ["x"]}), ModelError, "without a choice"),
        ((200, {}, {"choices": [{"message": {"content": ""}}]}), ModelError, "no text"),
        ((200, {}, {"error": {"message": "out of memory, secret"}}), ModelError, r"out of memory, \*\*\*"),
        ((401, {}, {"error": {"message": "bad key secret"}}), AccessError, r"bad key \*\*\*.*environment variable"),
        ((404, {}, {"error": {"message": "no model"}}), NotFoundError, "no model.*served there"),
        ((400, {}, {"error": {"message": "too long"}}), InputError, "too long.*fewer or smaller"),
        ((302, {"Location": "http://example.org"}, ""), NetworkError, "sends on"),
        ((429, {}, {}), ResourceError, "ask later"),
        ((500, {}, "<html>"), NetworkError, "own log"),
    ],
)
def test_nonsense(server, monkeypatch, answer, kind, match):
    monkeypatch.setenv(endpoint.KEY, "secret")
    server.answers = [answer]
    with pytest.raises(kind, match=match) as caught:
        chat_of(server, tries=2).reply(asked(), [picture()])
    assert "secret" not in str(caught.value)


def test_a_refusal_is_one(server):
    server.answers = [(200, {}, {"choices": [{"message": {"content": None, "refusal": "that I do not tell"}}]})]
    reply = chat_of(server).reply(asked(), [picture()])
    assert (reply.text, reply.refused) == ("that I do not tell", True)


def test_silence_and_absence(server):
    server.answers = [(200, {}, None)]
    with pytest.raises(NetworkError, match="took too long"):
        chat_of(server, timeout=0.2, tries=1).reply(asked(), [picture()])
    with pytest.raises(NetworkError, match="does not answer"):
        endpoint.open_address("openai:http://127.0.0.1:9/v1#m", tries=1).reply(asked(), [picture()])


def test_too_much_is_not_read(server, monkeypatch):
    monkeypatch.setattr(endpoint, "MOST", 1000)
    server.answers = [(200, {}, "x" * 5000)]
    with pytest.raises(ResourceError, match="more than"):
        chat_of(server).reply(asked(), [picture()])


def test_addresses(server):
    server.answers = [(200, {}, {"data": [{"id": "only"}]})]
    assert load(f"openai:{server.place}").spec.id == "only"
    server.answers = [(200, {}, {"data": [{"id": "a"}, {"id": "b"}]})]
    with pytest.raises(InputError, match="serves a, b"):
        load(f"openai:{server.place}")
    for wrong in ("openai:host/v1#m", "openai:ftp://host#m", "openai:#m"):
        with pytest.raises(InputError, match="no address"):
            load(wrong)
    with pytest.raises(InputError, match="holds no key"):
        load("openai:http://me:secret@host/v1#m")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["choices", "message", "delta", "content", "refusal", "error"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(JSON, st.booleans())
def test_whatever_a_server_answers_is_text_or_an_error_of_ours(body, streams):
    class Response:
        headers: ClassVar = {"Content-Type": "text/event-stream"} if streams else {}

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def iter_content(self, _):
            yield (f"data: {json.dumps(body)}\n" if streams else json.dumps(body)).encode()

    chat = endpoint.Endpoint("http://host/v1", "m")
    chat._post = lambda _: Response()
    try:
        made = list(chat.stream(asked("a", ()), [])) if streams else [chat.reply(asked("a", ()), []).text]
    except GeoglotError:
        return
    assert all(isinstance(one, str) and one for one in made)
