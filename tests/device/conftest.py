"""A Device under the corpus' CAs, and certificates to replace those of its cells."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smki_testca import Device
from smki_testca.corpus.bases import bases
from smki_testca.corpus.parts import serial_of
from smki_testca.corpus.pki import corpus_pki

# The cells of an ESME with load control, and the good documents that fill them.
OF_CELLS = {
    "recovery/DS": "organisation-recovery",
    "supplier/DS": "organisation",
    "supplier/KA": "organisation-ka",
    "supplier/KA/prepayment": "organisation-supplier-ka",
    "networkOperator/DS": "organisation-network-operator",
    "networkOperator/KA": "organisation-network-operator-ka",
    "accessControlBroker/KA": "organisation-access-control-broker-ka",
    "transitionalCoS/DS": "organisation-transitional-cos",
    "loadController/DS": "organisation-load-controller",
    "loadController/KA": "organisation-load-controller-ka",
}


class Material:
    """The corpus' good documents, and Devices filled with them."""

    def __init__(self, library):
        self.library = library
        self.bases = bases(corpus_pki())
        self.root = self.bases["organisation-root-ca"].document
        self.issuing = self.bases["organisation-issuing-ca"].document
        self.path = [self.issuing.der]

    def document(self, base="organisation"):
        """A good document's parts."""
        return self.bases[base].document

    def renewed(self, base="organisation", **parts):
        """A certificate with another serial number and the same key, and other parts changed."""
        return replace(self.document(base), serial=serial_of(f"renewed {base}"), **parts)

    def device(self, kind="ESME-load-control", **options):
        """A Device whose cells are all filled."""
        types = self.library.device_types[kind]
        names = [cell.short for cell in types.cells if cell.short in OF_CELLS]
        held = {name: self.document(OF_CELLS[name]).der for name in names}
        return Device(
            types, self.root.der, held, environment="ZAZ1", library=self.library, **options
        )


@pytest.fixture(scope="session")
def material(library):
    """The corpus' good documents, and Devices filled with them."""
    return Material(library)
