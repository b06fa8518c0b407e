"""The ZIP of Organisation Certificates and keys."""

from __future__ import annotations

import hashlib
import zipfile

from exported import fits, names, reasons, records

from smki_testca.exporters.export import items
from smki_testca.exporters.registry import FORMATS

CA, DCCKI, IKI = "is a CA's", "is of DCCKI", "is of IKI"
DEVICE = "is a Device Certificate"


def test_org_crypto_has_a_key_of_the_same_name_beside_each_certificate(export, estate):
    outcome, folder = export("org-crypto", "--with-keys")
    assert names(folder) == ["org-crypto.zip"]
    with zipfile.ZipFile(folder / "org-crypto.zip") as archive:
        assert archive.testzip() is None
        contents = {name: archive.read(name) for name in archive.namelist()}
    organisation = records(estate, profile="organisation")
    assert set(contents) == {
        f"org-crypto/{place}"
        for one in organisation
        for place in (f"cert/{one.label}.pem", f"key/{one.label}.key")
    }
    for one in organisation:
        key = contents[f"org-crypto/key/{one.label}.key"]
        assert key.startswith(b"-----BEGIN PRIVATE KEY-----\n")
        assert fits(contents[f"org-crypto/cert/{one.label}.pem"], key)
    assert reasons(outcome) == {CA: 8, DEVICE: 8, DCCKI: 3, IKI: 1}


def test_the_same_certificates_make_the_same_zip_in_whatever_order(estate):
    selected = items(estate, records(estate, profile="organisation"), with_keys=True)
    digests = {
        hashlib.sha256(one.data).hexdigest()
        for order in (selected, list(reversed(selected)))
        for one in FORMATS["org-crypto"].files(order, None)
    }
    assert len(digests) == 1
