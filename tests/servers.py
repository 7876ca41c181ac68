"""Real servers for live tests: each on a free port, in a temporary directory, ended by its own process id.

    with servers.redis() as broker:
        use(broker.url)
        broker.stop()   # an outage ...
        broker.start()  # ... and its end: same port, same data

Run as a program, it prints the Debian packages that are missing on this machine (`make test-deps` installs them).
"""

from __future__ import annotations

import contextlib
import http.client
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

PACKAGES = {
    "redis-server": "redis-server",
    "postgres": "postgresql",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "nginx": "nginx-light",
    "docker-compose": "docker-compose",
    "liberation2": "fonts-liberation2",
    "pdftoppm": "poppler-utils",
}
"""Programs that the live tests use, and the Debian package that brings each."""

NAMES = {"alertmanager": "prometheus-alertmanager"}
"""Debian's name of a program, where it differs."""

PLACES = (*sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True), "/usr/local/sbin", "/usr/sbin")
"""Where programs lie that are not on everybody's PATH."""

READY_WITHIN = 30.0
END_WITHIN = 15.0


class ServerError(Exception):
    """A server did not start or did not end; the text has the end of its log."""


FONTS = {"liberation2": "/usr/share/fonts/truetype/liberation2"}
"""What is no program but a folder of fonts."""


def locate(program: str) -> str | None:
    if program in FONTS:
        return FONTS[program] if Path(FONTS[program]).is_dir() else None
    path = os.pathsep.join((*PLACES, os.environ.get("PATH", os.defpath)))
    return shutil.which(NAMES.get(program, program), path=path)


def find(program: str) -> str:
    """The path of a program; where it is missing, the running test is skipped and says how to get it."""
    path = locate(program)
    if path is None:
        import pytest  # not at the top: without it this file also runs before anything is installed

        pytest.skip(f"{program} is missing (Debian package {PACKAGES[program]}): make test-deps")
    return path


