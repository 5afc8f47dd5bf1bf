"""What all answers have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

Json = dict[str, Any]


class Wire(BaseModel):
    """Something that is told as JSON. What is not given to it is left out of the JSON."""

    model_config = ConfigDict(frozen=True, validate_by_name=True, defer_build=True)

    def told(self) -> Json:
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True)


Told = TypeVar("Told", bound=Wire)


def _whole(seconds: float) -> int | float:
    return int(seconds) if seconds.is_integer() else seconds


Seconds = Annotated[float, PlainSerializer(_whole)]
"""Of a rule that somebody wrote: 600, not 600.0."""

From = Annotated[datetime, Field(validation_alias="from", serialization_alias="from")]
"""Python has no room for a field of that name."""


class Items(Wire, Generic[Told]):
    """One page of a list."""

    items: list[Told]
    next: str | None = Field(description="The cursor of the next page; null: this is the last one.")

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """`JobItems` for `Items[Job]`."""
        return f"{params[0].__name__}{cls.__name__}"


class Problem(Wire):
    """What went wrong, as RFC 9457 has it."""

    type: str
    title: str = Field(description="What kind of problem it is, in a few words.")
    status: int
    detail: str = Field(description="A sentence that says what is wrong and what to do.")


class FieldProblem(Problem):
    """What is wrong with what was sent, field by field."""

    errors: dict[str, str] = Field(
        default={}, description="For each wrong field, by its dotted name, a sentence: what is wrong and what to do."
    )
