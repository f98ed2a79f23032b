"""How long data is kept."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days each kind of data is kept; 0: for ever. The ledger and the audit log are always kept."""

    tasks: float = 90  # since they ended, and the jobs that had them
    profiles: float = 365  # since they were last read
    media: float = 365  # since they were last seen
    followings: float = 365  # since they were last seen
    scores: float = 365  # since they were made