def missing_packages() -> list[str]:
    return sorted({package for program, package in PACKAGES.items() if locate(program) is None})


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Server:
    """One server process. `directory` holds its configuration, data and log."""

    def __init__(
        self,
        name: str,
        directory: Path,
        command: Callable[[int], Sequence[str]],
        ready: Callable[[int], bool],
        end_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.directory = directory
        self.port = 0
        self.url = ""
        self._command, self._ready, self._end_signal = command, ready, end_signal
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.directory / "log"

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} is not running"
        return self._process.pid

    def start(self) -> None:
        """Starts it and waits until it answers; a second start keeps port and data."""
        assert self._process is None, f"{self.name} is running"
        with self.log.open("ab") as log:
            # Its own session: Ctrl-C in the terminal ends the tests, and they end the server.
            self._process = subprocess.Popen(
                self._command(self.port), cwd=self.directory, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + READY_WITHIN
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise ServerError(f"{self.name} did not start:\n{self.tail()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends it in good order; harmless where it has ended."""
        self._end(self._end_signal)

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self._end(signal.SIGKILL)

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _answers(self) -> bool:
        try:
            return self._ready(self.port)
        except (OSError, http.client.HTTPException):
            return False

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(END_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise ServerError(f"{self.name} did not end within {END_WITHIN:.0f} s:\n{self.tail()}") from None


@contextlib.contextmanager
def _running(server: Server, url: str) -> Iterator[Server]:
    """Starts the server on a free port, whose number replaces {port} in the URL, and ends it in the end."""
    for attempts_left in (2, 1, 0):
        server.port = free_port()
        server.url = url.format(port=server.port)
        try:
            server.start()
            break
        except ServerError:  # somebody else may have taken the port between our look and its start
            if not attempts_left:
                raise
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def _directory(name: str, owner: pwd.struct_passwd | None = None) -> Iterator[Path]:
    """A temporary directory that only its owner may enter.

    It is not pytest's tmp_path, which lies below directories that no other user may enter.
    """
    with tempfile.TemporaryDirectory(prefix=f"motcua-{name}-", ignore_cleanup_errors=True) as path:
        if owner is not None:
            os.chown(path, owner.pw_uid, owner.pw_gid)
        yield Path(path)


@contextlib.contextmanager
def postgres() -> Iterator[Server]:
    """PostgreSQL with an empty database; `url` is SQLAlchemy's."""
    binaries = Path(find("postgres")).resolve().parent
    user = _unprivileged_user()
    drop = () if user is None else ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    with _directory("postgres", user) as directory:
        data = directory / "data"
        initdb = (str(binaries / "initdb"), "--username=motcua", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        made = subprocess.run([*drop, *initdb, "--no-sync", str(data)], cwd=directory, capture_output=True, check=False)
        if made.returncode != 0:
            raise ServerError(f"initdb failed:\n{made.stderr.decode(errors='replace')}")

        def command(port: int) -> list[str]:
            settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
            options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
            return [*drop, str(binaries / "postgres"), "-D", str(data), "-p", str(port), *options]

        def ready(port: int) -> bool:
            asked = [str(binaries / "pg_isready"), "--host=127.0.0.1", f"--port={port}", "--quiet"]
            return subprocess.run(asked, check=False).returncode == 0

        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every connection to close.
        server = Server("postgres", directory, command, ready, signal.SIGINT)
        with _running(server, "postgresql+psycopg://motcua@127.0.0.1:{port}/postgres"):
            yield server


def _unprivileged_user() -> pwd.struct_passwd | None:
    """As whom PostgreSQL runs when the tests run as root, whom it refuses; None: as we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ServerError("neither user postgres nor user nobody exists")


@contextlib.contextmanager
def redis() -> Iterator[Server]:
    """Redis that keeps nothing on disk; `url` is Celery's."""
    program = find("redis-server")

    def command(port: int) -> list[str]:
        return [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]

    def ready(port: int) -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"

    with (
        _directory("redis") as directory,
        _running(Server("redis", directory, command, ready), "redis://127.0.0.1:{port}/0") as s,
    ):
        yield s


@contextlib.contextmanager
def prometheus(config: str, files: Mapping[str, str] | None = None, data: Path | None = None) -> Iterator[Server]:
    """Prometheus with this configuration; `files` (rules, say) lie beside it. `data`: a folder with blocks."""
    program = find("prometheus")
    with _directory("prometheus") as directory:
        _write(directory, {"prometheus.yml": config} | dict(files or {}))

        def command(port: int) -> list[str]:
            return [
                program,
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={data or directory / 'data'}",
                "--storage.tsdb.retention.time=400d",
                f"--web.listen-address=127.0.0.1:{port}",
            ]

        with _running(
            Server("prometheus", directory, command, _answers_200("/-/ready")), "http://127.0.0.1:{port}"
        ) as s:
            yield s


@contextlib.contextmanager
def alertmanager(config: str, files: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Alertmanager with this configuration, alone in its cluster."""
    program = find("alertmanager")
    with _directory("alertmanager") as directory:
        _write(directory, {"alertmanager.yml": config} | dict(files or {}))

        def command(port: int) -> list[str]:
            return [
                program,
                f"--config.file={directory / 'alertmanager.yml'}",
                f"--storage.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ]

        with _running(
            Server("alertmanager", directory, command, _answers_200("/-/ready")), "http://127.0.0.1:{port}"
        ) as s:
            yield s


@contextlib.contextmanager
def nginx(config: str, files: Mapping[str, str] | None = None) -> Iterator[Server]:
    """nginx with `config` as the inside of its http block, where @PORT@ is the port; `files` lie in its root, html/."""
    program = find("nginx")
    with _directory("nginx") as directory:
        _write(directory, {f"html/{name}": text for name, text in (files or {}).items()})
        temporary = "".join(
            f"{kind}_temp_path {directory}/tmp-{kind}; "
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )

        def command(port: int) -> list[str]:
            # One process in the foreground, so that ending it ends all of it.
            inside = config.replace("@PORT@", str(port))
            text = (
                f"daemon off; master_process off; pid {directory}/pid; error_log stderr;\n"
                f"events {{ worker_connections 4096; }}\n"
                f"http {{ access_log off; root {directory}/html; {temporary}\n{inside}\n}}\n"
            )
            _write(directory, {"nginx.conf": text})
            return [program, "-p", str(directory), "-c", str(directory / "nginx.conf"), "-e", "stderr"]

        def ready(port: int) -> bool:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return True

        with _running(Server("nginx", directory, command, ready), "http://127.0.0.1:{port}") as s:
            yield s


def _write(directory: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _answers_200(path: str) -> Callable[[int], bool]:
    def ready(port: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.HTTPStatus.OK
        finally:
            connection.close()

    return ready


if __name__ == "__main__":
    sys.stdout.write("".join(f"{package}\n" for package in missing_packages()))
