"""The defects seen in published certificates: the cases of the corpus that have them."""

from __future__ import annotations

PUBLISHED = {
    "O1": ("device-signature-padded",),
    "O2": ("device-algorithm-null-parameters",),
    "O3": ("organisation-self-signed-pretender", "organisation-issuer-string-type"),
    "O4": ("organisation-dsp-xml-sign-role-decimal",),
    "O5": ("device-issued-by-end-entity-without-ski",),
    "O6": ("device-signature-bit", "organisation-ca-signature-bit"),
    "O7": ("device-usage-changed",),
    "O8": ("organisation-issuer-unknown",),
    "O9": ("good-organisation-renewed-with-its-key",),
    "O10": ("organisation-expired",),
    "O11": ("good-organisation-ka-prepayment-twin",),
    "O12": ("good-organisation-ca-false",),
    "O13": ("device-policies-not-critical",),
    "O14": ("good-organisation-serial-leading-zero",),
    "O15": ("good-organisation-network-operator-typo",),
    "O16": ("good-organisation-id-counted-in-decimal",),
    "O17": ("organisation-of-the-other-registry-entry",),
    "O18": (
        "organisation-id-first",
        "organisation-id-missing",
        "organisation-id-9-octets",
        "organisation-id-unused-bits",
    ),
}
