"""A Slack that listens on 127.0.0.1, keeps what it is told, and can be made to answer as Slack does on bad days."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Answer:
    """What Slack answers."""

    status: int = 200
    body: str = "ok"
    headers: dict[str, str] = field(default_factory=dict)


RATE_LIMITED = Answer(429, "", {"Retry-After": "1"})
REFUSED = Answer(200, json.dumps({"ok": False, "error": "channel_not_found"}))
POSTED = Answer(200, json.dumps({"ok": True}))


@dataclass(frozen=True)
class Delivery:
    """One request, and the status it was answered with."""

    path: str
    authorization: str
    message: dict
    status: int

    @property
    def text(self) -> str:
        """Everything that a reader sees."""
        return "\n".join([self.message.get("text", "")]
                         + [block["text"]["text"] for block in self.message.get("blocks", [])])


class SlackStub:
    """`/webhook` is an incoming webhook, `/api/chat.postMessage` the call that a bot makes."""

    def __init__(self, log: Path):
        self.log = log
        self._deliveries: list[Delivery] = []
        self._scripted: list[tuple[str, Answer]] = []
        self._lock = threading.Lock()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = stub._receive(self.path, self.headers.get("Authorization", ""), json.loads(body))
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body.encode())

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.webhook = f"{address}/webhook"
        self.api = f"{address}/api/chat.postMessage"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def answer_next(self, recognised_by: str, *answers: Answer):
        """The next messages with that text in them get these answers, one each; afterwards all is well again."""
        with self._lock:
            self._scripted += [(recognised_by, answer) for answer in answers]

    def deliveries(self, recognised_by: str) -> list[Delivery]:
        """Every request with that text in its message, also those that were not accepted."""
        with self._lock:
            return [delivery for delivery in self._deliveries if recognised_by in delivery.text]

    def stop(self):
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()

    def _receive(self, path: str, authorization: str, message: dict) -> Answer:
        with self._lock:
            delivery = Delivery(path, authorization, message, 0)
            answer = POSTED if path.startswith("/api/") else Answer()
            for index, (recognised_by, scripted) in enumerate(self._scripted):
                if recognised_by in delivery.text:
                    answer = self._scripted.pop(index)[1]
                    break
            delivery = Delivery(path, authorization, message, answer.status)
            self._deliveries.append(delivery)
            with self.log.open("a") as log:
                log.write(f"{answer.status} {path}\n{delivery.text}\n\n")
            return answer
