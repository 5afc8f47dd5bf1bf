"""A part of the API: its routes, each with what it takes, what it answers and what it may refuse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, ParamSpec, TypedDict, TypeVar, Unpack, get_type_hints

from pydantic import BaseModel
from quart import Blueprint, Response

from cronapp.core.errors import CronAppError
from cronapp.web.described.replies import Reply, response_of

P = ParamSpec("P")
R = TypeVar("R", bound=Reply)


@dataclass(frozen=True, slots=True)
class Param:
    """Something that an address or a header may say. `kind` is its type, of which there is a JSON Schema."""

    name: str
    words: str
    kind: Any = str
    many: bool = False  # it may stand there more than once
    place: Literal["query", "header"] = "query"
    needed: bool = False


class About(TypedDict, total=False):
    """What a route takes and refuses, besides what follows from its address and its handler's annotation."""

    takes: type[BaseModel]
    """The JSON body."""
    needed: bool
    """Whether there must be a body; False: without one everything is at its default."""
    params: tuple[Param, ...]
    refuses: tuple[type[CronAppError], ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One method at one address."""

    method: str
    path: str
    handler: Callable[..., Awaitable[Reply]]
    about: About

    @property
    def replies(self) -> Any:
        """The annotation of what it answers."""
        return get_type_hints(self.handler)["return"]


class Part:
    """Like a blueprint, whose routes are described. A handler answers with a model, or with one of the replies."""

    def __init__(self, name: str, module: str, title: str) -> None:
        self.blueprint = Blueprint(name, module)
        self.title = title
        self.calls: dict[str, Call] = {}
        """By the name of their handlers."""

    def get(self, path: str, **about: Unpack[About]) -> Callable[[Handler[P, R]], Handler[P, R]]:
        return self._route("GET", path, about)

    def post(self, path: str, **about: Unpack[About]) -> Callable[[Handler[P, R]], Handler[P, R]]:
        return self._route("POST", path, about)

    def put(self, path: str, **about: Unpack[About]) -> Callable[[Handler[P, R]], Handler[P, R]]:
        return self._route("PUT", path, about)

    def patch(self, path: str, **about: Unpack[About]) -> Callable[[Handler[P, R]], Handler[P, R]]:
        return self._route("PATCH", path, about)

    def delete(self, path: str, **about: Unpack[About]) -> Callable[[Handler[P, R]], Handler[P, R]]:
        return self._route("DELETE", path, about)

    def _route(self, method: str, path: str, about: About) -> Callable[[Handler[P, R]], Handler[P, R]]:
        def add(handler: Handler[P, R]) -> Handler[P, R]:
            @wraps(handler)
            async def answer(*named: P.args, **more: P.kwargs) -> Response:
                return response_of(await handler(*named, **more))

            name = handler.__name__
            self.calls[name] = Call(method, path, handler, about)
            self.blueprint.add_url_rule(path, name, answer, methods=[method])
            return handler

        return add


Handler = Callable[P, Awaitable[R]]
