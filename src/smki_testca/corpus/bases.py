"""Makes the good documents that defects are changes of: one for each kind, role and usage."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from smki_testca.corpus.document_changes import with_value
from smki_testca.corpus.parts import (
    DEVICE_ID,
    ECDSA_SHA256,
    RSA_SHA256,
    SUPPLIER_ID,
    CertificateParts,
    CsrParts,
    Parts,
    RevocationListParts,
    at,
    dns,
    entry,
    extension,
    hardware,
    lasting,
    organisation_subject,
    policies,
    reason,
    serial_of,
    three_names,
    usages,
)
from smki_testca.corpus.pki import AT, HIERARCHIES, Pki, pointer_to, subject_key_identifier
from smki_testca.corpus.signing_keys import ec_key, rsa_key
from smki_testca.der.encode import integer, oid, sequence, time
from smki_testca.x509.names import KEY_PURPOSES

DIGITAL_SIGNATURE, KEY_AGREEMENT = "digital-signature", "key-agreement"
_BITS = {DIGITAL_SIGNATURE: "digitalSignature", KEY_AGREEMENT: "keyAgreement"}
_SMKI = ("organisation", "device")


@dataclass(frozen=True)
class HolderFacts:
    """The facts that a reader must have read in a document that it accepts.

    Attributes:
        eui64: the Entity Identifier or Device ID, 16 upper-case hexadecimal digits.
        usage: ``digital-signature`` or ``key-agreement``.
        role: the RemotePartyRole, two upper-case hexadecimal digits.
        signifier: the Signifier of a DCCKI certificate.
        status: of a CRL, what it says of the certificate that the case is about: ``revoked`` or
            ``good``.
    """

    eui64: str | None = None
    usage: str | None = None
    role: str | None = None
    signifier: str | None = None
    status: str | None = None

    def as_json(self) -> dict[str, str]:
        """Those that the document states."""
        every = (
            ("eui64", self.eui64),
            ("usage", self.usage),
            ("role", self.role),
            ("signifier", self.signifier),
            ("status", self.status),
        )
        return {name: value for name, value in every if value is not None}


@dataclass(frozen=True)
class Base:
    """A good document.

    Attributes:
        name: such as ``device``: the first part of the ids of its cases.
        title: such as "A Device Certificate".
        document: its parts.
        chain: the certificates of the CAs above it, the issuer first, the root last.
        facts: what a reader must have read in it.
        about: for a CRL, the certificate that it revokes.
        pki: the CAs of all hierarchies, for a defect that needs another than those above it.
    """

    name: str
    title: str
    document: Parts
    chain: tuple[CertificateParts, ...] = ()
    facts: HolderFacts = field(default_factory=HolderFacts)
    about: CertificateParts | None = None
    pki: Pki = field(default_factory=lambda: Pki({}, {}), repr=False)

    @property
    def profile(self) -> str:
        """The name of the profile that the document follows."""
        return self.document.profile


# End entities


def organisation(
    pki: Pki,
    name: str = "organisation",
    *,
    subject: bytes | None = None,
    usage: str = DIGITAL_SIGNATURE,
    key: str = "",
    serial: str = "",
) -> CertificateParts:
    """An Organisation Certificate with nothing wrong; its key and serial come from its name."""
    certificate = _end_entity(pki, "organisation", serial or name, ec_key(key or name).spki)
    certificate = replace(
        certificate, subject=organisation_subject() if subject is None else subject
    )
    return with_value(certificate, "keyUsage", usages(_BITS[usage]))


def device(
    pki: Pki,
    name: str = "device",
    *,
    eui64: bytes = DEVICE_ID,
    usage: str = DIGITAL_SIGNATURE,
    key: str = "",
    serial: str = "",
) -> CertificateParts:
    """A Device Certificate with nothing wrong; its key and serial come from its name."""
    certificate = _end_entity(pki, "device", serial or name, ec_key(key or name).spki)
    certificate = with_value(certificate, "keyUsage", usages(_BITS[usage]))
    names = extension("subjectAltName", sequence(hardware(eui64=eui64)), critical=True)
    every = {**certificate.extensions, "subjectAltName": names}
    order = (
        "keyUsage",
        "subjectKeyIdentifier",
        "subjectAltName",
        "certificatePolicies",
        "authorityKeyIdentifier",
    )
    return replace(certificate, extensions={each: every[each] for each in order})


def dccki(pki: Pki) -> CertificateParts:
    """A DCCKI Infrastructure Certificate with nothing wrong."""
    names = three_names(unit="SUP1", name="gateway.example")
    certificate = _with_purposes(pki, "dccki", names, "clientAuth", "serverAuth")
    return with_value(certificate, "keyUsage", usages("digitalSignature", "keyEncipherment"))


def iki(pki: Pki) -> CertificateParts:
    """An IKI certificate with nothing wrong."""
    return _with_purposes(pki, "iki", three_names(), "clientAuth")


_LASTS = {
    "organisation": ("2026-01-01", "2035-12-31T23:59:59"),
    "device": ("2026-01-01", "9999-12-31T23:59:59"),
    "dccki": ("2026-01-01", "2027-12-31T23:59:59"),
    "iki": ("2026-01-01", "2035-12-31T23:59:59"),
}


def _end_entity(pki: Pki, hierarchy: str, serial: str, spki: bytes) -> CertificateParts:
    issuer, _ = pki.chain(hierarchy)
    smki = hierarchy in _SMKI
    return CertificateParts(
        hierarchy,
        serial_of(serial),
        issuer.subject,
        lasting(*_LASTS[hierarchy]),
        sequence(),
        spki,
        {
            "keyUsage": extension("keyUsage", usages("digitalSignature"), critical=True),
            "subjectKeyIdentifier": subject_key_identifier(spki),
            "certificatePolicies": extension(
                "certificatePolicies", policies(pki.policy(hierarchy)), critical=smki
            ),
            "authorityKeyIdentifier": pointer_to(issuer),
        },
        pki.signers[issuer.profile],
        algorithm=ECDSA_SHA256 if smki else RSA_SHA256,
    )


def _with_purposes(pki: Pki, hierarchy: str, subject: bytes, *purposes: str) -> CertificateParts:
    certificate = replace(
        _end_entity(pki, hierarchy, hierarchy, rsa_key(hierarchy).spki), subject=subject
    )
    every = dict(certificate.extensions)
    every["extKeyUsage"] = extension(
        "extKeyUsage", sequence(*(oid(KEY_PURPOSES[purpose]) for purpose in purposes))
    )
    order = ["keyUsage", "extKeyUsage"]
    if hierarchy == "dccki":
        every["subjectAltName"] = extension("subjectAltName", sequence(dns(b"gateway.example")))
        order.append("subjectAltName")
    order += ["certificatePolicies", "subjectKeyIdentifier", "authorityKeyIdentifier"]
    return replace(certificate, extensions={each: every[each] for each in order})


# CRLs

_SIGNED_BY = {
    "organisation-crl": "organisation-issuing-ca",
    "organisation-arl": "organisation-root-ca",
    "dccki-crl": "dccki-issuing-ca",
    "dccki-arl": "dccki-root-ca",
    "iki-crl": "iki-issuing-ca",
    "iki-arl": "iki-root-ca",
}
_UPDATES = {
    "crl": ("2026-07-01T00:00:00", "2026-07-03T00:00:00"),
    "arl": ("2026-07-01T00:00:00", "2027-06-28T00:00:00"),
}


def revocation_list(pki: Pki, profile: str, revoked: CertificateParts) -> RevocationListParts:
    """A CRL with nothing wrong, of one entry whose reason is superseded."""
    signer = pki.authorities[_SIGNED_BY[profile]]
    later = pki.at - AT
    this_update, next_update = (time(at(moment) + later) for moment in _UPDATES[profile[-3:]])
    return RevocationListParts(
        profile,
        signer.subject,
        this_update,
        next_update,
        (entry(revoked.serial, "2026-06-15", reason(4)),),
        {
            "authorityKeyIdentifier": pointer_to(signer),
            "cRLNumber": extension("cRLNumber", integer(7)),
        },
        pki.signers[signer.profile],
        algorithm=signer.algorithm,
    )


# CSRs


def request(profile: str) -> CsrParts:
    """A CSR with nothing wrong."""
    key = rsa_key(profile) if profile in {"dccki", "iki"} else ec_key("requester")
    extensions = {"keyUsage": extension("keyUsage", usages("digitalSignature"), critical=True)}
    subject = sequence()
    if profile == "organisation":
        subject = organisation_subject()
    elif profile == "device":
        name = extension("subjectAltName", sequence(hardware()), critical=True)
        extensions["subjectAltName"] = name
    elif profile == "iki":
        subject = three_names()
    else:
        subject = three_names(unit="SUP1", name="gateway.example")
        pair = usages("digitalSignature", "keyEncipherment")
        extensions["keyUsage"] = extension("keyUsage", pair, critical=True)
        extensions["subjectAltName"] = extension(
            "subjectAltName", sequence(dns(b"gateway.example"))
        )
    algorithm = RSA_SHA256 if profile in {"dccki", "iki"} else ECDSA_SHA256
    return CsrParts(profile, subject, key.spki, extensions, key, algorithm=algorithm)


# All of them

_TITLES = {
    "organisation-root-ca": "Root OCA Certificate",
    "organisation-issuing-ca": "Issuing OCA Certificate",
    "device-root-ca": "Root DCA Certificate",
    "device-issuing-ca": "Issuing DCA Certificate",
    "dccki-root-ca": "Root DCCKICA Certificate",
    "dccki-issuing-ca": "Issuing DCCKICA Certificate",
    "iki-root-ca": "Root ICA Certificate",
    "iki-issuing-ca": "Issuing ICA Certificate",
    "organisation-crl": "Organisation CRL",
    "organisation-arl": "Organisation ARL",
    "dccki-crl": "DCCKI CRL",
    "dccki-arl": "DCCKI ARL",
    "iki-crl": "IKI CRL",
    "iki-arl": "IKI ARL",
}

ROLES = {
    "recovery": ("01", "90b3d51f30000001", (DIGITAL_SIGNATURE,)),
    "supplier": ("02", "90b3d51f30010000", (DIGITAL_SIGNATURE, KEY_AGREEMENT)),
    "network-operator": ("03", "90b3d51f30020000", (DIGITAL_SIGNATURE, KEY_AGREEMENT)),
    "access-control-broker": ("04", "90b3d51f30000002", (DIGITAL_SIGNATURE, KEY_AGREEMENT)),
    "transitional-cos": ("05", "90b3d51f30000004", (DIGITAL_SIGNATURE,)),
    "wan-provider": ("06", "90b3d51f30000007", (DIGITAL_SIGNATURE,)),
    "load-controller": ("08", "90b3d51f30010008", (DIGITAL_SIGNATURE, KEY_AGREEMENT)),
    "other": ("7F", "90b3d51f30010010", (DIGITAL_SIGNATURE, KEY_AGREEMENT)),
    "xml-sign": ("87", "90b3d51f30010020", (DIGITAL_SIGNATURE,)),
    "rdp-file-sign": ("88", "90b3d51f30010030", (DIGITAL_SIGNATURE,)),
    "dsp-xml-sign": ("89", "90b3d51f30000009", (DIGITAL_SIGNATURE,)),
}
"""Each role of an Organisation Certificate: its OU, the holder's ID, the usages seen. The IDs of
the first seven are those of the published message vectors; the others' are made up."""


