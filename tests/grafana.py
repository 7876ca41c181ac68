"""A small Grafana over a real socket: it keeps what it gets and refuses as Grafana does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

EDITOR, VIEWER = "glsa_an-invented-editor", "glsa_an-invented-viewer"


class Grafana(ThreadingHTTPServer):
    """Serves under /grafana; `asked` is every request, in order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folders: dict[str, str] = {}
        self.boards: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, int] = {}
        self.annotations: dict[int, dict[str, Any]] = {}
        self.asked: list[tuple[str, str]] = []
        self.hang = threading.Event()
        self.instead: tuple[int, str, str] | None = None  # an answer to everything: status, type, body

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.root}/grafana"

    def answer(self, method: str, path: str, token: str, sent: Any) -> tuple[int, Any]:
        if not path.startswith("/grafana/api/"):
            return 404, "404 page not found"
        if token not in {f"Bearer {EDITOR}", f"Bearer {VIEWER}"}:
            return 401, {"message": "Invalid API key"}
        if method != "GET" and token != f"Bearer {EDITOR}":
            return 403, {"message": "You'll need additional permissions\nto perform this action."}
        path = path.removeprefix("/grafana/api/")
        if path.split("?")[0].split("/")[0] == "annotations":
            return self.annotate(method, path, sent)
        match method, path:
            case "GET", "folders/motcua":
                known = self.folders.get("motcua")
                return (200, {"uid": "motcua", "title": known}) if known else (404, {"message": "folder not found"})
            case "POST", "folders":
                self.folders[sent["uid"]] = sent["title"]
                return 200, sent
            case "POST", "dashboards/db":
                return self.save(sent)
        return 404, {"message": "Not found"}

    def annotate(self, method: str, path: str, sent: Any) -> tuple[int, Any]:
        """As Grafana 12 does: without `timeEnd` a point; PATCH changes what it names."""
        number = int(path.split("/")[1]) if "/" in path else None
        if number is not None and number not in self.annotations:
            return 404, {"message": "Annotation not found"}
        match method, number:
            case "GET", None:
                asked = parse_qs(urlsplit(path).query)
                tags, most = set(asked.get("tags", ())), int(asked.get("limit", ["100"])[0])
                found = [one | {"id": id_} for id_, one in self.annotations.items() if tags <= set(one["tags"])]
                return 200, sorted(found, key=lambda one: -one["time"])[:most]
            case "POST", None:
                number = max(self.annotations, default=0) + 1
                self.annotations[number] = {"timeEnd": sent["time"], **sent}
                return 200, {"message": "Annotation added", "id": number}
            case "PATCH", int():
                self.annotations[number] |= sent
                return 200, {"message": "Annotation patched"}
            case "DELETE", int():
                del self.annotations[number]
                return 200, {"message": "Annotation deleted"}
        return 404, {"message": "Not found"}

    def save(self, sent: dict[str, Any]) -> tuple[int, Any]:
        board, uid = sent["dashboard"], sent["dashboard"]["uid"]
        if sent["folderUid"] not in self.folders:
            return 400, {"message": "folder not found"}
        if any(other["title"] == board["title"] for key, other in self.boards.items() if key != uid):
            return 412, {"status": "name-exists", "message": "A dashboard with the same name already exists"}
        if uid in self.boards and not sent["overwrite"]:
            return 412, {"status": "version-mismatch", "message": "The dashboard has been changed by someone else"}
        self.boards[uid] = board | {"message": sent["message"]}
        self.versions[uid] = self.versions.get(uid, 0) + 1
        return 200, {
            "id": 1,
            "uid": uid,
            "url": f"/grafana/d/{uid}/x",
            "status": "success",
            "version": self.versions[uid],
        }


class Handler(BaseHTTPRequestHandler):
    server: Grafana

    def do_GET(self) -> None:
        self._any()

    def do_POST(self) -> None:
        self._any()

    def do_PATCH(self) -> None:
        self._any()

    def do_PUT(self) -> None:
        self._any()

    def do_DELETE(self) -> None:
        self._any()

    def _any(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        self.server.asked.append((self.command, self.path))
        if self.server.instead:
            status, kind, body = self.server.instead
            if status == 0:  # no answer
                self.server.hang.wait(20)
                return
        else:
            status, made = self.server.answer(self.command, self.path, self.headers.get("Authorization", ""), sent)
            kind, body = ("text/plain", made) if isinstance(made, str) else ("application/json", json.dumps(made))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class' name
        pass


@contextmanager
def running() -> Iterator[Grafana]:
    with Grafana() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.hang.set()
            server.shutdown()
            thread.join()
