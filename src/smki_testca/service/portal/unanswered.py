"""A request to the portal that is not answered: a page says why."""

from __future__ import annotations

from http import HTTPStatus
from typing import Self


class Unanswered(Exception):  # noqa: N818 - it says what happened to the request
    """A request that gets a page which says why it is not answered.

    Attributes:
        status: of HTTP.
        message: what happened.
        remedy: what to do next.
    """

    def __init__(self, status: HTTPStatus, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.remedy = remedy

    @classmethod
    def missing(cls, message: str, remedy: str = "") -> Self:
        """For what is not there, or not for this viewer: nobody learns which of the two."""
        return cls(HTTPStatus.NOT_FOUND, message, remedy)
