"""The tasks file breaks, loses a task or changes one: jobs are kept, told, not run, and run again when it is mended."""

from __future__ import annotations

from hurting import EACH_SECOND, MARKING, get, make, marks, run_of, runs_of, start, until_ended, until_in
from support import Server, until

BROKEN = MARKING + "\n\nimport a_module_that_is_not_there\n"


def page(server: Server, path: str) -> str:
    reply = get(server, path)
    assert reply.status_code == 200, reply.text
    return reply.text


def job_of(server: Server, job: str) -> dict[str, object]:
    told: dict[str, object] = server.api("GET", f"/jobs/{job}").json()
    return told


async def test_a_tasks_file_that_does_not_import_is_told_and_its_jobs_wait_until_it_is_mended(server: Server) -> None:
    server.write_tasks(MARKING)
    server.start()
    make(server, "second", "short", EACH_SECOND)
    make(server, "by-hand", "short")
    make(server, "paused", "short", EACH_SECOND)
    server.api("POST", "/jobs/paused/pause")
    await until(lambda: runs_of(server, "second"))
    assert server.stop() == 0
    ran = len(marks(server))

    server.write_tasks(BROKEN)
    server.start()
    assert "tasks.py cannot be loaded" in server.text()
    for place in (server.text(), page(server, "/tasks")):
        assert "a_module_that_is_not_there" in place
        assert "ModuleNotFoundError" in place
        assert "Traceback" in place
    for job in ("second", "by-hand"):
        told = job_of(server, job)
        assert told["state"] == "needs_attention"
        assert "short" in str(told["reason"])
        assert told["next_slot"] is None
        assert "needs attention" in page(server, f"/jobs/{job}")
    assert job_of(server, "paused")["state"] == "paused"
    refused = server.api("POST", "/jobs/by-hand/run")
    assert refused.status_code in (404, 409), refused.text
    assert 'data-job="second" data-trouble="needs_attention"' in page(server, "/")
    assert server.stop() == 0
    assert len(marks(server)) == ran

    server.write_tasks(MARKING)
    server.start()
    assert job_of(server, "second")["state"] == "active"
    assert job_of(server, "by-hand")["state"] == "active"
    assert job_of(server, "paused")["state"] == "paused"
    await until(lambda: len(marks(server)) > ran)
    run = start(server, "by-hand")
    await until_in(server, run, "succeeded")


async def test_a_file_with_a_wrong_line_is_told_with_the_line(server: Server) -> None:
    server.write_tasks("def hello(:\n    pass\n")
    server.start()
    for place in (server.text(), page(server, "/tasks")):
        assert "SyntaxError" in place
        assert "def hello(:" in place
    assert get(server, "/readyz").status_code == 200


async def test_a_missing_tasks_file_does_not_stop_the_server(server: Server) -> None:
    (server.folder / "tasks.py").unlink()
    server.start()
    assert "tasks.py" in page(server, "/tasks")
    assert "cannot be loaded" in page(server, "/tasks")


async def test_a_task_that_is_deleted_leaves_its_job_its_history_and_a_clear_end_of_what_waited(
    server: Server,
) -> None:
    server.write_tasks(MARKING)
    server.start("--no-worker")
    make(server, "orphan", "short")
    make(server, "other", "held_in_thread")
    waiting = start(server, "orphan")
    assert server.stop() == 0
    server.write_tasks(MARKING.replace("def short():", "def renamed():"))
    server.start()
    told = job_of(server, "orphan")
    assert told["state"] == "needs_attention"
    assert "`short`" in str(told["reason"])
    run = await until_ended(server, waiting)
    assert run["state"] == "failed"
    assert run["error"]["type"] == "TaskNotFound"
    assert [one["id"] for one in runs_of(server, "orphan")] == [waiting]
    assert job_of(server, "other")["state"] == "active"

    changed = server.api("PATCH", "/jobs/orphan", json={"task": "renamed"})
    assert changed.status_code == 200, changed.text
    run = start(server, "orphan")
    await until_in(server, run, "succeeded")


async def test_a_changed_signature_is_told_with_the_difference_and_the_run_is_not_started(server: Server) -> None:
    server.write_tasks("def greet(name: str):\n    print(name)\n")
    server.start("--no-worker")
    make(server, "greet", "greet", args={"name": "Ada"})
    waiting = start(server, "greet")
    assert server.stop() == 0
    server.write_tasks("def greet(name: str, count: int):\n    print(name * count)\n")
    server.start()
    told = job_of(server, "greet")
    assert told["state"] == "needs_attention"
    assert told["reason"] == "A parameter `count` (whole number) was added, and the job gives none."
    run = await until_ended(server, waiting)
    assert run["state"] == "failed"
    assert run["error"]["type"] == "InvalidArguments"
    assert "count" in run["error"]["message"]

    mended = server.api("PATCH", "/jobs/greet", json={"args": {"name": "Ada", "count": 2}})
    assert mended.status_code == 200, mended.text
    assert mended.json()["state"] == "active"
    run_id = start(server, "greet")
    await until_in(server, run_id, "succeeded")
    assert run_of(server, waiting)["state"] == "failed"


async def test_a_tasks_file_that_changes_while_it_is_watched_is_read_at_once_and_disturbs_no_run(
    server: Server,
) -> None:
    server.write_tasks(MARKING)
    server.start("--watch")
    make(server, "short", "short")
    make(server, "held", "held_in_thread")
    held = start(server, "held")
    await until_in(server, held, "running")

    server.write_tasks(MARKING.replace("def short():", "def shorter():"))
    await until(lambda: job_of(server, "short")["state"] == "needs_attention")
    assert "(+1 new: shorter; −1: short)" in server.text()
    assert job_of(server, "short")["difference"] == ["The task `short` is not in the code now."]

    server.write_tasks(BROKEN)  # and what was good stays in use
    await until(lambda: "tasks.py cannot be imported" in page(server, "/"))
    assert "a_module_that_is_not_there" in page(server, "/tasks")
    mended = server.api("POST", "/jobs/short/repoint", json={"task": "shorter"})
    assert mended.status_code == 200, mended.text
    await until_in(server, start(server, "short"), "succeeded")

    server.write_tasks(MARKING)
    await until(lambda: "tasks.py cannot be imported" not in page(server, "/"))
    await until(lambda: job_of(server, "short")["state"] == "needs_attention")
    assert run_of(server, held)["state"] == "running"
    (server.folder / "gate").touch()
    await until_in(server, held, "succeeded")
