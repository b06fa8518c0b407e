"""Requests for Test Certificates: participant, purpose, environment and subject."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smki_testca.profiles.subject import Subject
    from smki_testca.roles import KeyUsage, RemotePartyRole


class Delivery(StrEnum):
    """The delivery of a certificate to its holder: locally, or over a Gateway Connection (R6).

    Neither needs a repository (R5).
    """

    LOCAL = "local"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class Request:
    """A participant's request for Test Certificates.

    Attributes:
        participant: its id in the register.
        purpose: the code of a Testing Service (R3).
        environment: the name of the test environment.
        subject: of the certificate, and its type.
        usages: one certificate is issued for each; empty where the profile fixes the usage.
        policy: a policy OID for the gate to judge beside the one that the certificate will carry,
            which the gate works out itself.
    """

    participant: str
    purpose: str
    environment: str
    subject: Subject
    usages: tuple[KeyUsage, ...] = ()
    delivery: Delivery = Delivery.LOCAL
    policy: str | None = None

    def of(self, subject: Subject) -> Request:
        """The same request for another subject of the same certificate type."""
        # Quicker than dataclasses.replace: a batch calls this a million times.
        return Request(
            self.participant,
            self.purpose,
            self.environment,
            subject,
            self.usages,
            self.delivery,
            self.policy,
        )

    @property
    def role(self) -> RemotePartyRole | None:
        """The RemotePartyRole asked for, if the certificate type has one."""
        return self.subject.remote_party_role

    @property
    def count(self) -> int:
        """The number of certificates asked for."""
        return len(self.usages) or 1

    def as_json(self) -> dict[str, Any]:
        """The request as the audit log records it."""
        return {
            "profile": self.subject.profile,
            "participant": self.participant,
            "purpose": self.purpose,
            "environment": self.environment,
            "delivery": self.delivery.value,
            "usages": [usage.value for usage in self.usages],
            **self.subject.as_json(),
        }
