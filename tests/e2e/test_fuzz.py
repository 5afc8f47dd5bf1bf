"""The API under requests that nobody thought of: no fault, and no answer that is not described."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzzing import Fuzz, furnished, viewer
from support import TOKEN

BOUNDED = ("--generation-deterministic", "--max-examples", "6", "--phases", "examples,coverage,fuzzing")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("who", ["nobody", "viewer", "administrator"])
def test_nobody_gets_an_answer_that_is_not_described(who: str, tmp_path: Path) -> None:
    server = furnished(tmp_path)
    try:
        token = {"nobody": "", "viewer": viewer(server), "administrator": TOKEN}[who]
        done = Fuzz(server, token).run(*BOUNDED)
        assert done.returncode == 0, done.stdout + done.stderr
        assert " fault " not in server.text()
    finally:
        server.kill()
