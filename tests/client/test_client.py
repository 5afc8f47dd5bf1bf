"""`cronapp.client` against a real server: each call of the API, at once and awaited, and what a server may answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from support import TASKS, TOKEN, Server, until

from cronapp.client import (
    AsyncClient,
    Client,
    Forbidden,
    Invalid,
    NotFound,
    NotReached,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    VersionConflict,
)
from cronapp.client import events as streams
from cronapp.client import steps as made
from cronapp.client.carrying import call, flow
from cronapp.core.models import RunState

MANUAL = {"kind": "manual"}
YEARLY = {"kind": "cron", "expression": "0 0 1 1 *", "timezone": "UTC"}
METHODS = ("get", "post", "put", "patch", "delete")
MORE = '''

@task(schedule="0 0 1 1 *", timezone="UTC")
def yearly():
    """Declared here."""


def perhaps(ok: bool = True):
    print("it is", ok)
    print("and no more")
    if not ok:
        raise ValueError("not this time")


def takes(one: int, two: int = 2):
    """Takes two, later only one."""
'''


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all of these tests."""
    server = Server(tmp_path_factory.mktemp("house"), TASKS + MORE, {"CRONAPP_API_RATE": "0"})
    yield server.start("--watch")
    assert server.stop() == 0


@pytest.fixture
def client(house: Server) -> Iterator[Client]:
    with Client(house.url, TOKEN) as client:
        yield client


async def test_every_call_of_the_api_is_a_call_of_the_client(house: Server) -> None:
    described = asked_of(house)
    asked: set[tuple[str, str]] = set()

    def note(reply: httpx.Response) -> None:
        if reply.is_success:
            path = reply.request.url.raw_path.decode().partition("?")[0]
            [found] = sorted(template for template in described if fits(template, path))[:1] or [path]
            asked.add((reply.request.method, found))

    with Client(house.url, TOKEN) as client:
        client._http.event_hooks["response"].append(note)
        used = await walk(client, house)
    every = {(method.upper(), path) for path, methods in described.items() for method in methods}
    api = {(method, path) for method, path in every if path.startswith("/api/v1/")}
    assert sorted(api - asked) == []
    assert sorted(asked - api) == []
    assert names() - used == set()


def asked_of(house: Server) -> dict[str, Any]:
    """The addresses that the server describes."""
    reply = httpx.get(f"{house.url}/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
    paths: dict[str, Any] = reply.json()["paths"]
    return {path: {name for name in about if name in METHODS} for path, about in paths.items()}


def fits(template: str, path: str) -> bool:
    """Whether the address is of that template; the one without parameters goes first by its name."""
    return re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), path) is not None


def names() -> set[str]:
    """The calls that a client has."""
    return {name for kind in Client.__mro__ for name, one in vars(kind).items() if isinstance(one, call | flow)}


class Noting:
    """A client that notes which calls were made."""

    def __init__(self, client: Client, used: set[str]) -> None:
        self.client, self.used = client, used

    def __getattr__(self, name: str) -> Any:
        self.used.add(name)
        return getattr(self.client, name)


async def walk(client: Client, house: Server) -> set[str]:
    """Makes each call once, and looks at what it says."""
    used: set[str] = set()
    told: Any = Noting(client, used)
    jobs_and_slots(told)
    runs_and_errors(told)
    await mended(told, house)
    await alerts(told)
    the_house(told)
    people(told)
    return used


