"""Regions of outages and maintenance on the boards of a small Grafana, over a real socket."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from monitor.catalogue import CatalogueError
from monitor.channels import DeliveryError
from monitor.deliverer import Deliverer
from monitor.incidents import REOPEN
from monitor.regions import BACK, Regions
from tests import servers
from tests.grafana import EDITOR, VIEWER, Grafana, running
from tests.monitor.province import load
from tests.monitor.store.test_outbox import CHANNELS, World
from tests.monitor.test_deliverer import WITHIN
from tests.processes import eventually

DAY = 86_400


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with running() as server:
        yield server


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(url: str, token: str = EDITOR, **but: Any) -> World:
        drawing = f"\n  grafana: {{url: '{url}', token: '{token}'}}"
        made.append(World(tmp_path, channels=CHANNELS + drawing, **but))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


def regions(w: World) -> Regions:
    return Regions(w.store, w.catalogue, lambda result: w.store.outbox.count("grafana", result))


def writes(grafana: Grafana) -> list[str]:
    return [method for method, _ in grafana.asked if method != "GET"]


def test_an_outage_is_drawn_and_closed_when_it_ends(world: Callable[..., World], grafana: Grafana) -> None:
    w = world(grafana.url)
    r = regions(w)
    assert r.bring_up_to_date(w.now) == 0
    w.run("portal", "home", "+---", every=2)
    (incident,) = w.store.incidents.list(w.now - 60, w.now)
    assert r.bring_up_to_date(w.now) == 1
    (drawn,) = grafana.annotations.values()
    assert drawn["time"] == drawn["timeEnd"] == incident.start * 1000
    assert drawn["text"].startswith("Gián đoạn: Cổng (S")
    assert "Đang diễn ra" in drawn["text"]
    assert f'<a href="https://giam-sat.example/su-co/{incident.id}">' in drawn["text"]
    assert {"motcua", "tinh_thu", "outage", "portal", f"motcua:tinh_thu:incident-{incident.id}"} == set(drawn["tags"])
    assert r.bring_up_to_date(w.now + 1) == 0
    w.run("portal", "home", "++", every=2)
    (incident,) = w.store.incidents.list(w.now - 60, w.now)
    assert r.bring_up_to_date(w.now) == 1
    (drawn,) = grafana.annotations.values()
    assert incident.end is not None
    assert (drawn["time"], drawn["timeEnd"]) == (incident.start * 1000, incident.end * 1000)
    assert "Đã gián đoạn" in drawn["text"]
    assert writes(grafana) == ["POST", "PATCH"]
    assert w.store.outbox.deliveries(w.now * 1000).attempts == {("grafana", "sent"): 2}
    w.now += 30  # the same incident goes on, and ends again
    w.run("portal", "home", "---++", every=2)
    assert w.now < incident.end + REOPEN
    r.bring_up_to_date(w.now)
    assert len(grafana.annotations) == 1
    assert grafana.annotations[1]["timeEnd"] > incident.end * 1000


def test_whoever_begins_anew_draws_nothing_twice(world: Callable[..., World], grafana: Grafana) -> None:
    w = world(grafana.url)
    w.run("portal", "home", "+---", every=2)
    assert regions(w).bring_up_to_date(w.now) == 1
    assert regions(w).bring_up_to_date(w.now) == 0
    w.run("portal", "home", "++", every=2)
    assert regions(w).bring_up_to_date(w.now) == 1
    assert writes(grafana) == ["POST", "PATCH"]
    # What two drew at the same time is one again.
    grafana.annotations[7] = dict(grafana.annotations[1])
    assert regions(w).bring_up_to_date(w.now) == 1
    assert list(grafana.annotations) == [1]


def test_what_others_have_drawn_is_left_alone(world: Callable[..., World], grafana: Grafana) -> None:
    others = {
        5: {"time": 1, "timeEnd": 2, "text": "của người khác", "tags": ["motcua", "tinh_thu"]},
        6: {
            "time": 1,
            "timeEnd": 2,
            "text": "tỉnh khác",
            "tags": ["motcua", "tinh_khac", "motcua:tinh_khac:incident-1"],
        },
    }
    grafana.annotations |= {number: dict(one) for number, one in others.items()}
    w = world(grafana.url)
    w.run("portal", "home", "+---++", every=2)
    regions(w).bring_up_to_date(w.now)
    assert {number: grafana.annotations[number] for number in others} == others
    assert len(grafana.annotations) == 3


def test_an_outage_that_turns_out_to_be_its_parents_is_erased(world: Callable[..., World], grafana: Grafana) -> None:
    w = world(grafana.url)
    r = regions(w)
    w.tries(("bus", "ping", "+"), ("app", "search", "+"))
    for _ in range(3):
        w.now += 2
        w.tries(("app", "search", "-"))
    r.bring_up_to_date(w.now)
    assert ["app" in one["tags"] for one in grafana.annotations.values()] == [True]
    for _ in range(3):
        w.now += 2
        w.tries(("bus", "ping", "-"))
    r.bring_up_to_date(w.now)
    assert ["bus" in one["tags"] for one in grafana.annotations.values()] == [True]
    assert r.bring_up_to_date(w.now) == 0


def test_maintenance_is_drawn_and_erased_when_it_is_cancelled(world: Callable[..., World], grafana: Grafana) -> None:
    w = world(grafana.url)
    r = regions(w)
    start, far = w.now + DAY, w.now + 60 * DAY
    (window,) = w.store.maintenance.add(["portal", "app"], [(start, start + 7200)], w.now, at=w.now, by="truc_ban")
    w.store.maintenance.add(["bus"], [(far, far + 60)], w.now, at=w.now, by="truc_ban")
    assert r.bring_up_to_date(w.now) == 1
    (drawn,) = grafana.annotations.values()
    assert (drawn["time"], drawn["timeEnd"]) == (start * 1000, (start + 7200) * 1000)
    assert drawn["text"] == "Bảo trì: Một cửa, Cổng"
    assert {"maintenance", "portal", "app"} < set(drawn["tags"])
    w.store.maintenance.cancel(window.id, at=w.now + 60, by="truc_ban")
    assert r.bring_up_to_date(w.now + 60) == 1
    assert grafana.annotations == {}


def test_what_ended_long_ago_stays_and_is_not_drawn(world: Callable[..., World], grafana: Grafana) -> None:
    w = world(grafana.url)
    w.run("portal", "home", "+---++", every=2)
    assert regions(w).bring_up_to_date(w.now + BACK + 60) == 0
    regions(w).bring_up_to_date(w.now)
    assert regions(w).bring_up_to_date(w.now + BACK + 60) == 0
    assert len(grafana.annotations) == 1


def test_names_are_no_html(world: Callable[..., World], grafana: Grafana) -> None:
    w = world(grafana.url)
    name = w.catalogue.systems["portal"].name
    object.__setattr__(name, "vi", "<b>Cổng</b> & trang")
    w.run("portal", "home", "+---", every=2)
    regions(w).bring_up_to_date(w.now)
    assert "&lt;b&gt;Cổng&lt;/b&gt; &amp; trang" in grafana.annotations[1]["text"]


@pytest.mark.parametrize(
    ("token", "said"),
    [("glsa_wrong", "HTTP 401: the token is wrong"), (VIEWER, "HTTP 403: the token's service account needs the role")],
)
def test_what_grafana_refuses(world: Callable[..., World], grafana: Grafana, token: str, said: str) -> None:
    w = world(grafana.url, token)
    w.run("portal", "home", "+---", every=2)
    with pytest.raises(DeliveryError, match=said) as error:
        regions(w).bring_up_to_date(w.now)
    assert token not in str(error.value)
    assert w.store.outbox.deliveries(w.now * 1000).attempts == {("grafana", "failed"): 1}


@pytest.mark.parametrize("instead", [(200, "text/html", "<html>"), (200, "application/json", "{}"), (502, "x", "")])
def test_answers_that_are_none(world: Callable[..., World], grafana: Grafana, instead: tuple[int, str, str]) -> None:
    w = world(grafana.url)
    w.run("portal", "home", "+---", every=2)
    r = regions(w)
    grafana.instead = instead
    with pytest.raises(DeliveryError, match=r"no Grafana|HTTP 502"):
        r.bring_up_to_date(w.now)
    grafana.instead = None
    assert r.bring_up_to_date(w.now) == 1
    del grafana.annotations[1]  # somebody has erased it
    w.run("portal", "home", "++", every=2)
    with pytest.raises(DeliveryError, match="HTTP 404"):
        r.bring_up_to_date(w.now)
    assert r.bring_up_to_date(w.now) == 1


@contextmanager
def delivering(w: World) -> Iterator[None]:
    with Deliverer(w.store, w.catalogue, lambda: float(w.now)):
        yield
    assert not [t for t in threading.enumerate() if t.name == "deliver-grafana"]


def test_the_deliverer_draws_and_goes_on_when_grafana_is_back(
    world: Callable[..., World], grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.deliverer.LOOK_REGIONS", 0.05)
    w = world(grafana.url)
    w.run("portal", "home", "+---", every=2)
    grafana.instead = (503, "text/plain", "")
    with delivering(w):
        eventually(lambda: len(grafana.asked) > 2, WITHIN)
        assert not grafana.annotations
        grafana.instead = None
        eventually(lambda: len(grafana.annotations) == 1, WITHIN)
        w.run("portal", "home", "++", every=2)
        eventually(lambda: "Đã gián đoạn" in grafana.annotations[1]["text"], WITHIN)


def test_nobody_there(world: Callable[..., World]) -> None:
    w = world(f"http://127.0.0.1:{servers.free_port()}")
    with pytest.raises(DeliveryError, match="Grafana cannot be reached"):
        regions(w).bring_up_to_date(w.now)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{url: 'http://grafana'}", "both or not at all"),
        ("{token: glsa_invented}", "both or not at all"),
        ("{url: grafana, token: glsa_invented}", "url"),
        ("{url: 'http://grafana', token: 'two words'}", "no token has"),
    ],
)
def test_settings_that_cannot_be_right(tmp_path: Path, written: str, said: str) -> None:
    with pytest.raises(CatalogueError) as error:
        load(tmp_path, f"{province_text()}  grafana: {written}\n")
    (problem,) = error.value.problems
    assert said in str(problem)
    assert "glsa" not in str(problem)


def test_empty_settings_are_off(tmp_path: Path) -> None:
    text = f'{province_text()}  grafana: {{url: "${{NONE:-}}", token: "${{NONE:-}}"}}\n'
    assert load(tmp_path, text).alerts.grafana.url is None


def province_text() -> str:
    from tests.monitor.province import CATALOGUE

    return "".join(line for line in CATALOGUE.splitlines(True) if not line.startswith("alerts:")) + "alerts:\n"
