"""Stands between the functions and the emulator and keeps a record of every call.

The functions' credentials and signatures go through untouched. A call is told by its access key: the emulator gives each
function the session of its own role. On request a call is answered with an error instead.
"""

import http.client
import re
import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from . import models

_CREDENTIAL = re.compile(r"Credential=([^/]+)/[^/]+/[^/]+/([^/]+)/aws4_request")
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Call:
    """One request to an AWS service, and the status of its answer."""

    access_key_id: str
    service: str
    method: str
    path: str
    query: str
    target: str
    copy_source: str
    status: int


@dataclass
class Exchange:
    """A request and its answer, for models.py. There is none where the answer is not the emulator's, or nobody waited for it."""

    request: models.Request
    answer: models.Answer | None = None


class Proxy:
    """Listens on a free port of 127.0.0.1 and forwards to the emulator."""

    def __init__(self):
        self._calls: list[Call] = []
        self._exchanges: list[Exchange] = []
        self._upstream: str | None = None
        self._fault: Callable[[Call], bool] = lambda call: False
        self._quotas: Callable[[Call], tuple[int, str, bytes] | None] = lambda call: None
        proxy = self

        class Handler(_Handler):
            def upstream(self) -> str:
                return proxy._upstream

            def fails(self, call: Call) -> bool:
                return proxy._fault(call)

            def refuses(self, call: Call) -> tuple[int, str, bytes] | None:
                return proxy._quotas(call)

            def record(self, call: Call):
                proxy._calls.append(call)

            def keep(self, exchange: Exchange):
                proxy._exchanges.append(exchange)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def forward_to(self, endpoint: str):
        """Where requests go."""
        self._upstream = urlsplit(endpoint).netloc

    def hold_to(self, quotas: Callable[[Call], tuple[int, str, bytes] | None]):
        """Calls for which this gives status, content type and body are answered with that."""
        self._quotas = quotas

    def calls(self) -> list[Call]:
        """Every call until now."""
        return list(self._calls)

    def exchanges(self) -> list[Exchange]:
        """Every request until now with its answer."""
        return list(self._exchanges)

    @contextmanager
    def failing(self, fault: Callable[[Call], bool]):
        """Meanwhile the calls that `fault` picks are answered with status 500, as by a service that has a fault.

        `fault` sees each call before it is made, with status 0.
        """
        self._fault = fault
        try:
            yield
        finally:
            self._fault = lambda call: False

    def stop(self):
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        # A function that was killed does not wait for its answer.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Else each answer waits for the acknowledgement of its own header.
    disable_nagle_algorithm = True
    _connection: http.client.HTTPConnection | None = None

    def log_message(self, *_):
        pass

    def _forward(self):
        body = self._body()
        exchange = self._exchange(body)
        call = self._call()
        # 500 and not 503, which means "slow down".
        refusal = (500, "text/plain", b"") if self.fails(call) else self.refuses(call)
        if refusal:
            status, content_type, content = refusal
            self.record(replace(call, status=status))
            self.send_response_only(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            return
        # As they are: the signature covers them. `Expect` was answered here already.
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("expect", "transfer-encoding")}
        if body and self.headers.get("Transfer-Encoding"):
            headers["Content-Length"] = str(len(body))
        try:
            answer = self._answer(body, headers)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self._connection = None
            self.send_error(502, f"emulator: {error}")
            return
        self.record(replace(call, status=answer.status))
        length = answer.getheader("Content-Length")
        answered = {name.lower(): value for name, value in answer.getheaders()}
        whole = models.Answer(answer.status, answered, b"")
        # Not what is downloaded.
        judged = call.service != "s3" or answer.status >= 300 or "xml" in answered.get("content-type", "")
        kept = b""
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection"):
                self.send_header(name, value)
        if self.command == "HEAD" or answer.status in (204, 304):
            self.end_headers()
            answer.read()
            exchange.answer = whole
            return
        if length is None:
            content = answer.read()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            exchange.answer = replace(whole, body=content if judged else b"")
            return
        self.end_headers()
        while chunk := answer.read(_CHUNK):
            self.wfile.write(chunk)
            kept += chunk if judged else b""
        exchange.answer = replace(whole, body=kept)

    def _answer(self, body: bytes, headers: dict[str, str]) -> http.client.HTTPResponse:
        """What the emulator answers. It closes connections that nobody used for a while, which says nothing about the request."""
        if self._connection is not None:
            try:
                self._connection.request(self.command, self.path, body, headers)
                return self._connection.getresponse()
            except (ConnectionError, http.client.BadStatusLine):
                self._connection.close()
        self._connection = http.client.HTTPConnection(self.upstream(), timeout=120)
        self._connection.request(self.command, self.path, body, headers)
        return self._connection.getresponse()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _forward

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _call(self) -> Call:
        credential = _CREDENTIAL.search(self.headers.get("Authorization", ""))
        access_key_id, service = credential.groups() if credential else ("", "")
        parts = urlsplit(self.path)
        return Call(
            access_key_id=access_key_id, service=service, method=self.command, path=parts.path, query=parts.query,
            target=self.headers.get("X-Amz-Target", ""), copy_source=self.headers.get("X-Amz-Copy-Source", ""), status=0,
        )

    def _exchange(self, body: bytes) -> Exchange:
        call = self._call()
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() != "authorization"}
        # Not what is uploaded.
        exchange = Exchange(models.Request(
            call.service, call.method, call.path, call.query, headers, b"" if call.method == "PUT" else body))
        self.keep(exchange)
        return exchange
