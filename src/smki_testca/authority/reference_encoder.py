"""The reference encoder: builds what is signed from its fields' values with pyasn1.

It is slow, and simple to review. Templates are compiled from its output, and tests check that
both give the same octets. CSRs are made with it as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyasn1.codec.der.decoder import decode
from pyasn1.codec.der.encoder import encode
from pyasn1.type import char, namedtype, tag, univ, useful
from pyasn1_modules import rfc2986, rfc5280

from smki_testca.x509 import names
from smki_testca.x509.fields import FIELDS, packed_address

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from smki_testca.profiles.model import Profile
    from smki_testca.x509.fields import Value

_STRINGS = {
    "UTF8String": char.UTF8String,
    "PrintableString": char.PrintableString,
    "IA5String": char.IA5String,
}


class HardwareModuleName(univ.Sequence):  # type: ignore[misc]
    """The HardwareModuleName of RFC 4108 5."""

    componentType = namedtype.NamedTypes(  # noqa: N815 - pyasn1's name
        namedtype.NamedType("hwType", univ.ObjectIdentifier()),
        namedtype.NamedType("hwSerialNum", univ.OctetString()),
    )


class WrappedApexContingencyKey(univ.Sequence):  # type: ignore[misc]
    """The WrappedApexContingencyKey of RFC 5934."""

    componentType = namedtype.NamedTypes(  # noqa: N815 - pyasn1's name
        namedtype.NamedType("wrapAlgorithm", rfc5280.AlgorithmIdentifier()),
        namedtype.NamedType("wrappedContinPubKey", univ.OctetString()),
    )


def encode_tbs(profile: Profile, values: Mapping[str, Value]) -> bytes:
    """Encode a TBSCertificate in DER (RFC 5280 4.1.2).

    Args:
        profile: determines the order of attributes and extensions, string types and criticality.
        values: of every field present, by path.
    """
    tbs = rfc5280.TBSCertificate()
    tbs["version"] = values["version"]
    tbs["serialNumber"] = values["serialNumber"]
    tbs["signature"] = _decoded(values["signature"], rfc5280.AlgorithmIdentifier())
    tbs["issuer"] = _decoded(values["issuer"], rfc5280.Name())
    for end in ("notBefore", "notAfter"):
        kind, time = _time(values[f"validity.{end}"])
        tbs["validity"][end][kind] = time
    tbs["subject"] = _subject(profile, values)
    tbs["subjectPublicKeyInfo"] = _decoded(
        values["subjectPublicKeyInfo"], rfc5280.SubjectPublicKeyInfo()
    )
    _fill_extensions(tbs["extensions"], profile, values)
    return bytes(encode(tbs))


def encode_request_info(profile: Profile, values: Mapping[str, Value]) -> bytes:
    """Encode the CertificationRequestInfo of a CSR in DER (RFC 2986 4.1).

    Args:
        profile: determines the order of attributes and extensions, string types and criticality.
        values: of every field that the CSR holds, by path.
    """
    info = rfc2986.CertificationRequestInfo()
    info["version"] = 0
    info["subject"] = _subject(profile, values)
    info["subjectPKInfo"] = _decoded(values["subjectPublicKeyInfo"], rfc5280.SubjectPublicKeyInfo())
    extensions = rfc5280.Extensions()
    _fill_extensions(extensions, profile, values)
    attributes = info["attributes"]
    attributes.clear()
    if len(extensions):
        attributes[0]["type"] = names.EXTENSION_REQUEST
        attributes[0]["values"][0] = univ.Any(encode(extensions))
    return bytes(encode(info))


def _fill_extensions(extensions: Any, profile: Profile, values: Mapping[str, Value]) -> None:
    labels = [row.field.extension for row in profile.filling_rows if row.field.path in values]
    for number, label in enumerate(dict.fromkeys(name for name in labels if name is not None)):
        extension = extensions[number]
        extension["extnID"] = (names.EXTENSIONS | names.ROOT_EXTENSIONS)[label]
        extension["critical"] = profile.critical(label)
        extension["extnValue"] = encode(_EXTENSIONS[label](values, f"extensions.{label}"))


def _decoded(der: Any, spec: Any) -> Any:
    value, rest = decode(der, asn1Spec=spec)
    if rest:
        raise ValueError("octets follow the structure")
    return value


def _time(instant: Any) -> tuple[str, Any]:
    moment: datetime = instant
    text = moment.strftime("%m%d%H%M%SZ")
    if 1950 <= moment.year < 2050:
        return "utcTime", useful.UTCTime(f"{moment.year % 100:02d}{text}")
    return "generalTime", useful.GeneralizedTime(f"{moment.year:04d}{text}")


def _subject(profile: Profile, values: Mapping[str, Value]) -> Any:
    relatives = rfc5280.RDNSequence()
    for row in profile.filling_rows:
        attribute = row.field.attribute
        if attribute is None or row.field.path not in values:
            continue
        value: Any = values[row.field.path]
        if attribute == "x500UniqueIdentifier":
            typed = univ.BitString.fromOctetString(value)
        else:
            typed = _STRINGS[profile.encoding(row.field)](value)
        pair = rfc5280.AttributeTypeAndValue()
        pair["type"] = names.ATTRIBUTES[attribute]
        pair["value"] = univ.Any(encode(typed))
        relative = rfc5280.RelativeDistinguishedName()
        relative[0] = pair
        relatives[len(relatives)] = relative
    subject = rfc5280.Name()
    subject["rdnSequence"] = relatives
    if len(relatives) == 0:
        subject["rdnSequence"].clear()
    return subject


def _key_usage(values: Mapping[str, Any], path: str) -> Any:
    usage = rfc5280.KeyUsage()
    bits = dict(zip(names.KEY_USAGE_BITS, usage.namedValues.values(), strict=True))
    numbers = [bits[name] for name in values[path]]
    return rfc5280.KeyUsage(tuple(int(n in numbers) for n in range(max(numbers, default=-1) + 1)))


def _basic_constraints(values: Mapping[str, Any], path: str) -> Any:
    constraints = rfc5280.BasicConstraints()
    constraints["cA"] = values[f"{path}.cA"]
    if f"{path}.pathLenConstraint" in values:
        constraints["pathLenConstraint"] = values[f"{path}.pathLenConstraint"]
    return constraints


def _policies(values: Mapping[str, Any], path: str) -> Any:
    policies = rfc5280.CertificatePolicies()
    policies[0]["policyIdentifier"] = values[f"{path}.policyIdentifier"]
    return policies


def _authority_key(values: Mapping[str, Any], path: str) -> Any:
    identifier = rfc5280.AuthorityKeyIdentifier()
    identifier["keyIdentifier"] = values[f"{path}.keyIdentifier"]
    return identifier


def _key_purposes(values: Mapping[str, Any], path: str) -> Any:
    purposes = rfc5280.ExtKeyUsageSyntax()
    for number, purpose in enumerate(values[path]):
        purposes[number] = names.KEY_PURPOSES.get(purpose, purpose)
    return purposes


def _alternative_name(values: Mapping[str, Any], path: str) -> Any:
    alternative = rfc5280.SubjectAltName()
    module_path = f"{path}.hardwareModuleName"
    if f"{module_path}.hwType" in values:
        module = HardwareModuleName()
        module["hwType"] = values[f"{module_path}.hwType"]
        module["hwSerialNum"] = values[f"{module_path}.hwSerialNum"]
        other = alternative[len(alternative)]["otherName"]
        other["type-id"] = names.HARDWARE_MODULE_NAME
        other["value"] = univ.Any(encode(module)).subtype(
            explicitTag=tag.Tag(tag.tagClassContext, tag.tagFormatSimple, 0)
        )
    for name in _each(values, f"{path}.dNSName"):
        alternative[len(alternative)]["dNSName"] = name
    for address in _each(values, f"{path}.iPAddress"):
        alternative[len(alternative)]["iPAddress"] = packed_address(address)
    return alternative


def _each(values: Mapping[str, Any], path: str) -> tuple[Any, ...]:
    """The values of a field that may have several; none where it is missing."""
    return FIELDS[path].each(values[path]) if path in values else ()


def _wrapped_key(values: Mapping[str, Any], path: str) -> Any:
    wrapped = WrappedApexContingencyKey()
    wrapped["wrapAlgorithm"]["algorithm"] = values[f"{path}.wrapAlgorithm"]
    wrapped["wrappedContinPubKey"] = values[f"{path}.wrappedContinPubKey"]
    return wrapped


_EXTENSIONS = {
    "keyUsage": _key_usage,
    "basicConstraints": _basic_constraints,
    "certificatePolicies": _policies,
    "subjectKeyIdentifier": lambda values, path: univ.OctetString(values[path]),
    "authorityKeyIdentifier": _authority_key,
    "extKeyUsage": _key_purposes,
    "subjectAltName": _alternative_name,
    "wrappedApexContinKey": _wrapped_key,
}
