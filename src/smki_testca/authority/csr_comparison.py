"""Reads CSRs without an estate, and compares certificates with them, as ``compare`` does."""

from __future__ import annotations

from pathlib import Path

from smki_testca.authority.csr import Csr, TakenAs, differences, parse, to_der
from smki_testca.errors import InputError
from smki_testca.importers.sources import sources
from smki_testca.lint.inspection import why_no_certificate
from smki_testca.profiles import Library
from smki_testca.x509.view import view_certificate, view_request


def read_csr(
    data: bytes,
    *,
    profile: str | None = None,
    taken_as: str = TakenAs.PORTAL,
    profiles: Path | str | None = None,
) -> Csr:
    """Check a CSR in the order of SEC App. M 2.3.1; no register is asked.

    Args:
        data: a CSR: PEM, bare base64 or DER, of at most 65,536 octets.
        profile: the certificate type that it asks for; without it, the types are distinguished by
            their content.
        taken_as: ``portal`` to refuse what App. M does not list, ``test-ca`` to drop what no
            certificate takes from a CSR.
        profiles: the operator's profile directory, if there is one.

    Raises:
        CsrFaultsError: with every fault of the CSR.
        InputError: if there is no such profile.
    """
    library = Library(*(() if profiles is None else (Path(profiles),)))
    stated = None if profile is None else library.end_entity_profile(profile)
    return parse(data, library, stated, TakenAs(taken_as))


def compare_with_csr(csr: bytes, certificate: bytes) -> list[str]:
    """Compare a certificate with its CSR, as its subscriber must (SEC App. M; L11.6).

    Args:
        csr: PEM, bare base64 or DER.
        certificate: PEM, base64 or DER.

    Returns:
        A clause for each difference; reject the certificate if there is any.

    Raises:
        InputError: if the CSR or the certificate cannot be read.
    """
    request = view_request(to_der(csr))
    return differences(request, view_certificate(only_certificate("-", certificate)))


def only_certificate(name: str, data: bytes | None = None) -> bytes:
    """The only certificate in a file, as DER.

    Args:
        name: the path of the file; ``-`` for octets that are no file.
        data: the octets, for ``-``.

    Raises:
        InputError: if the file does not hold exactly one certificate.
    """
    documents = list(sources([name], data))
    if len(documents) != 1:
        raise InputError(
            "compare.certificate", f"{name} holds {len(documents)} documents, not one certificate."
        )
    problem = why_no_certificate(documents[0])
    if problem:
        raise InputError("compare.certificate", f"{name} does not hold a certificate: {problem}.")
    return documents[0].data
