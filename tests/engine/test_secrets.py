"""What a run must not say: its secrets are masked in its log, result, error and progress, however they are printed."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import text
from support import VAULT, until

from cronapp.config import Settings, known_secrets, secret_values
from cronapp.core.hidden import MASK
from cronapp.core.models import LogStream, Run
from cronapp.core.vault import Vault
from cronapp.engine.runlog import Cover, RunLog
from cronapp.engine.runner import Runner
from cronapp.service.secrets import Secrets

OUT = LogStream.STDOUT
SECRET = "s3cret/wörd+7 'x'"
KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(clock: Clock) -> RunLog:
    return RunLog(10**6, clock, cover=Cover([SECRET, KEY, "short"]))


def taken(log: RunLog, flush: bool = True) -> list[str]:
    return [line.text for line in log.take(flush=flush)]


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps({"password": SECRET}, ensure_ascii=False),
        repr(SECRET),
        quote(SECRET),
        quote(SECRET, safe=""),
        f"postgresql://shop:{quote(SECRET, safe='')}@host/db",
        KEY,
        json.dumps(KEY),
    ],
)
def test_a_secret_is_masked_in_each_form_in_which_it_is_printed(log: RunLog, form: str) -> None:
    log.write(OUT, f"before {form} behind\n")
    log.log("INFO", f"before {form} behind")
    log.system(f"before {form} behind")
    told = "\n".join(taken(log))
    assert told.count(MASK) >= 3
    assert told.count("before") == told.count("behind") == 3
    for part in ("wörd", "w%C3", "w\\u00f6", "MIIEv", "hkiG9"):
        assert part not in told


@pytest.mark.parametrize("before", ["", "u", "us", "user:", "somebody:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_is_masked_in_base64_wherever_it_begins(log: RunLog, before: str, encode: Any) -> None:
    told = encode(f"{before}{SECRET}{before}".encode()).decode()
    log.write(OUT, f"Authorization: Basic {told}\n")
    [line] = taken(log)
    rest = line.removeprefix("Authorization: Basic ").replace(MASK, "")
    assert MASK in line
    assert len(rest) <= len(told) - len(SECRET)


def test_a_short_word_is_no_secret_and_other_text_stays(log: RunLog) -> None:
    log.write(OUT, "short and sweet\n")
    assert taken(log) == ["short and sweet"]


@pytest.mark.parametrize("cut", range(1, len(SECRET)))
def test_a_secret_in_two_pieces_is_masked_also_where_the_first_had_to_wait(log: RunLog, clock: Clock, cut: int) -> None:
    log.write(OUT, f"before {SECRET[:cut]}")
    clock.now += timedelta(seconds=1)
    first = taken(log, flush=False)
    log.write(OUT, f"{SECRET[cut:]} behind\n")
    assert "".join([*first, *taken(log)]) == f"before {MASK} behind"


def test_what_only_looks_like_the_beginning_of_a_secret_comes_all_the_same(log: RunLog, clock: Clock) -> None:
    log.write(OUT, "done s3cr")
    clock.now += timedelta(seconds=1)
    assert taken(log, flush=False) == ["done "]
    log.write(OUT, "ab\n")
    assert taken(log) == ["s3crab"]
    log.write(OUT, "s3c")
    assert taken(log) == ["s3c"], "and at the end of all"


def test_bytes_that_were_cut_within_a_letter_hide_nothing(log: RunLog, clock: Clock) -> None:
    data = SECRET.encode()
    middle = data.index("ö".encode()) + 1
    log.write_bytes(OUT, data[:middle])
    clock.now += timedelta(seconds=1)
    first = taken(log, flush=False)
    log.write_bytes(OUT, data[middle:] + b" \xff\n")
    lines = log.take(flush=True)
    assert "".join([*first, *(line.text for line in lines)]) == f"{MASK} \ufffd"
    assert b"s3cret" not in b"".join(line.raw or b"" for line in lines)


@pytest.mark.parametrize("start", range(80, 101))
def test_a_line_that_is_too_long_is_parted_around_its_secrets(clock: Clock, start: int) -> None:
    log = RunLog(10**6, clock, max_line=100, cover=Cover(["0123456789abcdef"]))
    for letter in "x" * start + "0123456789abcdef" + "y" * 150 + "\n":
        log.write(OUT, letter)
    log.log("INFO", "x" * start + "0123456789abcdef" + "y" * 150)
    told = "".join(taken(log))
    assert "0123" not in told
    assert "cdef" not in told
    assert told.count("x") == 2 * start
    assert told.count("y") == 300


def test_beyond_the_limit_secrets_are_masked_too_also_one_of_which_only_the_end_is_left(clock: Clock) -> None:
    log = RunLog(6000, clock, cover=Cover(["0123456789abcdef"]))
    for _ in range(600):
        log.write(OUT, "a line with 0123456789abcdef in it\n")
    log.write(OUT, "0123456789abcdef" * 2000)
    told = "".join(taken(log))
    assert "log limit" in told
    assert MASK in told
    assert "abcdef" not in told


def test_a_cover_finds_nothing_where_there_is_nothing_to_find() -> None:
    cover = Cover()
    assert not cover
    assert cover("text") == "text"
    assert cover.begun("text") == ("text", "")
    own = cover.copy()
    own.add(["0123456789"])
    assert own("0123456789") == MASK
    assert not cover, "what one run has is not another's"


def test_the_environment_tells_by_names_what_is_secret_in_it() -> None:
    environ = {
        "SHOP_PASSWORD": "a-password",
        "API_TOKEN": "a-token",
        "SENTRY_DSN": "https://k@host/1",
        "AWS_SECRET_ACCESS_KEY": "a-key",
        "PGPASSWORD": "another-password",
        "QUEUE_URL": "amqp://me:in%2Fan-address@host/",
        "STOCK_URL": "postgresql://host/stock?user=me&password=among%2Foptions",
        "PWD": "/home/shop",
        "PATH": "/usr/bin",
        "MONKEY": "banana",
        "CRONAPP_TOKEN_FILE": "/run/secrets/token",
    }
    assert secret_values(environ) == {
        *("a-password", "a-token", "https://k@host/1", "a-key", "another-password", "in/an-address", "among/options")
    }
    settings = Settings(
        admin_token="admin-token", secret_key="k" * 32 + "," + "o" * 32, database="postgresql://u:pw@h/d"
    )
    keys = "k" * 32, "o" * 32
    assert known_secrets(settings, {}) == {"admin-token", *keys, ",".join(keys), "pw"}


# -- whole runs -------------------------------------------------------------------------------------------------------

MORE = """
from pydantic import BaseModel, SecretStr
from cronapp import secret