def jobs_and_slots(api: Any) -> None:
    job = api.create_job({"id": "greet", "task": "hello", "schedule": YEARLY, "tags": ["a"]}, key="once")
    assert api.create_job({"id": "greet", "task": "hello", "schedule": YEARLY, "tags": ["a"]}, key="once") == job
    assert api.job("greet") == job
    assert [one.id for one in api.jobs(tag=["a"], task="hello")] == ["greet"]
    changed = api.change_job("greet", {"timeout": timedelta(minutes=2)}, version=job.version)
    assert (changed.timeout, changed.version) == (120, job.version + 1)
    assert api.replace_job("greet", changed, version=changed.version).timeout == 120
    assert api.restore_job("greet", job.version).timeout is None
    assert [change.kind for change in api.changes("greet", most=1)] == ["restored"]
    assert api.pause_job("greet", reason="why not", until=datetime.now(UTC) + timedelta(hours=1)).state == "paused"
    assert api.resume_job("greet", catch_up="last").state == "active"
    ahead = list(api.upcoming_slots("greet", most=3))
    assert not api.skip_slot("greet", ahead[0].slot).runs
    assert api.unskip_slot("greet", ahead[0].slot).runs
    extra = ahead[0].slot - timedelta(minutes=1)
    assert api.add_slot("greet", extra).added.by
    assert api.remove_slot("greet", extra) is None
    this_year = datetime.now(UTC).replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    window = this_year.replace(year=this_year.year - 2), this_year
    assert api.plan_backfill("greet", *window).slots == 3
    opened = api.backfill("greet", *window, max_running=2)
    assert [one.id for one in api.backfills("greet")] == [opened.id]
    for run in opened.runs:
        list(api.follow(run))
    assert api.cancel_backfill("greet", opened.id).cancelled == 0
    assert [one.run for one in api.slots("greet", since=window[0], most=5)] == opened.runs[::-1]
    assert api.slots_kept("greet").kept.promised >= 0
    note = api.add_note("greet", "first")
    assert api.change_note("greet", note.id, "second").text == "second"
    assert api.note("greet", note.id).edited_by
    assert [one.text for one in api.notes("greet")] == ["second"]
    assert api.remove_note("greet", note.id) is None
    assert api.figures("greet").duration.of == 3
    assert api.change_jobs("tag", ids=["greet"], tags=["b"]).done == ["greet"]
    assert api.change_jobs("pause", filter={"tags": ["b"]}, dry_run=True).matched == 1


def runs_and_errors(api: Any) -> None:
    api.create_job({"id": "fails", "task": "fail", "schedule": MANUAL})
    run = api.run_job("fails", {"message": "so it goes"}, key="again")
    assert api.run_job("fails", {"message": "so it goes"}, key="again").id == run.id
    assert list(api.follow(run.id)) == []
    assert api.run(run.id).error.type == "ValueError"
    assert [one.id for one in api.runs(job="fails", state=["failed"], most=1)] == [run.id]
    [group] = api.errors(job="fails", within="7d")
    assert api.error(group.id).error.message == "so it goes"
    assert api.plan_retry_alike(run.id).alike == [run.id]
    [again] = api.retry_alike(run.id).runs
    list(api.follow(again))
    once_more = api.retry_run(again).id
    list(api.follow(once_more))
    assert api.change_runs("retry", filter={"job": "fails"}, dry_run=True).matched == 3
    api.create_job({"id": "holds", "task": "hold", "args": {"seconds": 60}, "schedule": MANUAL})
    held = api.run_job("holds").id
    first = next(line for line in api.follow(held) if line.text == "holding")
    assert first.stream == "stdout"
    assert "hold" in api.stack(held).stack
    api.cancel_run(held)
    list(api.follow(held))
    assert api.run(held).state is RunState.CANCELLED
    api.create_job({"id": "perhaps", "task": "perhaps", "schedule": MANUAL})
    list(api.follow(api.run_job("perhaps").id))
    bad = api.run_job("perhaps", {"ok": False}).id
    lines = list(api.follow(bad))
    assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
    assert list(api.log(bad, after=1)) == lines[1:]
    assert "stdout: it is False\n" in api.log_text(bad)
    assert [match.run for match in api.search_logs("it is", job="perhaps").items] == [bad, bad - 1]
    assert [(one.name, one.now) for one in api.comparison(bad).args] == [("ok", False)]


async def mended(api: Any, house: Server) -> None:
    api.change_job("yearly", {"priority": 5})
    assert api.reset_job("yearly").priority == 0
    api.create_job({"id": "takes", "task": "takes", "args": {"one": 1, "two": 3}, "schedule": MANUAL})
    house.write_tasks(house.tasks.replace("one: int, two: int = 2", "one: int"))
    await until(lambda: api.job("takes").state == "needs_attention")
    assert "two" in " ".join(api.job("takes").difference)
    fitted = api.fit_job("takes")
    assert (fitted.state, fitted.args) == ("active", {"one": 1})
    house.write_tasks(house.tasks.replace("def takes(", "def took("))
    await until(lambda: api.job("takes").state == "needs_attention")
    assert api.repoint_job("takes", "took").task == "took"


