"""ZIPs of CSRs, as they should be and as they should not."""

from __future__ import annotations

import io
import re
import warnings
import zipfile

import csrs

KEY = csrs.new_key()
LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"


def device_csr(number=5, **options):
    return csrs.pem(csrs.device(KEY, device_id=device_id(number), **options))


def device_id(number):
    return (0x00DB12 << 40 | number).to_bytes(8)


def csr_zip(*entries, method=zipfile.ZIP_DEFLATED):
    """A ZIP of names and octets; a name may come twice."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", method) as archive:
        warnings.simplefilter("ignore")
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def changed(data, marker, offset, replacement):
    """The ZIP with octets changed behind each header of one kind."""
    octets = bytearray(data)
    for match in re.finditer(re.escape(marker), data):
        at = match.start() + offset
        octets[at : at + len(replacement)] = replacement
    return bytes(octets)


GOOD = csr_zip(("a.csr", device_csr()))