def bases(pki: Pki) -> dict[str, Base]:
    """Every good document by its name, CAs first."""
    documents = [*_ca_bases(pki), *_end_entity_bases(pki), *_list_bases(pki), *_request_bases()]
    return {base.name: replace(base, pki=pki) for base in documents}


def _ca_bases(pki: Pki) -> list[Base]:
    return [
        Base(
            profile,
            f"{_article(_TITLES[profile])} {_TITLES[profile]}",
            certificate,
            () if certificate.is_self_issued else pki.chain(profile.split("-")[0])[1:],
        )
        for profile, certificate in pki.authorities.items()
    ]


def _end_entity_bases(pki: Pki) -> list[Base]:
    documents = [
        Base(
            "organisation",
            "An Organisation Certificate",
            organisation(pki),
            pki.chain("organisation"),
            HolderFacts(SUPPLIER_ID.hex().upper(), DIGITAL_SIGNATURE, "02"),
        ),
        Base(
            "organisation-ka",
            "An Organisation Certificate for key agreement",
            organisation(pki, "organisation-ka", usage=KEY_AGREEMENT),
            pki.chain("organisation"),
            HolderFacts(SUPPLIER_ID.hex().upper(), KEY_AGREEMENT, "02"),
        ),
    ]
    for role, (code, eui64, role_usages) in ROLES.items():
        for usage in role_usages:
            name = f"organisation-{role}" + ("" if usage == DIGITAL_SIGNATURE else "-ka")
            subject = organisation_subject(None, code, bytes.fromhex(eui64))
            documents.append(
                Base(
                    name,
                    f"An Organisation Certificate of role {code} for {usage.replace('-', ' ')}",
                    organisation(pki, name, subject=subject, usage=usage),
                    pki.chain("organisation"),
                    HolderFacts(eui64.upper(), usage, code),
                )
            )
    for name, usage in (("device", DIGITAL_SIGNATURE), ("device-ka", KEY_AGREEMENT)):
        title = "A Device Certificate" + (" for key agreement" if usage == KEY_AGREEMENT else "")
        facts = HolderFacts(DEVICE_ID.hex().upper(), usage)
        documents.append(
            Base(name, title, device(pki, name, usage=usage), pki.chain("device"), facts)
        )
    documents += [
        Base(
            "dccki",
            "A DCCKI Infrastructure Certificate",
            dccki(pki),
            pki.chain("dccki"),
            HolderFacts(signifier="SUP1"),
        ),
        Base("iki", "An IKI Certificate", iki(pki), pki.chain("iki"), HolderFacts(role="02")),
    ]
    return documents


