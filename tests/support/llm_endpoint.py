"""A chat-completions endpoint as OpenAI's: a real HTTP server on 127.0.0.1 that behaves as a test tells it to.

``endpoint.then({"kind": "drop"}, {"kind": "well"})`` settles the next requests, ``endpoint.always({"kind": "hang"})``
all others, until ``reset``. Kinds are the methods of ``_Behaviours``. It runs in a thread of the test (``Endpoint``), or
as a process of its own, told what to do by ``POST /control``: ``python llm_endpoint.py`` prints its address.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from llm_brain import answer_of

Behaviour = dict[str, Any]
LONGEST_HANG_S = 120.0


@dataclass
class Request:
    """One request as it came: its JSON, its headers in lower case, when it came (``time.monotonic``)."""

    asked: dict[str, Any]
    headers: dict[str, str]
    came_s: float = field(default_factory=time.monotonic)

    @property
    def purpose(self) -> str:
        """What our prompts are for: the schema's name; "" where none was sent."""
        return str(self.asked.get("response_format", {}).get("json_schema", {}).get("name", ""))

    @property
    def text(self) -> str:
        """All messages' texts."""
        contents = [message["content"] for message in self.asked["messages"]]
        return "\n".join(one if isinstance(one, str) else one[0]["text"] for one in contents)


