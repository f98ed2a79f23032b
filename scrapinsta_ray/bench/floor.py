"""The floor: the store's work in bare PyMySQL on the same tables, with nothing around it.

A lease is one locking select, one update, one commit; a result one update, one insert, one commit; an enqueue one
insert and one commit a task. Isolation, durability, columns and rows are those of the store.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql

from scrapinsta_ray.domain.models import Kind, Task
from scrapinsta_ray.store.ids import new_lease_id

_SELECT = """
SELECT id, client_id, job_id, username, account, attempts, max_attempts, maybe_sent, payload
FROM job_tasks
WHERE kind = %s AND status = 'queued' AND client_id = %s AND account = %s
ORDER BY priority, id LIMIT %s FOR UPDATE SKIP LOCKED
"""
_LEASE = """
UPDATE job_tasks SET status = 'sent', attempts = attempts + 1, lease_id = %s,
       lease_expires_at = TIMESTAMPADD(SECOND, 60, UTC_TIMESTAMP(6))
WHERE id IN %s
"""
_END = """
UPDATE job_tasks FORCE INDEX (uq_job_tasks_job_id_username)
SET status = 'ok', result = %s, reason_code = NULL, reason = NULL, finished_at = UTC_TIMESTAMP(6)
WHERE job_id = %s AND username = %s AND client_id = %s AND account = %s AND lease_id = %s AND kind = 'send_message'
      AND status = 'sent'
"""
_LEDGER = """
INSERT INTO messages_sent (client_id, dest_username, account, job_id, code, sent_at)
VALUES (%s, %s, %s, %s, 'sent', UTC_TIMESTAMP(6))
ON DUPLICATE KEY UPDATE account = VALUES(account), job_id = VALUES(job_id), code = VALUES(code),
       sent_at = VALUES(sent_at)
"""
_INSERT = """
INSERT INTO job_tasks (client_id, job_id, kind, username, account, status, priority, attempts, max_attempts,
       maybe_sent, created_at)
VALUES (%s, %s, 'analyze_profile', %s, '', 'queued', 5, 0, 4, 0, UTC_TIMESTAMP(6))
"""
_DOUBLE = """
INSERT INTO job_tasks (client_id, job_id, kind, username, account, status, priority, attempts, max_attempts,
       maybe_sent, created_at)
SELECT client_id, job_id, kind, CONCAT('p', CAST(SUBSTRING(username, 2) AS UNSIGNED) + %s), account, status, priority,
       attempts, max_attempts, maybe_sent, created_at
FROM job_tasks WHERE job_id = %s AND status = 'queued' ORDER BY id LIMIT %s
"""

_COPY = """
INSERT INTO job_tasks (client_id, job_id, kind, username, account, status, priority, attempts, max_attempts,
       maybe_sent, created_at)
SELECT client_id, %s, kind, username, account, status, priority, attempts, max_attempts, maybe_sent, created_at
FROM job_tasks WHERE job_id = %s ORDER BY id
"""


class Floor:
    """One bare connection to the database of `url`."""

    def __init__(self, url: str) -> None:
        self._connection = connect(url)
        self._cursor = self._connection.cursor()

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def version(self) -> str:
        """The server's own words for what it is."""
        self._cursor.execute("SELECT VERSION()")
        [[version]] = self._cursor.fetchall()
        return str(version)

    def lease(self, kind: Kind, client_id: str, account: str = "", limit: int = 10) -> int:
        """Leases up to `limit` tasks; how many."""
        self._cursor.execute(_SELECT, (str(kind), client_id, account, limit))
        rows = self._cursor.fetchall()
        if rows:
            self._cursor.execute(_LEASE, (new_lease_id(), sorted(row[0] for row in rows)))
        self._connection.commit()
        return len(rows)

    def finish(self, task: Task) -> None:
        """Ends a message and writes its ledger row."""
        names = (task.job_id, task.username, task.client_id, task.account, task.lease_id)
        self._cursor.execute(_END, ('{"code": "sent"}', *names))
        assert self._cursor.rowcount == 1
        self._cursor.execute(_LEDGER, (task.client_id, task.username, task.account, task.job_id))
        self._connection.commit()

    def insert(self, client_id: str, job_id: str, names: Sequence[str], *, commit_each: bool = True) -> None:
        """Queues tasks, a row at a time."""
        for name in names:
            self._cursor.execute(_INSERT, (client_id, job_id, name))
            if commit_each:
                self._connection.commit()
        self._connection.commit()

    def copy(self, job_id: str, into: str) -> int:
        """The tasks of a job once more, by the server alone: what the rows and their indexes cost. How many."""
        self._cursor.execute(_COPY, (into, job_id))
        self._connection.commit()
        return int(self._cursor.rowcount)

    def fill(self, client_id: str, job_id: str, count: int) -> None:
        """Queues `count` tasks p0, p1, ... quickly: some rows, then doubled until there are enough."""
        there = min(count, 1000)
        self._cursor.executemany(_INSERT.strip(), [(client_id, job_id, f"p{i}") for i in range(there)])
        self._connection.commit()
        while there < count:
            more = min(there, count - there)
            self._cursor.execute(_DOUBLE, (there, job_id, more))
            self._connection.commit()
            there += more


def connect(url: str) -> "pymysql.Connection[Any]":
    """A connection to the database of `url`, isolated as the store's are."""
    address = urlsplit(url)
    return pymysql.connect(
        host=address.hostname or "127.0.0.1",
        port=address.port or 3306,
        user=unquote(address.username or "root"),
        password=unquote(address.password or ""),
        database=address.path.lstrip("/"),
        charset="utf8mb4",
        init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    )
