"""The HTTP contract as Python calls: thin, for the command line, the demo and tests. One method a call."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self
from urllib.parse import quote

import httpx


class Refused(Exception):
    """The server answered with an error: `code` is its UPPER_SNAKE word, `retry_after_s` when to ask again."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{message} ({code}, HTTP {status})")
        self.status, self.code, self.message = status, code, message
        self.details = dict(details or {})
        self.retry_after_s = retry_after_s


class Client:
    """One client of the API, by its key or by a token; `account` is its sending account.

    Every call raises Refused for an answer that is an error, and httpx.TransportError if there is none.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        account: str = "",
        *,
        token: str = "",
        timeout_s: float = 30,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        bearer = f"Bearer {token}" if token else ""
        headers = {"X-Api-Key": key, "Authorization": bearer, "X-Account": account}
        self._http = httpx.Client(
            base_url=url,
            headers={name: value for name, value in headers.items() if value},
            timeout=timeout_s,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client {self._http.base_url}>"

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    # ---- tokens ------------------------------------------------------------------------------------------

    def login(self, api_key: str) -> dict[str, Any]:
        """POST /api/auth/login: a token of all that the key may do."""
        return self._call("POST", "/api/auth/login", json={"api_key": api_key})

    def jwt(
        self, job_id: str | None = None, *, scopes: Sequence[str] | None = None, ttl_s: float | None = None
    ) -> dict[str, Any]:
        """POST /api/auth/jwt: a short token; of one job, if it is named."""
        wanted = _given(scopes=scopes and list(scopes), ttl_s=ttl_s)
        return self._call("POST", "/api/auth/jwt", params=_given(job_id=job_id), json=wanted)

    def revoke(self, *, jti: str | None = None, job_id: str | None = None) -> dict[str, Any]:
        """POST /api/auth/revoke: one token, or all of a job."""
        return self._call("POST", "/api/auth/revoke", json=_given(jti=jti, job_id=job_id))

    def me(self) -> dict[str, Any]:
        """GET /api/auth/me: whose key or token this is, what it may do, and the limits."""
        return self._call("GET", "/api/auth/me")

    # ---- asking for work ---------------------------------------------------------------------------------

    def followings(
        self, target_username: str, limit: int = 10, *, idempotency_key: str | None = None
    ) -> dict[str, Any]:
        """POST /ext/followings/enqueue"""
        body = {"target_username": target_username, "limit": limit}
        return self._enqueue("/ext/followings/enqueue", body, idempotency_key)

    def analyze(
        self, usernames: Sequence[str], *, idempotency_key: str | None = None, **options: Any
    ) -> dict[str, Any]:
        """POST /ext/analyze/enqueue; `options`: priority, extra ..."""
        return self._enqueue(
            "/ext/analyze/enqueue", {"usernames": list(usernames), **options}, idempotency_key
        )

    def send(
        self,
        usernames: Sequence[str] = (),
        *,
        from_job: str | None = None,
        idempotency_key: str | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """POST /ext/send/enqueue; `options`: message or template_id, limit, min_success_score, dry_run ..."""
        to = _given(usernames=list(usernames) or None, from_job=from_job)
        return self._enqueue("/ext/send/enqueue", {**to, **options}, idempotency_key)

    def campaign(
        self,
        target_username: str,
        limit: int,
        send: Mapping[str, Any],
        *,
        analyze: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """POST /ext/campaigns/enqueue"""
        body = {
            "target_username": target_username,
            "limit": limit,
            "analyze": dict(analyze or {}),
            "send": dict(send),
        }
        return self._enqueue("/ext/campaigns/enqueue", body, idempotency_key)

    # ---- jobs --------------------------------------------------------------------------------------------

    def jobs(self) -> Iterator[dict[str, Any]]:
        """Every row of GET /jobs, newest first, page by page."""
        return self._pages("/jobs")

    def job(self, job_id: str) -> dict[str, Any]:
        """GET /jobs/{id}"""
        return self._call("GET", f"/jobs/{_quoted(job_id)}")

    def summary(self, job_id: str) -> dict[str, Any]:
        """GET /jobs/{id}/summary"""
        return self._call("GET", f"/jobs/{_quoted(job_id)}/summary")

    def tasks(self, job_id: str, status: str | None = None) -> Iterator[dict[str, Any]]:
        """Every row of GET /jobs/{id}/tasks, page by page; those in `status` if it is given."""
        return self._pages(f"/jobs/{_quoted(job_id)}/tasks", **_given(status=status))

    def results(self, job_id: str) -> Iterator[dict[str, Any]]:
        """Every row of GET /jobs/{id}/results, page by page."""
        return self._pages(f"/jobs/{_quoted(job_id)}/results")

    def cancel(self, job_id: str) -> dict[str, Any]:
        """POST /jobs/{id}/cancel"""
        return self._call("POST", f"/jobs/{_quoted(job_id)}/cancel")

    def retry(self, job_id: str) -> dict[str, Any]:
        """POST /jobs/{id}/retry: failed tasks back into the queue."""
        return self._call("POST", f"/jobs/{_quoted(job_id)}/retry")

    def pause(self, job_id: str) -> dict[str, Any]:
        """POST /jobs/{id}/pause"""
        return self._call("POST", f"/jobs/{_quoted(job_id)}/pause")

    def resume(self, job_id: str) -> dict[str, Any]:
        """POST /jobs/{id}/resume"""
        return self._call("POST", f"/jobs/{_quoted(job_id)}/resume")

    # ---- sending -----------------------------------------------------------------------------------------

    def pull(self, limit: int = 10) -> dict[str, Any]:
        """POST /api/send/pull"""
        return self._call("POST", "/api/send/pull", json={"limit": limit})

    def result(self, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """POST /api/send/result with a list"""
        return self._call("POST", "/api/send/result", json=[dict(one) for one in results])

    # ---- whom not to write to ----------------------------------------------------------------------------

    def suppressions(self, q: str = "") -> Iterator[dict[str, Any]]:
        """Every row of GET /suppressions, by name, page by page; those that begin with `q`."""
        return self._pages("/suppressions", **_given(q=q or None))

    def suppress(self, usernames: Sequence[str], reason: str | None = None) -> dict[str, Any]:
        """POST /suppressions"""
        body = {"usernames": list(usernames), **_given(reason=reason)}
        return self._call("POST", "/suppressions", json=body)

    def allow(self, usernames: Sequence[str]) -> dict[str, Any]:
        """DELETE /suppressions: takes them off the list, but for those who asked for it themselves."""
        return self._call("DELETE", "/suppressions", json={"usernames": list(usernames)})

    def allow_one(self, username: str) -> dict[str, Any]:
        """DELETE /suppressions/{username}"""
        return self._call("DELETE", f"/suppressions/{_quoted(username)}")

    # ---- templates ---------------------------------------------------------------------------------------

    def templates(self) -> Iterator[dict[str, Any]]:
        """Every row of GET /templates, newest first, page by page."""
        return self._pages("/templates")

    def template(self, template_id: str) -> dict[str, Any]:
        """GET /templates/{id}"""
        return self._call("GET", f"/templates/{_quoted(template_id)}")

    def new_template(self, name: str, text: str) -> dict[str, Any]:
        """POST /templates"""
        return self._call("POST", "/templates", json={"name": name, "text": text})

    def new_version(self, template_id: str, text: str) -> dict[str, Any]:
        """POST /templates/{id}/versions"""
        return self._call("POST", f"/templates/{_quoted(template_id)}/versions", json={"text": text})

    def retire_template(self, template_id: str) -> dict[str, Any]:
        """POST /templates/{id}/retire"""
        return self._call("POST", f"/templates/{_quoted(template_id)}/retire")

    def preview(
        self, usernames: Sequence[str], *, template_id: str | None = None, text: str | None = None
    ) -> dict[str, Any]:
        """POST /templates/{id}/preview, or /templates/preview of a text that is not stored."""
        path = f"/templates/{_quoted(template_id)}/preview" if template_id else "/templates/preview"
        return self._call("POST", path, json={"usernames": list(usernames), **_given(text=text)})

    # ---- how it is ---------------------------------------------------------------------------------------

    def live(self) -> bool:
        """GET /live; False too when nothing answers."""
        return self._is_well("/live")

    def health(self) -> bool:
        """GET /health; False too when nothing answers."""
        return self._is_well("/health")

    def ready(self) -> bool:
        """GET /ready; False too when nothing answers yet."""
        return self._is_well("/ready")

    def _is_well(self, path: str) -> bool:
        try:
            return self._http.get(path).status_code == 200
        except httpx.TransportError:
            return False

    # ---- one call ----------------------------------------------------------------------------------------

    def _enqueue(self, path: str, body: Mapping[str, Any], idempotency_key: str | None) -> dict[str, Any]:
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._call("POST", path, json=dict(body), headers=headers)

    def _pages(self, path: str, **where: Any) -> Iterator[dict[str, Any]]:
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
            raise Refused(
                answer.status_code, "NO_JSON", "The server gave no JSON", retry_after_s=_retry_after_s(answer)
            ) from None
        if answer.is_error:
            error = body.get("error", {})
            raise Refused(
                answer.status_code,
                error.get("code", "UNKNOWN"),
                error.get("message", ""),
                details=error.get("details"),
                retry_after_s=_retry_after_s(answer),
            )
        return body


def _given(**fields: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def _quoted(name: str) -> str:
    """As one part of a path."""
    return quote(name, safe=":")


def _retry_after_s(answer: httpx.Response) -> float | None:
    """Seconds; None if the answer has no Retry-After in seconds."""
    try:
        return float(answer.headers["Retry-After"])
    except (KeyError, ValueError):
        return None
