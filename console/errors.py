"""What a request can be refused for before anything is looked up.

ConsoleError
├── PersonUnknown       404: nobody of this id where the caller may look
└── Refused             the answer is a status and a sentence
    ├── NoToken         401: no token, or none that counts
    ├── NotAllowed      403: the role may not
    ├── NotRecorded     503: who looks at people cannot be put on record, so nobody may look
    ├── RowsElsewhere   409: the log is written by another program
    ├── BadBody         400, 413 or 415: not the body that was expected
    └── TooManyStreams  429 or 503: no further stream may be open

What the gateway refuses (``pipeline/ingest/errors.py``) is given its status in ``console/app.py``.
"""

from __future__ import annotations

from console.caller import Caller


class ConsoleError(Exception):
    """Root of the console's errors."""


class Refused(ConsoleError):  # noqa: N818 - the name says what happens
    """The answer is ``status`` with the error's text."""

    status = 400


class NoToken(Refused):
    """No token, or none that counts; ``former`` is whose it was once, where that is known."""

    status = 401
    is_given = False
    former: str | None = None


class NotAllowed(Refused):
    """The token's role may not do this; ``caller`` is who asked, where that is known."""

    status = 403
    caller: Caller | None = None


class NotRecorded(Refused):
    """Who looks at people cannot be put on record, so nobody may look."""

    status = 503


class RowsElsewhere(Refused):
    """The log is written by another program, which takes rows in another way."""

    status = 409


class PersonUnknown(ConsoleError):  # noqa: N818 - the name says what is the matter
    """There is no such person where the caller may look; outside of it is as good as not there."""

    def __init__(self, person_id: str) -> None:
        super().__init__(f"no person {person_id}")
        self.person_id = person_id


class RowUnknown(ConsoleError):  # noqa: N818 - the name says what is the matter
    """There is no such row of the site where the caller may look."""


class BadBody(Refused):
    """The body is not what the route takes."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class TooManyStreams(Refused):
    """No further stream may be open; ``retry_after_s`` is when to ask again."""

    retry_after_s = 10

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status
