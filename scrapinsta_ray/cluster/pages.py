"""Following lists on their way into the store: a page is written while the next one is fetched."""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from types import TracebackType
from typing import Self

from scrapinsta_ray.domain.models import FollowingPage, Task
from scrapinsta_ray.errors import ScrapInstaError
from scrapinsta_ray.store import followings
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.followings import Reached

log = logging.getLogger(__name__)


class Pages:
    """The pages of one list, written in their order by a thread, each in one transaction with the cursor behind it.

    A page is held until `store` and written before the next one is taken. However the `with` ends, what was added is
    stored then; if that fails too, the error of its body stays.
    """

    def __init__(self, db: Database, task: Task, reached: Reached) -> None:
        self._db, self._task, self._reached = db, task, reached
        self._held: FollowingPage | None = None
        self._writing: Future[Reached] | None = None
        self._writer = ThreadPoolExecutor(1, "pages")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.reached()
        except ScrapInstaError as unstored:
            if error is None:
                raise
            log.warning(
                "a page could not be stored: %s", unstored.code, extra={"task_id": self._task.task_id}
            )
        finally:
            self._writer.shutdown()

    def add(self, page: FollowingPage) -> None:
        """Holds a page. Raises what storing the one before it raised: StaleLease, DatabaseAway."""
        self.reached()
        self._held = page

    def store(self) -> None:
        """Begins to write the page that is held, if one is."""
        page, self._held = self._held, None
        if page is not None:
            start = self._reached.collected
            self._writing = self._writer.submit(copy_context().run, self._save, page, start)

    def reached(self) -> Reached:
        """How far the list is stored, now that all that was added is. Raises what storing raised."""
        self.store()
        writing, self._writing = self._writing, None
        if writing is not None:
            self._reached = writing.result()
        return self._reached

    def _save(self, page: FollowingPage, start: int) -> Reached:
        return followings.save_page(self._db, self._task, page, start=start)
