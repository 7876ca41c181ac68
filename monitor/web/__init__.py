"""Pages, the API, /metrics and /healthz. Reads intervals, counters and roll-ups only; writes nothing."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from zoneinfo import ZoneInfo

import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, PackageLoader, select_autoescape

from monitor import words
from monitor.catalogue import Catalogue
from monitor.metrics import Exporter
from monitor.model import State, Verdict
from monitor.store import Store, StoreError
from monitor.wiring import read_overview

RECORDED = frozenset(f"outcomes_{verdict}" for verdict in Verdict)
STORE_AWAY = "the store does not answer; the log of this process says why"  # not to visitors: it names the server

log = structlog.get_logger("web")


def make_web(catalogue: Catalogue, store: Store) -> FastAPI:
    """The web process. A store that does not answer makes 503 with one sentence, never a traceback."""
    export = Exporter(catalogue, store, time.time)

    @asynccontextmanager
    async def counting(_: FastAPI) -> AsyncIterator[None]:
        """Dossiers are counted beside the requests, not in them."""
        stop = threading.Event()
        thread = threading.Thread(target=export.run, args=(stop,), name="dossiers", daemon=True)
        thread.start()
        yield
        stop.set()
        await asyncio.to_thread(thread.join, 3)

    app = FastAPI(title="motcua", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json", lifespan=counting)
    pages = Environment(loader=PackageLoader("monitor.web"), autoescape=select_autoescape())
    zone = ZoneInfo(catalogue.province.timezone)
    pages.globals.update(words=words, State=State, catalogue=catalogue)
    pages.filters["certificate"] = lambda end, now: words.certificate(end, now, zone)
    pages.filters["instant"] = lambda seconds: words.instant(seconds, zone)

    @app.exception_handler(StoreError)
    def store_away(request: Request, error: StoreError) -> Response:
        log.warning("web.store_away", path=request.url.path, error=str(error))
        if request.url.path == "/":
            return HTMLResponse(pages.get_template("home.html").render(systems=None, now=time.time()), 503)
        return JSONResponse({"error": STORE_AWAY}, 503)

    @app.get("/healthz")
    def healthz() -> dict[str, object]:
        """200 while the store answers; says nothing of the systems that are watched."""
        recorded = sum(count for name, count in store.counters().items() if name in RECORDED)
        return {"status": "ok", "outcomes": recorded, "catalogue": catalogue.hash}

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(export.text(), media_type=export.content_type)

    @app.get("/api/status")
    def status() -> dict[str, object]:
        """Where every system stands now; instants in seconds since 1970, UTC."""
        systems = [asdict(system) for system in read_overview(catalogue, store, time.time())]
        return {"simulated": catalogue.simulated, "province": catalogue.province.id, "systems": systems}

    @app.get("/", response_class=HTMLResponse)
    def home() -> str:
        now = time.time()
        return pages.get_template("home.html").render(systems=read_overview(catalogue, store, now), now=now)

    return app


class WebThread:
    """The web server in a thread, so that signals stay the main thread's; it closes the socket that it is given."""

    def __init__(self, app: FastAPI, listening: socket.socket) -> None:
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        self._thread = threading.Thread(target=self._server.run, args=([listening],), name="web", daemon=True)

    def start(self) -> None:
        """Returns at once: the socket listens already, and whoever asks waits for the server."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(5)
