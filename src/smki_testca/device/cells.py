"""Finds the Trust Anchor Cell that a text names, or that a certificate belongs in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.der.read import DerError
from smki_testca.errors import InputError
from smki_testca.profiles.device_types import Cell, CellKeyUsage, CellUsage
from smki_testca.roles import Basis
from smki_testca.text import shown, use_one_of
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smki_testca.profiles.device_types import DeviceType
    from smki_testca.roles import RemotePartyRole, Roles

_KEY_USAGES = {
    name.lower(): usage for usage in CellKeyUsage for name in (usage.value, usage.bit, usage.short)
}
_CELL_USAGES = {
    "management": CellUsage.MANAGEMENT,
    "prepayment": CellUsage.PREPAYMENT,
    "pre-payment-top-up": CellUsage.PREPAYMENT,
    "prepaymenttopup": CellUsage.PREPAYMENT,
}
ROOT = "root"
"""The name of the role of a root."""


def type_named(name: str, types: Mapping[str, DeviceType]) -> DeviceType:
    """The type of Device of a name, in either case.

    Raises:
        InputError: if there is none.
    """
    for kind in types.values():
        if kind.name.lower() == name.lower():
            return kind
    raise InputError(
        "device.type", f"There is no type of Device {shown(name)}.", use_one_of(types, given=name)
    )


def cell_named(text: str, kind: DeviceType, roles: Roles) -> Cell:
    """The cell of a name, in either case; it may be one that the type of Device does not have.

    Args:
        text: ``root``, or a role, a key usage and, for the cell of a supplier's prepayment, the
            cell usage: ``supplier/DS``, ``supplier/KA/prepayment``,
            ``supplier/keyAgreement/prePaymentTopUp``.
        kind: the type of Device.
        roles: all the roles.

    Raises:
        InputError: if it names no role and usage.
    """
    role, *rest = text.split("/")
    if role.lower() == ROOT and not rest:
        rest = [CellKeyUsage.KEY_CERT_SIGN]
    key_usage = _KEY_USAGES.get(rest[0].lower()) if rest else None
    cell_usage = _CELL_USAGES.get(rest[1].lower()) if rest[1:] else CellUsage.MANAGEMENT
    if key_usage is None or cell_usage is None or len(rest) > 2:
        raise InputError(
            "device.cell_name",
            f"{shown(text)} does not name a cell.",
            use_one_of((cell.short for cell in kind.cells), given=text),
        )
    return _cell(roles.remote_party_role(role), key_usage, cell_usage, kind)


def cell_of(der: bytes, kind: DeviceType, roles: Roles) -> Cell | None:
    """The cell that a certificate belongs in by its role and key usage.

    It is never the cell of prepayment, of which nothing is in a certificate. It may be one that the
    type of Device does not have.

    Args:
        der: the certificate.
        kind: the type of Device.
        roles: all the roles.

    Returns:
        The cell; None where the certificate does not tell.
    """
    try:
        view = view_certificate(der)
    except DerError:
        return None
    role = roles.by_text(view.text("subject.organizationalUnitName") or "")
    usages = view.value("extensions.keyUsage")
    if role is None or not isinstance(usages, tuple):
        return None
    fitting = [usage for usage in CellKeyUsage if usage.bit in usages]
    if len(fitting) != 1:
        return None
    return _cell(role, fitting[0], CellUsage.MANAGEMENT, kind)


def _cell(
    role: RemotePartyRole, key_usage: CellKeyUsage, cell_usage: CellUsage, kind: DeviceType
) -> Cell:
    own = Cell(role, key_usage, cell_usage, Basis.ASSUMED, "")
    return next((cell for cell in kind.cells if cell.name == own.name), own)
