"""Publishing to a small Grafana of our own, over a real socket."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

import pytest

from dashboards import publish as publishing
from dashboards.publish import Published, PublishError, publish
from tests import servers
from tests.dashboards.reading import ALL_BOARDS
from tests.grafana import EDITOR, VIEWER, Grafana, running


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with running() as server:
        yield server


def test_boards_come_as_they_are_into_a_folder_that_is_made(grafana: Grafana) -> None:
    published = publish(grafana.url, EDITOR, ALL_BOARDS.values(), "motcua 0.1.0")
    assert grafana.folders == {"motcua": "Một cửa"}
    assert grafana.boards == {
        board["uid"]: board | {"id": None, "message": "motcua 0.1.0"} for board in ALL_BOARDS.values()
    }
    assert published[0] == Published("motcua-overview", "Tổng quan", f"{grafana.url}/d/motcua-overview/x", 1)
    assert len(published) == len(ALL_BOARDS)


def test_a_second_time_overwrites_and_leaves_the_folder_alone(grafana: Grafana) -> None:
    grafana.folders["motcua"] = "Renamed by somebody"
    publish(f"{grafana.url}/", EDITOR, [ALL_BOARDS["slo"]], "one")
    (published,) = publish(grafana.url, EDITOR, [ALL_BOARDS["slo"]], "two")
    assert published.version == 2
    assert grafana.boards["motcua-slo"]["message"] == "two"
    assert grafana.folders == {"motcua": "Renamed by somebody"}


def test_nothing_else_is_asked_or_written(grafana: Grafana) -> None:
    publish(grafana.url, EDITOR, [ALL_BOARDS["slo"], ALL_BOARDS["system"]], "m")
    assert grafana.asked == [
        ("GET", "/grafana/api/folders/motcua"),
        ("POST", "/grafana/api/folders"),
        ("POST", "/grafana/api/dashboards/db"),
        ("POST", "/grafana/api/dashboards/db"),
    ]


def message_of(url: str, token: str = EDITOR) -> str:
    with pytest.raises(PublishError) as error:
        publish(url, token, ALL_BOARDS.values(), "m")
    text = str(error.value)
    assert "\n" not in text
    assert token not in text
    assert token not in "".join(traceback.format_exception(error.value))
    return text


def test_a_wrong_token(grafana: Grafana) -> None:
    text = message_of(grafana.url, "glsa_wrong")
    assert text == "the folder: the token is wrong, expired or revoked (HTTP 401: Invalid API key)"


def test_a_token_that_may_only_look(grafana: Grafana) -> None:
    text = message_of(grafana.url, VIEWER)
    assert "the role Editor (HTTP 403: You'll need additional permissions to perform this action.)" in text
    assert not grafana.boards


def test_another_board_of_the_same_title(grafana: Grafana) -> None:
    grafana.boards["somebodys"] = {"title": ALL_BOARDS["slo"]["title"]}
    text = message_of(grafana.url)
    assert text.startswith("board motcua-slo: Grafana refuses to overwrite")
    assert "HTTP 412" in text
    assert "motcua-overview" in grafana.boards  # those before it are there


def test_a_path_that_is_missing(grafana: Grafana) -> None:
    assert "is Grafana's path missing in the URL? (HTTP 404" in message_of(grafana.root)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, "text/html", "<html>Log in</html>"), "is no Grafana"),
        ((200, "application/json", "{"), "is no Grafana"),
        ((200, "application/json", "[]"), "is no Grafana"),
        ((400, "application/json", '{"message": "Cannot save provisioned dashboard"}'), "Grafana says no (HTTP 400: C"),
        ((502, "text/html", "<html>Bad gateway</html>"), "Grafana itself fails (HTTP 502)"),
    ],
)
def test_answers_that_are_none(grafana: Grafana, answer: tuple[int, str, str], said: str) -> None:
    grafana.instead = answer
    assert said in message_of(grafana.url)


def test_no_answer_in_time(grafana: Grafana, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "TIMEOUT", 0.2)
    grafana.instead = (0, "", "")
    assert message_of(grafana.url) == f"Grafana at {grafana.root} does not answer within 0.2 s"


def test_nobody_there() -> None:
    url = f"http://127.0.0.1:{servers.free_port()}"
    assert message_of(url) == f"Grafana at {url} cannot be reached: is it running, is the address right?"


def test_no_tls_where_tls_is_asked_for(grafana: Grafana) -> None:
    assert "or it speaks plain http" in message_of(grafana.url.replace("http:", "https:"))


@pytest.mark.parametrize(
    ("url", "token", "said"),
    [
        ("grafana:3000", EDITOR, "URL is none"),
        ("ftp://grafana", EDITOR, "URL is none"),
        ("http://admin:secret@grafana", EDITOR, "neither a password"),
        ("http://grafana/?verify=false", EDITOR, "nor a query"),
        ("http://grafana", "mật-khẩu", "the token is empty"),
        ("http://grafana", "two words", "the token is empty"),
        ("http://grafana", "newline\n", "the token is empty"),
    ],
)
def test_settings_that_cannot_be_right(url: str, token: str, said: str) -> None:
    text = message_of(url, token)
    assert said in text
    assert "secret" not in text
