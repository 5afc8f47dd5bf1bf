"""The API under requests that nobody thought of: no fault, and no answer that is not described."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fuzzing import Fuzz, furnished, viewer
from support import TOKEN, Server

FEW = ("--phases", "fuzzing", "--max-examples")
BOUNDS = {
    "nobody": (*FEW, "2"),
    "viewer": (*FEW, "3"),
    "administrator": ("--phases", "examples,fuzzing", "--max-examples", "4"),
}
"""For whom how much: the rest, as the thousands of cases at the edges of each schema, comes by `make fuzz`."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = furnished(tmp_path_factory.mktemp("fuzz"))
    yield server
    server.kill()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("who", BOUNDS)
def test_nobody_gets_an_answer_that_is_not_described(server: Server, who: str) -> None:
    token = {"nobody": "", "viewer": viewer(server), "administrator": TOKEN}[who]
    done = Fuzz(server, token).run("--generation-deterministic", *BOUNDS[who])
    assert done.returncode == 0, done.stdout + done.stderr
    assert " fault " not in server.text()
