"""Tasks that change what the whole server shares, or hold up its loop: the server goes on, and says who it was."""

from __future__ import annotations

from datetime import datetime

from auditing import audit
from hurting import EACH_SECOND, MARKING, log_of, make, marks, runs_of, start, until_done, until_ended, until_in
from support import Server, until

TASKS = (
    MARKING
    + '''
import logging, logging.config


def in_thread():
    """Leave a line and a record."""
    print("a line")
    logging.getLogger("task").warning("a record")


async def on_loop():
    """Leave a line and a record."""
    in_thread()


@task(run_in="process")
def in_process():
    """Leave a line and a record."""
    in_thread()


async def rude():
    """Hold up the loop for as long as the server puts up with."""
    time.sleep(2)


def goes_elsewhere():
    """Change the working directory."""
    os.chdir("/")


def empties_the_environment():
    """Leave no variable."""
    os.environ.clear()


def takes_the_streams():
    """Replace what everybody prints to."""
    sys.stdout = sys.stderr = open(os.devnull, "w")


def closes_the_streams():
    """Close what everybody prints to."""
    sys.stdout.close()


def silences_the_log():
    """Take logging away from everybody."""
    logging.disable(logging.CRITICAL)
    logging.getLogger().handlers.clear()
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": True, "root": {"level": "CRITICAL"}})
    logging.shutdown()


async def takes_the_signals():
    """Ignore what would stop the server."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def blocks(gate: str):
    """Hold up the loop, as a coroutine must not."""
    mark()
    while not passed(gate):
        time.sleep(0.01)
'''
)
MEDDLERS = [
    "goes_elsewhere",
    "empties_the_environment",
    "takes_the_streams",
    "closes_the_streams",
    "silences_the_log",
    "takes_the_signals",
]
WAYS = ["on_loop", "in_thread", "in_process"]


async def test_what_a_task_changes_for_all_is_put_back_once_nothing_runs(server: Server) -> None:
    server.write_tasks(TASKS)
    server.start()
    for name in (*MEDDLERS, *WAYS, "rude"):
        make(server, name, name)
    for meddler in MEDDLERS:
        await until_in(server, start(server, meddler), "succeeded")
        for name in WAYS:
            run = await until_in(server, start(server, name), "succeeded")
            assert log_of(server, run["id"]) == ["a line", "a record"], f"after {meddler}"
    rude = await until_in(server, start(server, "rude"), "succeeded")
    assert f"by run #{rude['id']} of rude" in server.text(), "the server's own log goes on"
    assert server.stop() == 0, server.text()
    assert server.text().endswith("Stopping.\n")


async def test_a_task_that_blocks_the_loop_is_named_and_no_slot_is_lost(server: Server) -> None:
    server.write_tasks(TASKS)
    server.start()
    make(server, "second", "short", EACH_SECOND, overlap="queue_all", misfire={"policy": "all", "grace": 3600})
    make(server, "child", "held_in_process")
    child = start(server, "child")
    await until(lambda: runs_of(server, "second") and log_of(server, child) == ["begun"])
    make(server, "rude", "blocks", args={"gate": "over"})
    rude = start(server, "rude")
    await until(lambda: "The event loop has been blocked for" in server.text(), limit=60)
    (server.folder / "over").touch()
    (server.folder / "gate").touch()
    run = await until_in(server, rude, "succeeded")
    assert f"by run #{rude} of rude" in server.text()
    assert any("time.sleep(0.01)" in text for text in log_of(server, rude))
    assert (await until_ended(server, child))["state"] == "succeeded", "late, and not killed"
    over = datetime.fromisoformat(run["finished_at"])
    await until(lambda: datetime.fromisoformat(runs_of(server, "second")[-1]["slot"]) > over)
    server.api("POST", "/jobs/second/pause")
    await until_done(server, "second")
    assert server.stop() == 0
    found = await audit(server.folder / "cronapp.db", marks(server))
    assert found.wrong == []
    assert set(found.states) == {"succeeded"}
