"""What the site may be told to do wrong: one list of faults, asked once per request by the gate."""

from starlette.responses import Response


class Faults:
    """The faults now in force."""

    def reply(self, account: str | None, path: str) -> Response | None:
        """The answer to give instead of the right one, None when all is well."""
        return None