async def alerts(api: Any) -> None:
    """To addresses that are refused, so that nothing is sent."""
    assert api.add_channel("ops", "json://127.0.0.1:9", digest="10m", most=5).most == 5
    assert api.add_channel("hook", "http://127.0.0.1:9/hook", kind="hook").secret
    assert api.change_channel("ops", {"most": 3}, dry_run=True).most == 3
    assert api.channel("ops").most == 5
    assert api.change_channel("ops", {"quiet": {"from": "22:00", "until": "06:00"}}).digest == 0
    assert api.channel("ops").quiet.timezone == "UTC"
    assert [one.name for one in api.channels()] == ["hook", "ops"]
    assert api.renew_channel_secret("hook").secret
    [told] = api.test_channel("hook").items
    assert (told.state, "CRONAPP_ALLOW_PRIVATE_HOOKS" in told.error) == ("failed", True)
    assert api.delivery(told.id).event == "test"
    rule = api.add_alert({"tag": "a", "on": ["failure"], "channels": ["hook"]})
    assert api.change_alert(rule.id, {"tag": "a", "on": ["missed"], "channels": ["hook"]}).on == ["missed"]
    assert [one.id for one in api.alerts()] == ["default", rule.id]
    assert api.alert("default").tag is None
    assert [one.channel for one in api.test_alert(rule.id).items] == ["hook"]
    assert api.remove_alert(rule.id) is None
    api.create_job({"id": "told", "task": "hello", "schedule": MANUAL, "notify": [{"channels": ["ops", "hook"]}]})
    assert len(api.test_job_alerts("told").items) == 2
    assert {one.channel for one in api.deliveries(job="told", event="test")} == {"ops", "hook"}
    mail = {"task": "hello", "schedule": MANUAL, "notify": [{"urls": ["json://127.0.0.1:9/mail"]}]}
    would_be, present = api.replace_job("told", mail, dry_run=True), api.job("told")
    assert (would_be.notify[0].channels, present.notify[0].channels) == ([], ["ops", "hook"])
    assert (would_be.version, len(list(api.changes("told")))) == (present.version, 1)
    api.change_job("told", {"task": "fail", "notify": [{"channels": ["hook"]}]})
    api.run_job("told")
    failures = {"job": "told", "event": "failure", "state": "failed"}
    await until(lambda: list(api.deliveries(**failures)))
    assert api.retry_delivery(next(api.deliveries(**failures)).id).channel == "hook"
    api.remove_job("told")
    assert api.remove_channel("ops") is None


def the_house(api: Any) -> None:
    assert "hello" in [task.name for task in api.tasks()]
    assert api.task("hello").args_schema["properties"].keys() == {"name", "times"}
    list(api.follow(api.test_task("hello", {"name": "you"}, timeout="1m").id))
    told = api.preview(YEARLY, count=2, since="2026-01-01T00:00:00Z", fields={"jitter": 60})
    assert [slot.year for slot in told.slots] == [2027, 2028]
    told = list(api.events(["jobs", "runs"], follow=False))
    assert {event.kind for event in told} >= {"job", "ready"}
    assert told[-1].place
    assert list(api.events("jobs", after=told[-1].place, follow=False))[-1].kind == "ready"
    assert api.stats().jobs.all >= 4
    [worker] = api.workers()
    assert api.drain_worker(worker.id).drained_by == "the admin token"
    assert not api.resume_worker(worker.id).draining
    assert api.load(hours=1).stretches
    assert api.scheduler().state == "running"
    assert api.pause_scheduler(reason="a test").state == "paused"
    assert api.resume_scheduler(catch_up="all").state == "running"
    assert api.safe_restart(1).minutes == 1
    assert api.drain().draining
    assert api.draining().since
    assert not api.undrain().draining
    assert api.set_limit("queue", "mail", max_running=2, rate="10/m").rate == "10/m"
    assert "mail" in [limit.name for limit in api.limits()]
    assert api.clear_limit("queue", "mail") is None


