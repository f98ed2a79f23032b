"""The HTTP contract as Python calls: thin, for the command line, the demo and tests."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Self

import httpx


class Refused(Exception):
    """The server answered with an error; `code` is its UPPER_SNAKE word."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{message} ({code}, HTTP {status})")
        self.status, self.code, self.message = status, code, message


class Client:
    """One client of the API; `account` is its sending account."""

    def __init__(self, url: str, key: str = "", account: str = "", *, timeout_s: float = 30) -> None:
        headers = {"X-Api-Key": key, "X-Account": account}
        self._http = httpx.Client(
            base_url=url, headers={name: value for name, value in headers.items() if value}, timeout=timeout_s
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def campaign(
        self, target_username: str, limit: int, send: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> dict[str, Any]:
        """POST /ext/campaigns/enqueue"""
        body = {"target_username": target_username, "limit": limit, "analyze": {}, "send": dict(send)}
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._call("POST", "/ext/campaigns/enqueue", json=body, headers=headers)

    def job(self, job_id: str) -> dict[str, Any]:
        """GET /jobs/{id}"""
        return self._call("GET", f"/jobs/{job_id}")

    def summary(self, job_id: str) -> dict[str, Any]:
        """GET /jobs/{id}/summary"""
        return self._call("GET", f"/jobs/{job_id}/summary")

    def cancel(self, job_id: str) -> dict[str, Any]:
        """POST /jobs/{id}/cancel"""
        return self._call("POST", f"/jobs/{job_id}/cancel")

    def tasks(self, job_id: str, status: str | None = None) -> Iterator[dict[str, Any]]:
        """Every row of GET /jobs/{id}/tasks, page by page; those in `status` if it is given."""
        return self._pages(f"/jobs/{job_id}/tasks", {"status": status} if status else {})

    def results(self, job_id: str) -> Iterator[dict[str, Any]]:
        """Every row of GET /jobs/{id}/results, page by page."""
        return self._pages(f"/jobs/{job_id}/results")

    def pull(self, limit: int = 10) -> dict[str, Any]:
        """POST /api/send/pull"""
        return self._call("POST", "/api/send/pull", json={"limit": limit})

    def result(self, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """POST /api/send/result with a list"""
        return self._call("POST", "/api/send/result", json=[dict(one) for one in results])

    def ready(self) -> bool:
        """GET /ready; False too when nothing answers yet."""
        try:
            return self._http.get("/ready").status_code == 200
        except httpx.TransportError:
            return False

    def _pages(self, path: str, where: Mapping[str, Any] = MappingProxyType({})) -> Iterator[dict[str, Any]]:
        parameters: dict[str, Any] = {"limit": 200, **where}
        while True:
            page = self._call("GET", path, params=parameters)
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            parameters["cursor"] = page["next_cursor"]

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = self._http.request(method, path, **options)
        try:
            body: dict[str, Any] = answer.json()
        except ValueError:
            raise Refused(answer.status_code, "NO_JSON", "The server gave no JSON") from None
        if answer.is_error:
            error = body.get("error", {})
            raise Refused(answer.status_code, error.get("code", "UNKNOWN"), error.get("message", ""))
        return body
