"""Publish boards to a Grafana that is not ours, over its HTTP API.

Where we run Grafana ourselves, it reads the boards from files (dashboards/provisioning); this is for an office that has
one already. What is written: the folder, if it is missing, and the boards, each as a new version. Nothing is deleted,
and nothing else is touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from grafana_client import GrafanaApi
from grafana_client.client import GrafanaException, TokenAuth

from dashboards.vocabulary import Json

FOLDER_UID, FOLDER_TITLE = "motcua", "Một cửa"
TIMEOUT = 10.0  # seconds for one request


class PublishError(Exception):
    """Grafana did not take it; the message is one line and says what to do. Boards that came before are published.

    `setting`: the address or the token cannot be right, and nothing was asked.
    """

    def __init__(self, message: str, *, setting: bool = False) -> None:
        super().__init__(message)
        self.setting = setting


class Published(NamedTuple):
    """A board as Grafana has it now; `url` leads there, `version` counts its saves."""

    uid: str
    title: str
    url: str
    version: int


def publish(
    url: str, token: str, boards: Iterable[Json], message: str, told: Callable[[Published], None] = lambda _: None
) -> list[Published]:
    """Write the boards into the folder `motcua`, whatever is there under their uids, and say where they are.

    `url` is where people open Grafana, with its path if it has one; `token` is a service account's, with the role
    Editor; `message` stands beside the new versions; `told` hears of each board once it is there. Raises
    PublishError at the first thing that does not work.
    """
    grafana = _client(url, token)
    _ask(url, "the folder", partial(_folder, grafana))
    published = []
    for board in boards:
        request = {"dashboard": {**board, "id": None}, "folderUid": FOLDER_UID, "overwrite": True, "message": message}
        answer = _ask(url, f"board {board['uid']}", partial(grafana.dashboard.update_dashboard, request))
        address = f"{_root(url)}{answer.get('url', '')}"
        published.append(Published(board["uid"], board["title"], address, int(answer.get("version", 0))))
        told(published[-1])
    return published


def _client(url: str, token: str) -> GrafanaApi:
    """Raises PublishError where the settings cannot be right; neither a token nor a password is ever repeated."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise PublishError("Grafana's URL is none; write http://host:3000 or https://host/path", setting=True)
    if parts.username or parts.password or parts.query:
        raise PublishError(
            "Grafana's URL may hold neither a password nor a query; the token is given apart", setting=True
        )
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise PublishError("the token is empty or has spaces or other signs that no token has", setting=True)
    # The client puts `api` right behind the path.
    return GrafanaApi.from_url(f"{url.rstrip('/')}/", credential=TokenAuth(token), timeout=TIMEOUT)


def _folder(grafana: GrafanaApi) -> Any:
    try:
        return grafana.folder.get_folder(FOLDER_UID)
    except GrafanaException as error:
        if error.status_code != 404:
            raise
    return grafana.folder.create_folder(FOLDER_TITLE, FOLDER_UID)


def _ask(url: str, what: str, request: Callable[[], Any]) -> Json:
    """Grafana's answer, an object with a uid; all that may go wrong becomes one line."""
    try:
        answer = request()
    except GrafanaException as error:
        raise PublishError(f"{what}: {_reason(error)}") from None
    except requests.Timeout:
        raise PublishError(f"Grafana at {_root(url)} does not answer within {TIMEOUT:g} s") from None
    except requests.exceptions.SSLError:
        said = f"no TLS with {_root(url)}: its certificate is not trusted here, or it speaks plain http"
        raise PublishError(said) from None
    except requests.ConnectionError:
        raise PublishError(f"Grafana at {_root(url)} cannot be reached: is it running, is the address right?") from None
    except (requests.RequestException, ValueError):
        answer = None  # no JSON
    if not isinstance(answer, dict) or "uid" not in answer:
        raise PublishError(f"{what}: what answers at {_root(url)} is no Grafana, or its path is missing in the URL")
    return answer


_HINTS = {
    401: "the token is wrong, expired or revoked",
    403: "the token may not do this: its service account needs the role Editor",
    404: "there is no such API: is Grafana's path missing in the URL?",
    412: "Grafana refuses to overwrite: another board has this title, or a plugin or a file owns it",
}


def _reason(error: GrafanaException) -> str:
    said = error.response.get("message", "") if isinstance(error.response, dict) else ""
    hint = _HINTS.get(error.status_code, "Grafana says no" if error.status_code < 500 else "Grafana itself fails")
    said = " ".join(str(said).split())[:200]
    return f"{hint} (HTTP {error.status_code}{': ' if said else ''}{said})"


def _root(url: str) -> str:
    """The address without path; Grafana's own answers have its path in them."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
