"""Answers of the Ad Hoc service where it is to misbehave on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.estate.certificates import Selection
from smki_testca.service.device_csr.batch_misbehaviour import TEXT
from smki_testca.service.device_csr.csr_answers import AdHocStatus, ErrorElement

if TYPE_CHECKING:
    from smki_testca.api import Estate
    from smki_testca.estate.certificates import Record
    from smki_testca.service.misbehaviour.modes import Mode


def failure_of(mode: Mode | None) -> ErrorElement[AdHocStatus] | None:
    """The error that is answered in place of a certificate; None for none."""
    if mode is None or mode.error is None:
        return None
    return ErrorElement(AdHocStatus(mode.status), mode.code, TEXT)


def given(mode: Mode | None, estate: Estate, issued: Record) -> bytes:
    """The certificate that is answered, DER: the one that was issued, or a wrong one.

    Args:
        mode: how to misbehave, if so.
        estate: that issued it.
        issued: the right one.
    """
    match None if mode is None else mode.name:
        case "wrong-certificate":
            return _of_another_key(estate, issued)
        case "other-device":
            return _of_another_device(estate, issued)
    return issued.der


def _of_another_key(estate: Estate, issued: Record) -> bytes:
    """An older certificate of the same Device; that of the issuing CA if none has another key."""
    older = estate.select(Selection(eui64=issued.eui64, profile=issued.profile))
    wrong = [each.der for each in older if each.key_id != issued.key_id]
    return wrong[-1] if wrong else estate.certificates.chain(issued)[0].der


def _of_another_device(estate: Estate, issued: Record) -> bytes:
    """A certificate of another Device; that of the issuing CA if the estate has none."""
    others = estate.select(Selection(profile=issued.profile))
    wrong = (each.der for each in others if each.eui64 != issued.eui64)
    return next(wrong, None) or estate.certificates.chain(issued)[0].der
