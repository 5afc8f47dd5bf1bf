"""Carries out together what comes at once, so that a transaction is made for many and nobody waits for more to come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from cronapp.core.errors import StoreUnavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")
MOST = 200  # carried out in one go


class Gathering(Generic[Item, Answer]):
    """What comes while a batch is being carried out goes with the next one."""

    def __init__(self, carry_out: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]], name: str) -> None:
        """`carry_out` answers for each of the items, in their order; `name` is that of its asyncio task."""
        self._carry_out = carry_out
        self._name = name
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._loop: asyncio.Task[None] | None = None

    async def add(self, item: Item) -> Answer:
        """Answers when it has been carried out; raises what that raised. Who gives up waiting stops nothing."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._loop is None or self._loop.done():  # on behalf of nobody in particular
            self._loop = asyncio.create_task(self._carry_on(), name=self._name, context=Context())
        return await future

    async def settled(self) -> None:
        """Returns when nothing is being carried out."""
        if self._loop is not None:
            await asyncio.wait([self._loop])

    async def stop(self) -> None:
        """Carries out nothing more, also what hangs."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def _carry_on(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            await self._carry(batch)

    async def _carry(self, batch: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._carry_out([item for item, _ in batch])
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, StoreUnavailable):
                for one in batch:  # so that only what is refused is told so
                    await self._carry([one])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        else:
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
