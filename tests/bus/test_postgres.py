"""Events between processes, over a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import fields

import psycopg
import pytest
from support import until

from cronapp.bus import postgres
from cronapp.bus.making import bus_for
from cronapp.bus.postgres import MOST, PostgresBus, payloads
from cronapp.core.errors import CannotStart
from cronapp.core.events import (
    KINDS,
    CancelRequested,
    DrainChanged,
    Event,
    JobChanged,
    LogAppended,
    Resync,
    RunChanged,
    from_json,
    to_json,
)
from cronapp.store.open import open_store
from cronapp.store.store import Store, Tx

Side = tuple[PostgresBus, Store, list[Event]]


@pytest.fixture
async def side(postgres_url: str) -> AsyncIterator[Callable[[], Awaitable[Side]]]:
    """One process's end: its bus, its store, and what it heard of the others."""
    made: list[Side] = []

    async def open_side() -> Side:
        bus, heard = bus_for(postgres_url), []
        assert isinstance(bus, PostgresBus)
        store = await open_store(postgres_url, bus.publish, notices=bus.in_transaction)
        bus.subscribe(lambda event: None, heard.append)
        await bus.start()
        made.append((bus, store, heard))
        return made[-1]

    yield open_side
    for bus, store, _ in made:
        await bus.stop()
        await store.close()


def told(*events: Event) -> Callable[[Tx], None]:
    def change(tx: Tx) -> None:
        for event in events:
            tx.emit(event)

    return change


async def test_what_is_committed_is_told_to_the_others_and_nobody_hears_of_what_was_undone(
    side: Callable[[], Awaitable[Side]],
) -> None:
    (_, here, own), (_, _, heard) = await side(), await side()

    def undone(tx: Tx) -> None:
        told(JobChanged("never"), RunChanged(1, "never"))(tx)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        await here.write(undone)
    events = [JobChanged("a", created=True), RunChanged(7, "a"), LogAppended(7, 3), CancelRequested(7, "Grün\0")]
    await here.write(told(*events))
    await until(lambda: len(heard) == 4)
    assert set(heard) == set(events)
    assert own == [], "what this process told itself it heard at once, as its own"


async def test_what_concerns_one_process_stays_there(side: Callable[[], Awaitable[Side]]) -> None:
    (here, store, _), (_, _, heard) = await side(), await side()
    here.publish([DrainChanged(), Resync()])
    await store.write(told(JobChanged("after")))
    await until(lambda: heard)
    assert heard == [JobChanged("after")]


async def test_ten_thousand_events_go_in_few_notifications_of_which_none_is_too_long(
    side: Callable[[], Awaitable[Side]],
) -> None:
    (_, here, _), (_, _, heard) = await side(), await side()
    await here.write(told(*(JobChanged(f"job-{n}") for n in range(10_000))))
    await until(lambda: len(heard) == 10_000)
    assert heard[-1] == JobChanged("job-9999")
    texts = list(payloads("me", [JobChanged(f"job-{n}") for n in range(10_000)]))
    assert len(texts) <= 80
    assert max(len(text.encode()) for text in texts) <= MOST
    assert list(payloads("me", [CancelRequested(1, "x" * 9000)])) == [f'["me",[{to_json(Resync())}]]']


async def test_who_was_cut_off_connects_again_and_is_told_that_word_may_have_been_lost(
    side: Callable[[], Awaitable[Side]],
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(postgres, "TRY_AGAIN", 0.01)
    (_, here, _), (_, _, heard) = await side(), await side()
    with monkeypatch.context() as refused:
        refused.setattr(postgres, "LISTEN", b"LISTEN to nobody")  # as a standby refuses to
        cut_off(postgres_url)
        await until(lambda: "syntax error" in caplog.text)
    await until(lambda: Resync() in heard)
    await here.write(told(JobChanged("after"), RunChanged(1, "after")))
    await until(lambda: {JobChanged("after"), RunChanged(1, "after")} <= set(heard))


async def test_a_connection_that_hears_nothing_any_more_is_made_anew(
    side: Callable[[], Awaitable[Side]], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a firewall that forgot it: the connection stands, and nothing comes. Here it no longer listens."""
    monkeypatch.setattr(postgres, "SILENCE", 0.3)
    monkeypatch.setattr(postgres, "PING", 0.05)
    monkeypatch.setattr(postgres, "TRY_AGAIN", 0.01)
    (_, here, _), (_, _, heard) = await side(), await side()
    monkeypatch.setattr(postgres, "LISTEN", b"SELECT 1")
    cut_off(postgres_url)
    await until(lambda: Resync() in heard)
    await here.write(told(JobChanged("unheard")))
    monkeypatch.setattr(postgres, "LISTEN", b"LISTEN cronapp")
    before = heard.count(Resync())
    await until(lambda: heard.count(Resync()) > before)
    assert JobChanged("unheard") not in heard

    async def heard_again() -> bool:
        await here.write(told(JobChanged("heard")))
        return JobChanged("heard") in heard

    await until(heard_again)


def cut_off(url: str) -> None:
    """Ends the connections that listen."""
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query ILIKE '%LISTEN%'"
            " AND datname = current_database() AND pid <> pg_backend_pid()"
        )


async def test_a_process_that_would_never_hear_the_others_does_not_start(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind PgBouncer in transaction mode: what listens is not the connection that we have."""
    monkeypatch.setattr(postgres, "LISTEN", b"SELECT 1")
    monkeypatch.setattr(postgres, "DEAF", 0.2)
    bus = bus_for(postgres_url)
    with pytest.raises(CannotStart, match="PgBouncer"):
        await bus.start()
    nowhere = bus_for("postgresql://127.0.0.1:1/x")
    with pytest.raises(CannotStart, match="cannot be listened to: connection failed"):
        await nowhere.start()


async def test_what_waits_for_a_connection_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "KEPT", 10)
    bus = bus_for("postgresql://127.0.0.1:1/x")
    assert isinstance(bus, PostgresBus)
    for seq in range(11):
        bus.publish([LogAppended(1, seq)])
    assert list(bus._out) == [Resync()]


async def test_what_only_a_newer_version_tells_is_left_out_and_the_rest_is_heard(
    side: Callable[[], Awaitable[Side]], postgres_url: str
) -> None:
    _, _, heard = await side()
    newer = '["other",[["RunParked",{}],["JobChanged",{"job":"a","new":1}],["LogAppended",{"run":7,"last_seq":3}]]]'
    other_words = ('["other",[["LogAppended",{"run":7}]]]', '["other",[{"kind":"JobChanged","job":"b"}]]', "{}")
    with psycopg.connect(postgres_url, autocommit=True) as other:
        for payload in (newer, *other_words, '["other",[["JobChanged",{"job":"c"}]]]'):
            other.execute("SELECT pg_notify('cronapp', %s)", (payload,))
    await until(lambda: JobChanged("c") in heard)
    assert heard == [JobChanged("a"), LogAppended(7, 3), *[Resync()] * 3, JobChanged("c")]


def test_every_kind_of_event_goes_to_text_and_back() -> None:
    values = {"str": "a ü", "int": 7, "bool": True}
    for kind in KINDS.values():
        event = kind(**{field.name: values[str(field.type)] for field in fields(kind)})
        assert from_json(to_json(event)) == event