def _list_bases(pki: Pki) -> list[Base]:
    documents = []
    for profile, signed_by in _SIGNED_BY.items():
        hierarchy, tier = profile.split("-")
        issuing, root = pki.chain(hierarchy)
        if tier == "arl":
            revoked = issuing
        elif hierarchy == "organisation":
            revoked = organisation(pki, "organisation-revoked")
        else:
            good = dccki(pki) if hierarchy == "dccki" else iki(pki)
            revoked = replace(good, serial=serial_of(f"{hierarchy}-revoked"))
        chain = (root,) if signed_by == root.profile else (issuing, root)
        title = f"{_article(_TITLES[profile])} {_TITLES[profile]}"
        document = revocation_list(pki, profile, revoked)
        documents.append(
            Base(profile, title, document, chain, HolderFacts(status="revoked"), revoked)
        )
    return documents


def _request_bases() -> list[Base]:
    titles = {"organisation": "An Organisation", "device": "A Device", "dccki": "A DCCKI"}
    facts = {
        "organisation": HolderFacts(SUPPLIER_ID.hex().upper(), DIGITAL_SIGNATURE, "02"),
        "device": HolderFacts(DEVICE_ID.hex().upper(), DIGITAL_SIGNATURE),
        "dccki": HolderFacts(signifier="SUP1"),
        "iki": HolderFacts(role="02"),
    }
    return [
        Base(
            f"{profile}-csr",
            f"{titles.get(profile, 'An IKI')} CSR",
            request(profile),
            facts=facts[profile],
        )
        for profile in HIERARCHIES
    ]


def _article(title: str) -> str:
    return "An" if title[0] in "AEIO" else "A"