class Db(BaseModel):
    url: str
    password: SecretStr

def leak(key, dbs):
    word = key.get_secret_value()
    print(word[:4], end="", flush=True)
    print(word[4:])
    print(word, dbs[0].password.get_secret_value(), dbs[0].url, secret("STORED"), secret("AROUND"), file=sys.stderr)
    logging.warning("%s", word)
    progress(1, 2, word)
    assert current_run().id

def tell(key: SecretStr, dbs: list[Db]):
    leak(key, dbs)
    return {"got": [key.get_secret_value(), secret("STORED")], secret("STORED"): 1}

async def tell_on_loop(key: SecretStr, dbs: list[Db]):
    leak(key, dbs)
    return {"got": [key.get_secret_value(), secret("STORED")], secret("STORED"): 1}

@task(run_in="process")
def tell_in_process(key: SecretStr, dbs: list[Db]):
    leak(key, dbs)
    os.write(1, key.get_secret_value()[:5].encode())
    os.write(1, (key.get_secret_value()[5:] + "\\n").encode())
    return {"got": [key.get_secret_value(), secret("STORED")], secret("STORED"): 1}

def fail(key: SecretStr):
    raise ValueError(f"{key.get_secret_value()} and {secret('STORED')} do not fit")

@task(run_in="process")
def fail_in_process(key: SecretStr):
    raise ValueError(f"{key.get_secret_value()} and {secret('STORED')} do not fit")

@task(run_in="process")
def die(key: SecretStr):
    print(key.get_secret_value())
    os._exit(3)

def ask(name: str):
    return len(secret(name))

@task(run_in="process")
def ask_in_process(name: str):
    return len(secret(name))
