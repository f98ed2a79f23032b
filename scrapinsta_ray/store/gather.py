"""Many small writes as few transactions: what arrives while one is under way goes into the next."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from scrapinsta_ray.errors import DatabaseAway

In = TypeVar("In")
Out = TypeVar("Out")


class Gather(Generic[In, Out]):
    """Gathers items into batches for `work`, which answers in their order; each submitter gets its own answer.

    `linger_s` is how long the first item of a batch waits for company, `most` the largest batch. Belongs to one
    event loop; `work` runs in a thread.
    """

    def __init__(
        self, work: Callable[[Sequence[In]], Sequence[Out]], *, linger_s: float = 0.003, most: int = 128
    ) -> None:
        self._work = work
        self._linger_s = linger_s
        self._most = most
        self._waiting: list[tuple[In, asyncio.Future[Out]]] = []
        self._drain: asyncio.Task[None] | None = None

    async def submit(self, item: In) -> Out:
        """The answer to `item`, after the commit. Raises what `work` raised for it."""
        future: asyncio.Future[Out] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._drain is None:
            self._drain = asyncio.create_task(self._drain_all())
        return await future

    async def _drain_all(self) -> None:
        try:
            await asyncio.sleep(self._linger_s)
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._answer(batch)
        finally:
            self._drain = None

    async def _answer(self, batch: list[tuple[In, "asyncio.Future[Out]"]]) -> None:
        try:
            answers = await asyncio.to_thread(self._work, [item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed to whoever submitted
            if len(batch) == 1 or isinstance(error, DatabaseAway):
                _fail(batch, error)
            else:  # one bad item must not take the others with it
                for one in batch:
                    await self._answer([one])
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)


def _fail(batch: list[tuple[In, "asyncio.Future[Out]"]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
