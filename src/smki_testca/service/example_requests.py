"""Requests with which to try the services: for a Device that has a certificate, so that both grant.

The private key of such a request is kept nowhere: it shows how the services answer, and is for
nothing else.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from smki_testca.authority import csr_builder
from smki_testca.errors import InputError, Refusal
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import LIVING
from smki_testca.issuance.issuance import Issuance
from smki_testca.profiles.subject import Subject
from smki_testca.register.requests import Delivery
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from smki_testca.api import Estate
    from smki_testca.estate.certificates import Record
    from smki_testca.identifiers import Eui64
    from smki_testca.service.callers import Caller

PROFILE = "device"
_MOST = 20
"""The most certificates that are tried, the newest first."""
_AD_HOC = """\
<?xml version="1.0" encoding="UTF-8"?>
<DeviceCertificateSigningRequest ID="example">
<Version>1.0</Version>
<CertificateSigningRequest>{csr}</CertificateSigningRequest>
</DeviceCertificateSigningRequest>
"""
_BATCH = """\
<?xml version="1.0" encoding="UTF-8"?>
<SubmitCSRBatch ID="example">
<Version>1.0</Version>
<DeviceCSR ID="example-1">{csr}</DeviceCSR>
</SubmitCSRBatch>
"""
_FORMS = {"adhoc": _AD_HOC, "batched": _BATCH}


def example_device(estate: Estate) -> Eui64 | None:
    """The Device of the newest certificate; None if the estate has none."""
    return next((record.eui64 for record in _newest(estate)), None)


def example_request(estate: Estate, service: str, caller: Caller) -> str | None:
    """A request for a service, which grants it.

    Args:
        estate: of the Device.
        service: ``adhoc`` or ``batched``.
        caller: who is to ask.

    Returns:
        The message; None if the caller may ask for none of the newest Devices.
    """
    for record in _newest(estate, caller.environment):
        profile = estate.library.profile(record.profile)
        try:
            subject, usages = Subject.from_view(
                profile, view_certificate(record.der), estate.library.roles
            )
            request = estate.request(
                *(caller.participant, caller.purpose, subject, usages),
                environment=caller.environment,
                delivery=Delivery.REMOTE,
            )
            Issuance(estate).authorise(request)
            csr = csr_builder.build(estate.library, subject, usages[0], estate.entropy)
        except (InputError, Refusal):
            continue
        return _FORMS[service].format(csr=base64.b64encode(csr.der).decode("ascii"))
    return None


def _newest(estate: Estate, environment: str | None = None) -> list[Record]:
    """The newest certificates of Devices, of one environment or all."""
    selection = Selection(profile=PROFILE, status=LIVING, environment=environment)
    page = estate.certificate_pages.page(selection, estate.clock.now(), _MOST)
    return [record for record, _ in page.certificates]
