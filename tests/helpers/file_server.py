"""A server of files on this machine that can fail in the ways servers of files do."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

POLL_S = 0.01


class FileServer:
    """Serves until the ``with`` block ends. The first part of a path says what happens.

    ``/ok/NAME``: the file. ``/short/NAME``: all headers, half the file, a clean end.
    ``/reset/NAME``: half the file, then the connection is reset. ``/unsaid/NAME``: half the file
    and no length to miss the rest by. ``/other/NAME``: something else. Anything else: 404.

    Args:
        files: Content by name.

    Attributes:
        asked: Every path that was asked for.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                way, _, name = self.path.strip("/").partition("/")
                content = files.get(name)
                if content is None or way not in ("ok", "short", "reset", "unsaid", "other"):
                    self.send_error(404)
                    return
                if way == "other":
                    content = content[::-1] + b"?"
                self.send_response(200)
                if way != "unsaid":
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(
                    content if way in ("ok", "other") else content[: len(content) // 2]
                )
                self.close_connection = True
                if way == "reset":
                    self.wfile.flush()
                    now = struct.pack("ii", 1, 0)  # linger for 0 s: closing resets
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_S,), daemon=True
        )

    def url(self, way: str = "ok") -> str:
        """Base address whose files are served in this way."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{way}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
