"""Direct messages, kept in memory: one thread per sending account and recipient."""

import hashlib
import time
from dataclasses import dataclass, field

from scrapinsta_ray.simulator.population import User


@dataclass(frozen=True, slots=True)
class Message:
    """One bubble; `by` is the account's or the recipient's username."""

    by: str
    text: str
    at: float
    context: str  # the page's own id of the message: the same one again is not a second message


@dataclass(slots=True)
class Thread:
    id: str
    account: str
    recipient: User
    messages: list[Message] = field(default_factory=list)

    def add(self, by: str, text: str, context: str) -> Message:
        """Append, or find what was appended under the same context before."""
        for message in self.messages:
            if context and message.context == context:
                return message
        message = Message(by, text, time.time(), context)
        self.messages.append(message)
        return message


class Threads:
    def __init__(self) -> None:
        self._threads: dict[str, Thread] = {}

    def open(self, account: str, recipient: User) -> Thread:
        """The thread of these two, begun empty at the first look."""
        thread_id = _thread_id(account, recipient.username)
        return self._threads.setdefault(thread_id, Thread(thread_id, account, recipient))

    def find(self, account: str, thread_id: str) -> Thread | None:
        """One's own thread; those of others do not exist for this account."""
        thread = self._threads.get(thread_id)
        return thread if thread and thread.account == account else None

    def written(self, account: str | None = None) -> list[Thread]:
        """Threads that hold something, of one account or of all."""
        return [t for t in self._threads.values() if t.messages and account in (None, t.account)]


def _thread_id(account: str, username: str) -> str:
    """17 digits, the same at every start."""
    digest = hashlib.blake2b(f"{account}>{username}".encode(), digest_size=8).digest()
    return str(10**16 + int.from_bytes(digest, "big") % (9 * 10**16))