def people(api: Any) -> None:
    assert api.me().role == "admin"
    token = api.create_token("viewer", tags=["a"], expires="1d")
    assert api.rename_token(token.id, "other").name == "other"
    assert api.token(token.id).state == "good"
    assert api.revoke_token(token.id) is None
    assert token.id in [one.id for one in api.tokens()]
    assert api.add_user("ada", "correct horse battery", "admin").name == "ada"
    assert api.add_user("bob", "correct horse battery", "viewer", ["a"]).tags == ["a"]
    assert api.change_user("bob", role="operator", all_jobs=True).tags is None
    assert api.set_password("bob", "another good password") is None
    assert api.sign_out("bob").ended == 0
    assert not api.user("bob").second_factor
    assert api.end_second_factor("bob") is None
    assert api.remove_user("bob") is None
    assert [user.name for user in api.users()] == ["ada"]
    assert api.put_secret("SHOP", "geheim").name == "SHOP"
    assert api.secret("SHOP").used_by == []
    assert [one.name for one in api.secrets()] == ["SHOP"]
    assert api.remove_secret("SHOP") is None
    assert [row.action for row in api.audit(target="SHOP", most=1)] == ["secret.removed"]
    assert api.remove_job("greet") is None


def test_a_list_is_asked_for_page_by_page_and_only_as_far_as_it_is_wanted(client: Client) -> None:
    for number in range(7):
        client.create_job({"id": f"many-{number}", "task": "hello", "schedule": MANUAL})
    sizes: list[str] = []
    client._http.event_hooks["request"].append(lambda sent: sizes.append(sent.url.params["limit"]))
    original = made.PAGE
    made.PAGE = 3
    try:
        assert [job.id for job in client.jobs(q="many-")] == [f"many-{number}" for number in range(7)]
        assert sizes == ["3", "3", "3"]
        assert [job.id for job in client.jobs(q="many-", most=4)] == [f"many-{number}" for number in range(4)]
        assert sizes[3:] == ["3", "1"]
        assert [job.id for job in islice(client.jobs(q="many-"), 2)] == ["many-0", "many-1"]
        assert len(sizes) == 6
    finally:
        made.PAGE = original


def test_what_a_server_refuses_is_an_exception_with_its_words(house: Server, client: Client) -> None:
    with pytest.raises(Invalid) as wrong:
        client.create_job({"id": "wrong", "task": "hello", "schedule": {**YEARLY, "timezone": "Berlin"}})
    assert (wrong.value.status, wrong.value.title) == (422, "Invalid input")
    assert list(wrong.value.errors) == ["schedule.timezone"]
    assert "Europe/Berlin" in str(wrong.value)
    with pytest.raises(NotFound) as gone:
        client.job("a/b c?")
    assert (gone.value.status, "a/b c?" in gone.value.detail or bool(gone.value.detail)) == (404, True)
    job = client.create_job({"id": "edited", "task": "hello", "schedule": MANUAL})
    client.change_job("edited", {"priority": 1}, version=job.version)
    with pytest.raises(VersionConflict):
        client.change_job("edited", {"priority": 2}, version=job.version)
    with pytest.raises(VersionConflict):
        client.remove_job("edited", version=job.version)
    with pytest.raises(Unauthorized), Client(house.url, "no-good") as stranger:
        stranger.me()
    viewer = client.create_token("viewer").token
    with pytest.raises(Forbidden), Client(house.url, viewer) as looking:
        looking.run_job("edited")


def test_an_address_where_no_server_is_is_told(tmp_path: Path) -> None:
    with Client("http://127.0.0.1:9", "token") as nobody, pytest.raises(NotReached, match="Is the server running"):
        nobody.me()


def test_the_token_goes_into_the_header_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRONAPP_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("CRONAPP_TOKEN", "geheim-wort")
    with Client() as client:
        assert client.url == "http://127.0.0.1:9"
        assert "geheim" not in repr(client)
        with pytest.raises(NotReached) as away:
            client.me()
        assert "geheim" not in str(away.value)


