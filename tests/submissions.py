"""Batches of Device CSRs, as the web service and the portal take them in."""

from __future__ import annotations

import base64
import io
import zipfile
from functools import cache

import csrs
from batches import DEVICE_PURPOSE
from smki_testca.estate.batch_requests import Origin, Submission
from smki_testca.register.requests import Delivery
from smki_testca.service.device_csr import csr_batches
from smki_testca.service.device_csr.batch_processing import BatchProcessing

PEER = {"address": "127.0.0.1:50000", "participant": "supplier-one", "system": "batch-1"}
FIRST = 0x00DB12_00_0000_5000


@cache
def key():
    """The key of the CSRs: one will do for all."""
    return csrs.new_key()


@cache
def device_csr(number, usage="ka"):
    """A CSR of the Device of that number, DER."""
    return csrs.device(key(), device_id=(FIRST + number).to_bytes(8), usage=usage)


def message(csr_by_id, reference="b1999"):
    """A SubmitCSRBatch; a CSR that is text stands in it as it is."""
    rows = "".join(
        f'<DeviceCSR ID="{name}">{_text(csr)}</DeviceCSR>\n' for name, csr in csr_by_id.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<SubmitCSRBatch ID="{reference}">\n<Version>1.0</Version>\n{rows}</SubmitCSRBatch>\n'
    ).encode()


def _text(csr):
    return csr if isinstance(csr, str) else base64.b64encode(csr).decode("ascii")


def good(count, first=0):
    """Good CSRs by their IDs."""
    return {f"ID{number}": device_csr(number) for number in range(first, first + count)}


def zipped(csr_by_name):
    """A ZIP in the Portal's form."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, csr in csr_by_name.items():
            archive.writestr(name, _text(csr))
    return out.getvalue()


def submit(estate, csr_by_id, participant="supplier-one", reference="b1999"):
    """Submit a batch as the web service does; gives its BatchId."""
    submission = Submission(
        origin=Origin.WEB_SERVICE,
        reference=reference,
        participant=participant,
        environment=estate.environment(None),
        purpose=DEVICE_PURPOSE,
        delivery=Delivery.REMOTE,
        peer=PEER | {"participant": participant},
        csrs=len(csr_by_id),
        content=message(csr_by_id, reference),
    )
    return csr_batches.submit(estate, submission)


def processing(estate, window=None, told=None, check=lambda: None, **more):
    """The processing of an estate's batches, in this process."""
    tell = [].append if told is None else told.append
    return BatchProcessing(estate, window, tell, check, workers=1, **more)


def outcomes(estate, number):
    """What came of each CSR of a batch, by its ID."""
    batch = csr_batches.find(estate, number, None)
    return {each.name: each for each in csr_batches.result_of(estate, batch).outcomes()}


def submit_zip(estate, name, data, participant="supplier-one", delivery=Delivery.REMOTE):
    """Submit a ZIP as the portal does; gives its number."""
    return csr_batches.submit_zip(
        estate,
        csr_batches.PortalZip.read(name, data),
        participant=participant,
        purpose=DEVICE_PURPOSE,
        environment=None,
        delivery=delivery,
        peer={"how": "operator"},
    )


def decoded(text):
    """The octets of base64 without white space."""
    return base64.b64decode(text, validate=True)
