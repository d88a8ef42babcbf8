"""MCP servers behind a URL: a real one of the SDK, and one in raw HTTP that does what it should not."""

import contextlib
import gzip
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REAL = '''
import base64, os, socket, sys, uvicorn
from mcp.server import MCPServer
from mcp.types import ImageContent

server = MCPServer("desk")

@server.tool()
def echo(text: str) -> str:
    """Give the text back."""
    return text

@server.tool()
def point() -> dict[str, int]:
    """Give a point."""
    return {"x": 3, "y": 4}

@server.tool()
def picture() -> ImageContent:
    """Give a picture."""
    return ImageContent(type="image", mime_type="image/png", data=base64.b64encode(b"\\x89PNG-").decode())

class Token:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and dict(scope["headers"]).get(b"authorization") != b"Bearer token-4711":
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await self.app(scope, receive, send)

heard = socket.socket()
heard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
heard.bind(("127.0.0.1", int(sys.argv[1])))
heard.listen()
print(heard.getsockname()[1], flush=True)
config = uvicorn.Config(Token(server.streamable_http_app()), log_level="error")
uvicorn.Server(config).run(sockets=[heard])
'''


@contextlib.contextmanager
def real(port=0):
    """Run a server of the SDK in a process of its own, which wants a token; give its URL."""
    start = [sys.executable, "-c", REAL, str(port)]
    with subprocess.Popen(start, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/mcp"
        finally:
            process.kill()


class Odd(ThreadingHTTPServer):
    """A server that answers the handshake, and calls in the way `how` says."""

    daemon_threads = True

    def __init__(self, how, elsewhere="http://127.0.0.1:9/mcp"):
        super().__init__(("127.0.0.1", 0), Answers)
        self.how, self.elsewhere = how, elsewhere
        self.calls, self.headers, self.sessions, self.replies = [], [], 0, []
        self.gets = 0
        self.known = set()  # its sessions; empty after a restart
        self.go = threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/mcp"

    def handle_error(self, *_):
        """A client that goes is no news."""

    def end(self):
        self.go.set()
        self.shutdown()
        self.server_close()


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Say nothing."""

    def do_GET(self):
        self.server.gets += 1
        if self.server.how != "listens":
            return self._give(405, b"")
        self._stream()
        self.wfile.write(b"retry: 1\n\n")
        self.server.go.wait(60)

    def do_DELETE(self):
        self._give(200, b"")

    def do_POST(self):
        raw = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.headers.append(dict(self.headers))
        method, key = raw.get("method"), raw.get("id")
        if method is None:
            self.server.replies.append(raw)
        if method != "initialize" and self.headers["mcp-session-id"] not in self.server.known:
            self._unknown()
        elif key is None or method is None:
            self._give(202, b"")
        elif method == "initialize" and self.server.how == "nowhere":
            self._give(404, b"Not Found", "text/plain")
        elif method == "initialize":
            self.server.sessions += 1
            self.server.known.add(f"s{self.server.sessions}")
            version = raw["params"]["protocolVersion"]
            told = {"protocolVersion": version, "capabilities": {"tools": {}}}
            self._json(key, {**told, "serverInfo": {"name": "x", "version": "1"}}, session=f"s{self.server.sessions}")
        elif method == "ping":
            self._json(key, {})
        elif method == "tools/list":
            schema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
            self._json(key, {"tools": [{"name": "echo", "description": "Back.", "inputSchema": schema}]})
        elif method == "tools/call":
            self.server.calls.append(raw["params"]["arguments"]["text"])
            getattr(self, f"_{self.server.how}")(key, self.server.calls[-1])
        else:
            self._give(404, b"")

    def _unknown(self):
        """Answer as a server of the SDK does."""
        words = {"code": -32600, "message": "Session not found"}
        self._give(404, json.dumps({"jsonrpc": "2.0", "id": "server-error", "error": words}).encode())

    def _give(self, status, body, kind="application/json", **headers):
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _json(self, key, result, session=""):
        body = json.dumps({"jsonrpc": "2.0", "id": key, "result": result}).encode()
        self._give(200, body, **({"mcp_session_id": session} if session else {}))

    def _event(self, **message):
        self.wfile.write(b"event: message\ndata: " + json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n\n")
        self.wfile.flush()

    def _stream(self):
        self.close_connection = True
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()

    # the ways

    def _plain(self, key, text):
        self._json(key, {"content": [{"type": "text", "text": text}]})

    def _forbidden(self, key, text):
        self._give(403, b"no")

    def _elsewhere(self, key, text):
        self._give(307, b"", location=self.server.elsewhere)

    def _packed(self, key, text):
        self._give(200, gzip.compress(b" " * (64 << 20)), content_encoding="gzip")

    def _huge(self, key, text):
        self._json(key, {"content": [{"type": "text", "text": "h" * (17 << 20)}]})

    def _huge_event(self, key, text):
        self._stream()
        self._event(id=key, result={"content": [{"type": "text", "text": "h" * (17 << 20)}]})

    def _flood(self, key, text):
        self._stream()
        while not self.server.go.is_set():
            self._event(method="notifications/message", params={"level": "info", "data": "x" * 500_000})

    _listens = _plain

    def _hangs(self, key, text):
        self.server.go.wait(60)
        self.close_connection = True

    def _forgets(self, key, text):
        if self.server.sessions == 1:
            self._give(404, b"")
        else:
            self._plain(key, text)

    def _restarts(self, key, text):
        if self.server.sessions == 1:
            self._unknown()
        else:
            self._plain(key, text)

    def _breaks(self, key, text):
        self._stream()
        self._event(method="notifications/message", params={"level": "info", "data": "x"})

    def _breaks_for_good(self, key, text):
        self._stream()
        self.wfile.write(b"id: 1\nretry: 1\ndata:\n\n")

    def _gateway(self, key, text):
        self._give(504, b"no answer in time", "text/plain")

    def _unavailable(self, key, text):
        self._give(503, b"later", "text/plain")

    def _page(self, key, text):
        self._give(200, b"<html>log in</html>", "text/html")

    def _drops(self, key, text):
        self.close_connection = True

    def _asks(self, key, text):
        self._stream()
        self._event(id=900, method="sampling/createMessage", params={"messages": [], "maxTokens": 10})
        self._event(id=key, result={"content": [{"type": "text", "text": text}]})