def answers(client: Client, *replies: httpx.Response) -> list[httpx.Request]:
    """Has a transport answer so, one after the other; answers what was sent."""
    sent: list[httpx.Request] = []
    waiting = list(replies)

    def reply(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return waiting.pop(0)

    client._http = httpx.Client(**client._options(), transport=httpx.MockTransport(reply))
    return sent


def busy(status: int, after: str | None) -> httpx.Response:
    problem = {"type": "about:blank", "title": "Busy", "status": status, "detail": "Come later."}
    return httpx.Response(status, json=problem, headers={"Retry-After": after} if after else {})


ME = httpx.Response(200, json={"name": "x", "role": "admin", "tags": None, "token": None, "expires_at": None})


@pytest.mark.parametrize(
    ("status", "method", "after", "sent"),
    [
        (429, "me", "0", 2),
        (429, "run_job", "0", 2),
        (503, "me", "0", 2),
        (503, "run_job", "0", 1),  # nobody knows whether it was carried out
        (503, "me", None, 1),
        (429, "me", "3600", 1),
    ],
)
def test_a_call_is_made_again_after_the_time_that_the_server_names(
    status: int, method: str, after: str | None, sent: int
) -> None:
    with Client("http://127.0.0.1:9", "token") as client:
        requests = answers(client, busy(status, after), *[ME] * 5)
        asked = {"me": client.me, "run_job": lambda: client.run_job("greet")}[method]
        if sent == 1:
            with pytest.raises((TooManyRequests, Unavailable)):
                asked()
        elif method == "me":
            assert client.me().name == "x"
        else:
            with pytest.raises(NotReached, match="otherwise than this client understands"):
                asked()  # it was made again, and what comes is no run
        assert len(requests) == sent


def test_an_end_is_put_to_asking_again() -> None:
    with Client("http://127.0.0.1:9", "token") as client:
        requests = answers(client, *[busy(429, "0") for _ in range(9)])
        with pytest.raises(TooManyRequests):
            client.me()
        assert len(requests) == 5


LINE = {"seq": 1, "at": "2026-02-02T02:00:00Z", "stream": "stdout", "level": None, "text": "ü", "run": 7}


def streamed(*seqs: int, end: str = "") -> httpx.Response:
    """A stream of these lines, the bytes one by one, that breaks off behind them."""
    told = "".join(
        f"event: line\ndata: {json.dumps({**LINE, 'seq': n}, ensure_ascii=False)}\nid: 5.7-{n}\n\n" for n in seqs
    )
    return httpx.Response(200, stream=Bytes(f"retry: 1000\r\n\r\n: here\nid: 4\n\n{told}{end}".encode()))


class Bytes(httpx.SyncByteStream):
    def __init__(self, content: bytes) -> None:
        self.content = content

    def __iter__(self) -> Iterator[bytes]:
        yield from (self.content[n : n + 1] for n in range(len(self.content)))
        raise httpx.ReadError("cut off")


def test_a_stream_that_breaks_off_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "SOON", 0.0)
    with Client("http://127.0.0.1:9", "token") as client:
        half = 'event: line\ndata: {"seq": 3'
        gone = httpx.Response(404, json={"title": "Run not found", "status": 404, "detail": "It is not there."})
        proxy = httpx.Response(502, text="<h1>Bad gateway</h1>")
        requests = answers(client, streamed(1, 2, end=half), proxy, busy(503, "0"), streamed(), streamed(3), gone)
        told: list[Any] = []
        with pytest.raises(NotFound):
            told.extend((one.kind, one.data.seq, one.data.text, one.place) for one in client.events(["run:7", "jobs"]))
        assert told == [("line", n, "ü", f"5.7-{n}") for n in (1, 2, 3)]
        places = [sent.headers.get("Last-Event-ID") for sent in requests]
        assert places == [None, "5.7-2", "5.7-2", "5.7-2", "4", "5.7-3"]
        assert {sent.url.params["topics"] for sent in requests} == {"run:7,jobs"}


@pytest.mark.parametrize("known", [True, False])
def test_a_server_that_is_away_is_waited_for_only_if_it_was_there_and_not_for_ever(
    known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "SOON", 0.001)
    with Client("http://127.0.0.1:9", "token") as client:
        away = [httpx.Response(502, text="no") for _ in range(99)]
        requests = answers(client, *([streamed(1)] if known else []), *away)
        with pytest.raises(NotReached):
            list(client.events("run:7", patience=0.02))
        assert (len(requests) > 3) is known


async def test_the_awaited_client_has_the_same_calls(house: Server) -> None:
    async with AsyncClient(house.url, TOKEN) as api:
        job = await api.create_job({"id": "awaited", "task": "steps", "schedule": MANUAL})
        assert (await api.job("awaited")) == job
        assert "awaited" in [one.id async for one in api.jobs(task="steps")]
        run = await api.run_job("awaited", {"count": 3})
        lines = [line async for line in api.follow(run.id)]
        assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
        assert (await api.run(run.id)).state == "succeeded"
        told = [event async for event in api.events(f"job:awaited,run:{run.id}@1", follow=False)]
        assert [event.kind for event in told] == ["job", *["line"] * (len(lines) - 1), "run", "ready"]
        with pytest.raises(NotFound):
            await api.job("no-such-job")