"""
WORDS = ("geheim-typed", "geheim-db", "geheim-stored", "geheim-around")
ARGS = {"key": "geheim-typed", "dbs": [{"url": "postgresql://shop", "password": "geheim-db"}]}
Begin = Callable[..., Any]


@pytest.fixture
async def runner(house: Any, capturing: None) -> AsyncIterator[Runner]:
    with open(house.tasks.sources[0], "a") as tasks:  # noqa: ASYNC230 - a few lines
        tasks.write(MORE)
    house.tasks.reload()
    await Secrets(house.store, VAULT, house.clock).put("STORED", "geheim-stored")
    around = {"AROUND": "geheim-around"}
    runner = Runner(house.runs, house.tasks, house.clock, node="here:1", log_limit=10**6, variable=around.get)
    house.bus.subscribe(runner.heed)
    runner.begin()
    yield runner
    runner.stop_all("The test is over.")
    await runner.drained()
    await runner.end()


@pytest.fixture
def run(house: Any, runner: Runner) -> Begin:
    """`await run(task, **args)` is a run that has ended."""

    async def begin(task: str, **args: Any) -> Run:
        job_id = f"job-{len(house.made)}"
        house.made.append(job_id)
        await house.make(job_id, task, args=args)
        opened = await house.runs.run_now(job_id)
        for claimed in await house.runs.claim(runner.node, 1000):
            runner.start(claimed)
        return await until(lambda: house.ended(opened), 60)  # type: ignore[no-any-return]

    return begin


async def all_of(house: Any) -> str:
    """All that the database holds of runs and their logs."""
    return str(
        await house.store.read(
            lambda conn: [
                *map(repr, conn.execute(text("SELECT * FROM runs"))),
                *map(repr, conn.execute(text("SELECT * FROM log_lines"))),
            ]
        )
    )


@pytest.mark.parametrize("task", ["tell", "tell_on_loop", "tell_in_process"])
async def test_a_run_that_tells_all_its_secrets_leaves_none_of_them(house: Any, run: Begin, task: str) -> None:
    ended = await run(task, **ARGS)
    assert ended.error is None
    assert ended.result == {"got": [MASK, MASK], MASK: 1}
    assert ended.progress.text == MASK
    lines = await house.texts(ended)
    assert MASK in lines
    assert f"{MASK} {MASK} postgresql://shop {MASK} {MASK}" in lines, "what stands beside a secret is none"
    assert lines.count(MASK) == (3 if task == "tell_in_process" else 2)
    kept = await all_of(house)
    assert not [word for word in WORDS if word in kept]


@pytest.mark.parametrize("task", ["fail", "fail_in_process", "die"])
async def test_a_run_that_fails_with_its_secrets_leaves_none_of_them(house: Any, run: Begin, task: str) -> None:
    ended = await run(task, key="geheim-typed")
    assert ended.state == "failed"
    assert ended.error.type == ("ProcessDied" if task == "die" else "ValueError")
    assert MASK in ended.error.traceback
    kept = await all_of(house)
    assert not [word for word in WORDS if word in kept]


@pytest.mark.parametrize("task", ["ask", "ask_in_process"])
async def test_a_task_asks_for_a_secret_that_is_not_there(run: Begin, task: str) -> None:
    assert (await run(task, name="STORED")).result == len("geheim-stored")
    ended = await run(task, name="NOWHERE")
    assert ended.error.type == "cronapp.core.errors.SecretNotFound"
    assert ended.error.message == 'There is no stored secret "NOWHERE". It may have been removed; add it in Settings.'


async def test_an_argument_names_a_stored_secret_and_the_run_gets_its_newest_value(house: Any, run: Begin) -> None:
    await Secrets(house.store, VAULT, house.clock).put("STORED", "geheim-newest")
    ended = await run("fail", key={"secret": "STORED"})
    assert ended.error.message == f"{MASK} and {MASK} do not fit"


async def test_an_argument_cannot_name_what_is_only_in_the_environment(house: Any, run: Begin) -> None:
    with pytest.raises(Exception, match='There is no stored secret "AROUND"'):
        await run("fail", key={"secret": "AROUND"})


async def test_under_a_wrong_key_the_run_fails_with_a_sentence_and_nothing_is_lost(house: Any, run: Begin) -> None:
    assert (await run("fail", key="geheim-typed")).error.type == "ValueError"
    house.tasks.vault = Vault(["another-key-that-is-long-enough-for-it-1"])
    opened = await house.runs.run_now("job-0")
    house.tasks.vault, wrong = VAULT, house.tasks.vault
    [claimed] = await house.runs.claim("here:1", 10)
    house.tasks.vault = wrong
    runner = Runner(house.runs, house.tasks, house.clock, node="here:1", log_limit=10**6)
    await runner.start(claimed)
    ended = await house.runs.get(opened.id)
    assert (ended.state, ended.error.type) == ("failed", "SecretUnreadable")
    assert ended.reason.startswith(
        "The secret `key` cannot be read. It was encrypted with a key that is not there now."
    )
    house.tasks.vault = VAULT
    assert house.tasks.opened((await house.jobs.get("job-0")).spec.args) == {"key": "geheim-typed"}


async def test_a_secret_is_not_among_the_words_of_a_child_process(house: Any, run: Begin) -> None:
    """Arguments and environment of a process can be read by others; secrets go through a pipe."""
    with open(house.tasks.sources[0], "a") as tasks:  # noqa: ASYNC230 - a few lines
        tasks.write(
            '\n@task(run_in="process")\ndef words(key: SecretStr):\n'
            '    told = [open(f"/proc/self/{name}", "rb").read() for name in ("cmdline", "environ")]\n'
            "    return [key.get_secret_value().encode() in one for one in told]\n"
        )
    house.tasks.reload()
    assert (await run("words", key="geheim-typed")).result == [False, False]