class Endpoint:
    """The server; ``url`` ends in /v1. ``requests`` keeps what came, ``tokens_in``/``tokens_out`` what it counted."""

    def __init__(self, port: int = 0) -> None:
        self._lock = threading.Lock()
        self.reset()
        endpoint = self

        class Handler(_Handler):
            served = endpoint

        self._server = _Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def reset(self) -> None:
        """Forget everything, answer well, and let go of those that hang."""
        released = getattr(self, "released", None)
        if released is not None:
            released.set()
        self.released = threading.Event()
        self.requests: list[Request] = []
        self.key = ""
        """The key that is asked for; empty = none."""
        self.tokens_in = self.tokens_out = 0
        self._next: list[Behaviour] = []
        self._default: Behaviour = {"kind": "well"}

    def then(self, *behaviours: Behaviour) -> None:
        """How the next requests are answered, one each, in order."""
        with self._lock:
            self._next.extend(behaviours)

    def always(self, behaviour: Behaviour) -> None:
        """How all others are answered."""
        self._default = behaviour

    def close(self) -> None:
        """Stop listening."""
        self.reset()
        self._server.shutdown()
        self._server.server_close()

    def taken(self, request: Request) -> Behaviour:
        """Keep a request; how it is to be answered."""
        with self._lock:
            self.requests.append(request)
            if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
                return {"kind": "refuse_key"}
            return self._next.pop(0) if self._next else self._default

    def counted(self, prompt: str, answer: str) -> dict[str, int]:
        """The usage that goes with an answer: a word is a token."""
        usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(answer.split())}
        with self._lock:
            self.tokens_in += usage["prompt_tokens"]
            self.tokens_out += usage["completion_tokens"]
        return usage | {"total_tokens": sum(usage.values())}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that go away are no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Endpoint

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/control":
            self._control(asked)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(asked, headers)
        behaviour = self.served.taken(request)
        if self.path != "/v1/chat/completions":
            behaviour = {"kind": "status", "status": 404, "message": f"no {self.path}"}
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            getattr(_Behaviours(self, request, behaviour), behaviour["kind"])()

    def do_GET(self) -> None:
        """What came so far, for a test in another process."""
        kept = self.served
        asked = [{"purpose": request.purpose, "text": request.text} for request in kept.requests]
        self.send(200, {}, json.dumps({"requests": asked, "tokens_in": kept.tokens_in, "tokens_out": kept.tokens_out}))

    def _control(self, asked: dict[str, Any]) -> None:
        if asked.get("reset"):
            self.served.reset()
        self.served.key = asked.get("key", self.served.key)
        self.served.then(*asked.get("then", []))
        if "always" in asked:
            self.served.always(asked["always"])
        self.send(200, {}, "{}")

    def send(self, status: int, headers: dict[str, str], body: str | bytes) -> None:
        """One whole answer."""
        sent = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
        self.send_response(status)
        for name, value in {
            "content-type": "application/json",
            "content-length": str(len(sent)),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Behaviours:
    """The kinds of behaviour, by name; further fields of a behaviour are read where they are used."""

    def __init__(self, handler: _Handler, request: Request, given: Behaviour) -> None:
        self.handler = handler
        self.request = request
        self.given = given

    def well(self) -> None:
        """The brain's answer."""
        self._complete(answer_of(self.request.asked))

    def text(self) -> None:
        """Field "text" as the answer."""
        self._complete(self.given["text"])

    def json(self) -> None:
        """Field "value" as the answer's JSON."""
        self._complete(json.dumps(self.given["value"], ensure_ascii=False))

    def fenced(self) -> None:
        """The brain's answer in a code fence, amid talk."""
        self._complete(f"Sure! Here it is:\n```json\n{answer_of(self.request.asked)}\n```\nHope {{that}} helps.")

    def chatty(self) -> None:
        """The brain's answer amid talk, after thinking aloud."""
        self._complete(f"<think>{{maybe}}</think>Well [1], I say {answer_of(self.request.asked)} and that's it.")

    def slow(self) -> None:
        """The brain's answer after "seconds"."""
        self.handler.served.released.wait(self.given["seconds"])
        self.well()

    def hang(self) -> None:
        """Silence, until the endpoint is reset; then the connection is closed."""
        self.handler.served.released.wait(LONGEST_HANG_S)
        self.drop()

    def drip(self) -> None:
        """Headers, then a byte now and then."""
        self.handler.send_response(200)
        self.handler.send_header("content-length", "100000")
        self.handler.end_headers()
        while not self.handler.served.released.wait(0.02):
            self.handler.wfile.write(b" ")
            self.handler.wfile.flush()
        self.drop()

    def drop(self) -> None:
        """No answer: the connection is closed."""
        self.handler.close_connection = True

    def midway(self) -> None:
        """Half an answer, then the connection is closed."""
        body = self._body(answer_of(self.request.asked)).encode()
        self.handler.send_response(200)
        self.handler.send_header("content-length", str(len(body)))
        self.handler.end_headers()
        self.handler.wfile.write(body[: len(body) // 2])
        self.drop()

    def status(self) -> None:
        """An HTTP "status" with "headers" and an error "message"."""
        error = {"error": {"message": self.given.get("message", ""), "type": "test"}}
        self.handler.send(self.given["status"], self.given.get("headers", {}), json.dumps(error))

    def busy(self) -> None:
        """429, with Retry-After "seconds" where given."""
        headers = {"retry-after": str(self.given["seconds"])} if "seconds" in self.given else {}
        if "limit" in self.given:
            headers["x-ratelimit-limit-requests"] = str(self.given["limit"])
        self.handler.send(429, headers, json.dumps({"error": {"message": "Rate limit reached"}}))

    def body(self) -> None:
        """Field "body" as the whole HTTP body, status 200."""
        self.handler.send(200, {}, self.given["body"])

    def wrong_shape(self) -> None:
        """JSON that nobody asked for."""
        self._complete('{"thoughts": "hm"}')

    def bad_ids(self) -> None:
        """The brain's answer, all its numbers of messages being 999."""
        self._complete(json.dumps(_with_numbers(json.loads(answer_of(self.request.asked)), 999)))

    def truncated(self) -> None:
        """The first half of the brain's answer, as if the tokens had run out."""
        text = answer_of(self.request.asked)
        self._complete(text[: len(text) // 2], finish="length")

    def declined(self) -> None:
        """A refusal in the API's own form."""
        message = {"role": "assistant", "content": None, "refusal": "I can't help with that."}
        self.handler.send(200, {}, json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))

    def refuse_key(self) -> None:
        """401, quoting the key as some do."""
        given = self.request.headers.get("authorization", "nothing")
        self.handler.send(401, {}, json.dumps({"error": {"message": f"Incorrect API key provided: {given}"}}))

    def refuse_field(self) -> None:
        """400 where the request has "field", else the brain's answer."""
        name = self.given["field"]
        if name in self.request.asked:
            error = {"error": {"message": self.given.get("message", f"Unsupported parameter: '{name}'")}}
            self.handler.send(400, {}, json.dumps(error))
        else:
            self.well()

    def no_usage(self) -> None:
        """The brain's answer without counts."""
        self._complete(answer_of(self.request.asked), usage=False)

    def _complete(self, text: str, finish: str = "stop", usage: bool = True) -> None:
        self.handler.send(200, {}, self._body(text, finish, usage))

    def _body(self, text: str, finish: str = "stop", usage: bool = True) -> str:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
        answer: dict[str, Any] = {"id": "c-1", "object": "chat.completion", "choices": [choice]}
        if usage:
            answer["usage"] = self.handler.served.counted(self.request.text, text)
        return json.dumps(answer)


def _with_numbers(value: Any, number: int) -> Any:
    if isinstance(value, dict):
        return {
            name: [number] if name in ("sources", "cited") else _with_numbers(one, number)
            for name, one in value.items()
        }
    return [_with_numbers(one, number) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    print(Endpoint(int(sys.argv[1]) if len(sys.argv) > 1 else 0).url, flush=True)
    threading.Event().wait()
