"""What changed since a job last worked, on the page of a run that went wrong."""

from __future__ import annotations

from typing import Any

from cronapp.core.comparison import Comparison
from cronapp.core.errors import NothingToCompare
from cronapp.web.filters import capital
from cronapp.web.site import Parts

NOTHING = "Same code, same arguments, same packages, same machine."


async def since_context(house: Parts, run_id: int) -> dict[str, Any]:
    try:
        compared = await house.comparisons.of(run_id)
    except NothingToCompare:
        return {"compared": None, "same": ""}
    return {"compared": compared, "same": same_words(compared)}


def same_words(compared: Comparison) -> str:
    """What did not change, and what nobody knows of, in a sentence or two."""
    if compared.nothing:
        return NOTHING
    same, unknown = [], []
    for state, name in ((compared.function, "the function"), (compared.environment, "the packages")):
        if state == "unknown":
            unknown.append(name)
    if compared.function == "same":
        same.append("the function")
    if not compared.args:
        same.append("the arguments")
    if compared.environment != "unknown":
        told = (("the packages", compared.packages), ("Python", compared.python), ("the other files", compared.files))
        same += [name for name, changed in told if not changed]
    if not compared.host:
        same.append("the machine")
    sentences = [f"{capital(listed(same))}." if same else "Nothing else."]
    if unknown:
        sentences.append(f"Of {listed(unknown)} nothing was noted at one of the two runs.")
    return " ".join(sentences)


def listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
