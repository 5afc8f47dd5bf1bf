"""The load forecast of several processes."""

from __future__ import annotations

from recipes import a_job, a_node
from support import TurnedClock

from cronapp.core.events import NodesChanged
from cronapp.core.routing import Line
from cronapp.service.blackouts import Blackouts
from cronapp.service.jobs import Jobs
from cronapp.service.limits import Limits
from cronapp.service.load import Loads
from cronapp.store import nodes
from cronapp.store.store import Store

AT_ONE = {"kind": "cron", "expression": "0 13 * * *"}


async def test_the_forecast_reckons_with_the_places_of_whoever_serves_a_queue_and_has_the_labels(
    store: Store, blackouts: Blackouts, jobs: Jobs, clock: TurnedClock
) -> None:
    loads = Loads(store, blackouts, clock, 100)
    for n in range(6):
        await jobs.create(a_job(f"train-{n}", schedule=AT_ONE, queue="train"), origin="api")
    await jobs.create(a_job("mail", schedule=AT_ONE, queue="mail"), origin="api")
    await jobs.create(a_job("gpu", schedule=AT_ONE, queue="train", labels=["gpu"]), origin="api")
    await jobs.create(a_job("tpu", schedule=AT_ONE, labels=["tpu"]), origin="api")
    assert (await loads.look()).limit == 100, "nothing is known of any process"
    await store.write(nodes.join, a_node("any", concurrency=3))
    await store.write(nodes.join, a_node("train", queues=("train",), labels=("gpu",), concurrency=2))
    await store.write(nodes.join, a_node("emptied", concurrency=50, draining=clock()))
    loads.heed(NodesChanged())
    places = (await loads.look(fresh=True)).places
    assert (places.overall, places.queues) == (5, {"mail": 3, "default": 3})
    assert places.lines == {Line("train", "gpu"): 2}, "nobody has the other label yet, and somebody will"
    await Limits(store, clock).set("queue", "mail", {"max_running": 2})
    await store.write(nodes.bury, "any")
    loads.heed(NodesChanged())
    found = await loads.look(fresh=True)
    assert (found.places.overall, found.places.queues) == (2, {"mail": 2}), "nobody serves mail now, and somebody will"
    assert found.crowds()[0].held == 7
