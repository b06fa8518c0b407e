"""RemotePartyRoles, which certificates carry, and User Roles, which the register resolves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from smki_testca.errors import InputError
from smki_testca.text import shown, use_one_of


class Basis(StrEnum):
    """The evidence for a fact."""

    SPECIFIED = "specified"
    OBSERVED = "observed"
    ASSUMED = "assumed"


class KeyUsage(StrEnum):
    """The key usages that a Testing Participant asks for."""

    DIGITAL_SIGNATURE = "digital-signature"
    KEY_AGREEMENT = "key-agreement"

    @property
    def short(self) -> str:
        """``ds`` or ``ka``, as in the names of files."""
        return "".join(word[0] for word in self.value.split("-"))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key usage.

        Raises:
            InputError: if there is none of that name.
        """
        if text not in set(cls):
            raise InputError(
                "request.usage",
                f"There is no key usage {shown(text)}.",
                use_one_of(cls, given=text),
            )
        return cls(text)


BOTH = "both"
"""In a manifest and on the command line of a batch: a certificate of each key usage."""


@dataclass(frozen=True, slots=True)
class UserRole:
    """A capacity in which a holder acts: a User Role of the SEC, or being the DCC or an RDP.

    Attributes:
        code: abbreviation, such as ``IS``.
        name: as the SEC writes it, such as ``Import Supplier``.
        kind: of the participants that may hold it, a ``ParticipantKind`` (R23).
    """

    code: str
    name: str
    basis: Basis
    source: str
    kind: str = "party"


@dataclass(frozen=True, slots=True)
class RemotePartyRole:
    """The role in the OU of an Organisation Certificate (GBCS 12, SEC App. M F).

    Attributes:
        code: 0 to 255; written as two upper-case hexadecimal digits in the certificate.
        name: as in the GBCS's ASN.1, such as ``networkOperator``.
        held_by: the codes of the User Roles that may hold it; empty for the role of a CA.
        usages: the key usages observed in certificates of this role.
    """

    code: int
    name: str
    held_by: tuple[str, ...]
    usages: tuple[KeyUsage, ...]
    basis: Basis
    source: str

    @property
    def hex(self) -> str:
        """Two upper-case hexadecimal digits, the text of the OU."""
        return f"{self.code:02X}"


_TWO_HEX_DIGITS = re.compile(r"[0-9A-Fa-f]{2}", re.ASCII)


def _key(text: str) -> str:
    return re.sub(r"[\s_-]", "", text).lower()


class Roles:
    """All the roles that ``roles.toml`` defines, found by name or code."""

    def __init__(
        self, remote: tuple[RemotePartyRole, ...], user_roles: tuple[UserRole, ...]
    ) -> None:
        self.remote_party_roles = remote
        self.user_roles = user_roles
        self._remote = {_key(role.name): role for role in remote}
        self._by_code = {role.code: role for role in remote}
        self._user = {_key(role.name): role for role in user_roles} | {
            role.code.lower(): role for role in user_roles
        }

    def remote_party_role(self, text: str) -> RemotePartyRole:
        """Find a RemotePartyRole by its name (any case, hyphens allowed) or two hex digits.

        Raises:
            InputError: if no such role is defined.
        """
        role = self.by_hex(text) or self._remote.get(_key(text))
        if role is None:
            raise InputError(
                "role.unknown",
                f"There is no RemotePartyRole {shown(text)}.",
                use_one_of((f"{r.name} ({r.hex})" for r in self.remote_party_roles), given=text),
            )
        return role

    def by_hex(self, text: str) -> RemotePartyRole | None:
        """The role whose code is written so, in two hexadecimal digits of either case."""
        return self.by_code(int(text, 16)) if _TWO_HEX_DIGITS.fullmatch(text) else None

    def by_code(self, code: int) -> RemotePartyRole | None:
        """The role with that code, if one is defined."""
        return self._by_code.get(code)

    def by_text(self, text: str) -> RemotePartyRole | None:
        """The role that a certificate carries as this text: two upper-case hexadecimal digits."""
        return next((role for role in self.remote_party_roles if role.hex == text), None)

    def holds(self, kind: str, role: RemotePartyRole) -> bool:
        """Whether participants of a kind have a User Role that may hold a RemotePartyRole (R23)."""
        return any(each.kind == kind and each.code in role.held_by for each in self.user_roles)

    def user_role(self, text: str) -> UserRole:
        """Find a User Role by its name (any case, hyphens allowed) or abbreviation.

        Raises:
            InputError: if no such role is defined.
        """
        role = self._user.get(_key(text))
        if role is None:
            raise InputError(
                "user_role.unknown",
                f"There is no User Role {shown(text)}.",
                use_one_of((f"{r.name} ({r.code})" for r in self.user_roles), given=text),
            )
        return role
