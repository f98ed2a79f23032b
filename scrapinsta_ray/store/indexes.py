"""The index of every hot locking statement, named in the statement.

Left to itself the optimizer reads a table that is small, or that was small when it last counted, from end to end and
sorts: that locks every row, and whoever leases at the same time finds nothing. SQLite ignores the names.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, Table, Update, bindparam, update

from scrapinsta_ray.store.tables import job_tasks

LEASE = "ix_job_tasks_lease"
EXPIRY = "ix_job_tasks_expiry"
DUE = "ix_job_tasks_due"
JOB = "ix_job_tasks_job"
STATUS = "ix_jobs_status"
NAME = "uq_job_tasks_job_id_username"
KEY = "PRIMARY"


def by(index: str, statement: Select[*tuple[Any, ...]], table: Table = job_tasks) -> Select[*tuple[Any, ...]]:
    """`statement` with `table` read through `index` and nothing else."""
    return statement.with_hint(table, f"FORCE INDEX ({index})", "mysql")


_BY_KEY = update(job_tasks).with_hint(f"FORCE INDEX ({KEY})", dialect_name="mysql")

CHANGE_NAMED = update(job_tasks).with_hint(f"FORCE INDEX ({NAME})", dialect_name="mysql")
"""An UPDATE of the task with the job_id and username that its WHERE must give."""

CHANGE = _BY_KEY.where(job_tasks.c.id.in_(bindparam("ids", expanding=True)))
"""The UPDATE of `change` for statements made ahead; the parameter `ids` is sorted."""


def change(ids: Iterable[int]) -> Update:
    """An UPDATE of the tasks with these ids, by primary key and in its order."""
    return _BY_KEY.where(job_tasks.c.id.in_(sorted(ids)))
