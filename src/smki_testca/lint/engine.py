"""Lints documents: reads each, runs every rule that fits it, and gathers what was found."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from smki_testca.der.read import DerError
from smki_testca.lint import chain, crl, rules, sets, strict
from smki_testca.lint import csr as requests
from smki_testca.lint.catalogue import coded_rules
from smki_testca.lint.findings import Finding
from smki_testca.lint.recognise import Recogniser
from smki_testca.lint.rows import Context, check
from smki_testca.profiles import Library
from smki_testca.profiles.model import Hierarchy, Severity, Tier
from smki_testca.x509 import entries
from smki_testca.x509.name_text import name_text, subject_text
from smki_testca.x509.view import (
    View,
    is_in_place,
    view_certificate,
    view_request,
    view_revocation_list,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from smki_testca.importers.sources import Source
    from smki_testca.profiles.model import Environment, Profile, RevocationListProfile
    from smki_testca.x509.entries import Entry

_PARALLEL_FROM = 400
_CHUNK = 250
_ECHOED = frozenset({"unreadable", "encoding", "missing", "octets", "unused_bits", "value", "sole"})
_ECHOED_CODES = frozenset({"subjectPublicKeyInfo.key", "issuer.name_differs"})

Breach = tuple[str, int, str]
"""A rule's code, the octet at fault, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is told beside its documents.

    Attributes:
        profiles: the operator's profile directories.
        at: the instant that validity is judged at, UTC.
        environment: the name of the environment that policies must be of; None for any.
        as_profile: the profile that every certificate is held to; None to recognise it.
        trusted: certificates of CAs, DER.
    """

    at: datetime
    profiles: tuple[Path, ...] = ()
    environment: str | None = None
    as_profile: str | None = None
    trusted: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Linted:
    """One document and its findings.

    Attributes:
        kind: the name of a certificate's or CRL's profile, ``crl`` for a CRL that follows none,
            ``csr-organisation`` and the like, or ``unknown``.
        subject: for a person; the issuer of a CRL; empty where there is none.
        facts: what is compared of a certificate.
        listing: what is compared of a CRL.
    """

    file: str
    index: int
    kind: str
    subject: str
    findings: tuple[Finding, ...]
    facts: sets.Facts | None = field(default=None, repr=False)
    listing: sets.Listing | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, Any]:
        """The document as a JSON object: file, index, kind, subject, findings."""
        return {
            "file": self.file,
            "index": self.index,
            "kind": self.kind,
            "subject": self.subject,
            "findings": [finding.as_json() for finding in self.findings],
        }


class Linter:
    """Lints one document after another.

    Args:
        settings: what the run was told.
        issuers: the certificates at hand that may have issued others.
    """

    def __init__(self, settings: Settings, issuers: chain.Issuers) -> None:
        self.library = Library(*settings.profiles)
        self._settings = settings
        self._issuers = issuers
        self.recognise = Recogniser(self.library)
        self._hierarchies: dict[bytes, Hierarchy] = {}
        self._rules = coded_rules()

    @property
    def at(self) -> datetime:
        """The instant that validity is judged at."""
        return self._settings.at

    def is_in(self, environments: tuple[str, ...]) -> bool:
        """Whether the run is told of one of these environments."""
        return self._settings.environment in environments

    @cached_property
    def _environment(self) -> Environment | None:
        name = self._settings.environment
        return None if name is None else self.library.environment(name)

    @cached_property
    def _forced(self) -> Profile | None:
        name = self._settings.as_profile
        if name is None or name in self.library.revocation_list_profile_names:
            return None
        return self.library.profile(name)

    @cached_property
    def _forced_list(self) -> RevocationListProfile | None:
        name = self._settings.as_profile
        if name is None or name not in self.library.revocation_list_profile_names:
            return None
        return self.library.revocation_list_profile(name)

    def lint(self, source: Source, position: int = 0) -> Linted:
        """Everything found in one document by itself."""
        if source.problem is not None:
            finding = self._finding(source.problem.code, "", None, source.problem.message)
            return Linted(source.file, source.index, "unknown", "", (finding,))
        if entries.place(source.data) is not None:
            # A CRL of a hundred thousand entries is not read as a certificate first.
            try:
                view = view_revocation_list(source.data)
            except DerError as error:
                return self._unreadable(error, source)
            return self._revocation_list(view, source, position)
        errors: list[DerError] = []
        for view_document, lint in (
            (view_certificate, self._certificate),
            (view_request, self._request),
            (view_revocation_list, self._revocation_list),
        ):
            try:
                view = view_document(source.data)
            except DerError as unreadable:
                errors.append(unreadable)
                continue
            if is_in_place(view):
                return lint(view, source, position)
        # All three say the same of octets that are no DER; otherwise none of them fits.
        no_kind = DerError("der.structure", "these octets are no certificate, CSR or CRL", 0)
        first = next((one for one in errors if one.code != no_kind.code), no_kind)
        return self._unreadable(first, source)

    def _unreadable(self, error: DerError, source: Source) -> Linted:
        finding = self._finding(error.code, "", error.offset, error.what)
        return Linted(source.file, source.index, "unknown", "", (finding,))

    def certificate(
        self, view: View, profile: Profile
    ) -> tuple[list[Finding], chain.PossibleIssuer | None]:
        """The findings of a certificate held to a profile, and who issued it."""
        found: list[Finding] = []
        anomalies = [*strict.anomalies(view), *strict.signature_anomalies(view)]
        found += [
            self._finding(one.code, locate(view, one.offset), one.offset, one.message)
            for one in anomalies
        ]
        issuer: chain.PossibleIssuer | None = None
        breaches: list[Breach] = []
        try:
            issuer, breaches = chain.issuer_of(view, self._issuers)
            if issuer is not None:
                hierarchy = self._hierarchy(issuer)
                breaches += chain.issuer_breaches(view, profile, issuer, hierarchy)
        except Exception as error:  # noqa: BLE001 - whatever a rule does, the run goes on
            found.append(self._failed("issuer", error))
        if any(one.code.startswith("signature.malformed") for one in anomalies):
            breaches = [one for one in breaches if one[0] != "signature.invalid"]
        for rule in rules.OF_CERTIFICATE:
            try:
                breaches += rule(self, view, profile)
            except Exception as error:  # noqa: BLE001 - the same
                found.append(self._failed(rule.__name__.strip("_"), error))
        found += [
            self._finding(code, locate(view, offset), offset, message)
            for code, offset, message in breaches
            if not (code in _ECHOED_CODES and _broken_at(found, locate(view, offset)))
        ]
        context = Context(
            self.library.roles, self._environment, None if issuer is None else issuer.view
        )
        try:
            rows = check(view, profile, context)
        except Exception as error:  # noqa: BLE001 - the same
            found.append(self._failed("rows", error))
            rows = []
        rows = _without_echoes(rows, found)
        values = {one.path for one in rows if one.code.endswith(".value")}
        found = [
            one for one in found if one.code != "der.default_encoded" or one.path not in values
        ]
        found += rows
        return sorted(found, key=_order), issuer

    def _certificate(self, view: View, source: Source, position: int) -> Linted:
        profile = self._forced or self.recognise(view)
        findings, _ = self.certificate(view, profile)
        return Linted(
            source.file,
            source.index,
            profile.name,
            subject_text(view),
            tuple(findings),
            _facts(view, source, profile, position),
        )

    def _request(self, view: View, source: Source, position: int) -> Linted:
        del position
        found = [
            self._finding(one.code, locate(view, one.offset), one.offset, one.message)
            for one in strict.anomalies(view)
        ]
        try:
            kind = requests.kind(view)
            for code, offset, message in requests.breaches(view, self.library.roles):
                found.append(self._finding(code, locate(view, offset), offset, message))
        except Exception as error:  # noqa: BLE001 - the same
            kind = "unknown"
            found.append(self._failed("requests", error))
        return Linted(
            source.file,
            source.index,
            f"csr-{kind}",
            subject_text(view),
            tuple(sorted(found, key=_order)),
        )

    def _revocation_list(self, view: View, source: Source, position: int) -> Linted:
        surveyed = crl.survey(view)
        anomalies = [*strict.anomalies(view), *strict.signature_anomalies(view)]
        found = [
            self._finding(one.code, locate(view, one.offset), one.offset, one.message)
            for one in (*anomalies, *surveyed.anomalies)
        ]
        issuer: chain.PossibleIssuer | None = None
        profile: RevocationListProfile | None = self._forced_list
        breaches: list[Breach] = []
        try:
            issuer, breaches = chain.revocation_issuer(view, self._issuers)
            if issuer is not None:
                breaches += chain.revocation_issuer_breaches(view, issuer)
            if profile is None:
                profile, unexpected = self._list_profile(view, issuer)
                breaches += unexpected
        except Exception as error:  # noqa: BLE001 - whatever a rule does, the run goes on
            found.append(self._failed("issuer", error))
        is_verified = issuer is not None
        if any(one.code.startswith("signature.malformed") for one in anomalies):
            breaches = [one for one in breaches if one[0] != "signature.invalid"]
        try:
            breaches += rules.algorithms(self, view, None)
            breaches += crl.breaches(view, surveyed, self._settings.at, profile)
        except Exception as error:  # noqa: BLE001 - the same
            found.append(self._failed("revoked", error))
        found += [
            self._finding(code, locate(view, offset), offset, message)
            for code, offset, message in breaches
        ]
        if profile is not None:
            found += self._list_rows(view, surveyed, profile, issuer, found)
        named = view.fields.get("issuer")
        return Linted(
            source.file,
            source.index,
            "crl" if profile is None else profile.name,
            "" if named is None else name_text(named.node),
            tuple(sorted(found, key=_order)),
            listing=_listing(view, source, position, is_verified=is_verified),
        )

    def _list_profile(
        self, view: View, issuer: chain.PossibleIssuer | None
    ) -> tuple[RevocationListProfile | None, list[Breach]]:
        """The profile that a CRL is held to, and that it should not be there if it should not."""
        signer = self.recognise.signer_of(view, None if issuer is None else issuer.view)
        if signer is None or signer.tier is Tier.END_ENTITY:
            return None, []
        profile = self.library.revocation_list_profile_for(signer.hierarchy, signer.tier)
        if profile is not None:
            return profile, []
        message = f"no CA of the {signer.hierarchy} hierarchy issues CRLs"
        return None, [("crl.hierarchy", view.fields["issuer"].node.offset, message)]

    def _list_rows(
        self,
        view: View,
        surveyed: crl.Survey,
        profile: RevocationListProfile,
        issuer: chain.PossibleIssuer | None,
        said: list[Finding],
    ) -> list[Finding]:
        context = Context(self.library.roles, None, None if issuer is None else issuer.view)
        try:
            rows = crl.row_findings(view, surveyed, profile, context)
        except Exception as error:  # noqa: BLE001 - whatever a rule does, the run goes on
            return [self._failed("rows", error)]
        return _without_echoes(rows, said)

    def set_findings(
        self, linted: Sequence[Linted], documents: Sequence[Source]
    ) -> dict[int, list[Finding]]:
        """What stands against documents together, by the position of each.

        Args:
            linted: what was found in each by itself.
            documents: the same in the same order, to read the entries of CRLs again.
        """
        facts = [one.facts for one in linted if one.facts is not None]
        listings = [one.listing for one in linted if one.listing is not None]
        found: dict[int, list[Finding]] = {}

        def entries_of(one: sets.Listing) -> Iterator[Entry]:
            return crl.entries_of(view_revocation_list(documents[one.position].data))

        for position, code, path, message in (
            *sets.breaches(facts),
            *sets.numbers(listings),
            *sets.revocations(facts, listings, entries_of, self.at),
        ):
            found.setdefault(position, []).append(self._finding(code, path, None, message))
        return found

    def _hierarchy(self, issuer: chain.PossibleIssuer) -> Hierarchy:
        if issuer.der not in self._hierarchies:
            self._hierarchies[issuer.der] = self.recognise(issuer.view).hierarchy
        return self._hierarchies[issuer.der]

    def _finding(self, code: str, path: str, offset: int | None, message: str) -> Finding:
        rule = self._rules[code]
        return Finding(
            code,
            rule.severity,
            path,
            offset,
            message[:1].upper() + message[1:] + ("" if message.endswith(".") else "."),
            rule.basis,
            rule.source,
            rule.remedy,
        )

    def _failed(self, what: str, error: Exception) -> Finding:
        message = f"the rule {what} failed: {type(error).__name__}: {error}"
        return self._finding("internal.rule_failed", "", None, message)


def lint_all(documents: Iterator[Source], settings: Settings) -> list[Linted]:
    """Lint every document, over all cores where there are many.

    Args:
        documents: in the order in which they are to be reported.
        settings: what the run was told.
    """
    found = list(documents)
    issuers = chain.gathered(
        [*settings.trusted, *(one.data for one in found if one.problem is None)]
    )
    linter = Linter(settings, issuers)
    # A name given wrongly is an error before anything is linted, in this process.
    _ = (linter._environment, linter._forced, linter._forced_list)  # noqa: SLF001 - its own
    workers = os.cpu_count() or 1
    if len(found) < _PARALLEL_FROM or workers == 1:
        linted = [linter.lint(one, position) for position, one in enumerate(found)]
    else:
        linted = _in_parallel(found, settings, issuers, workers)
    together = linter.set_findings(linted, found)
    for position, findings in together.items():
        one = linted[position]
        every = tuple(sorted([*one.findings, *findings], key=_order))
        linted[position] = replace(one, findings=every)
    return linted


def _in_parallel(
    found: list[Source], settings: Settings, issuers: chain.Issuers, workers: int
) -> list[Linted]:
    candidates = list({one.der for group in issuers.by_key.values() for one in group})
    candidates += list({one.der for group in issuers.by_name.values() for one in group})
    numbered = enumerate(found)
    chunks = iter(lambda: list(islice(numbered, _CHUNK)), [])
    with ProcessPoolExecutor(
        workers, initializer=_start_worker, initargs=(settings, list(dict.fromkeys(candidates)))
    ) as pool:
        return [one for chunk in pool.map(_lint_chunk, chunks) for one in chunk]


_worker: list[Linter] = []


def _start_worker(settings: Settings, candidates: list[bytes]) -> None:
    _worker[:] = [Linter(settings, chain.gathered(candidates))]


def _lint_chunk(chunk: list[tuple[int, Source]]) -> list[Linted]:
    return [_worker[0].lint(source, position) for position, source in chunk]


def locate(view: View, offset: int) -> str:
    """The path of the smallest field that holds an octet; empty where none does."""
    holding = [
        (found.node.stop - found.node.offset, path)
        for path, found in view.fields.items()
        if found.node.offset <= offset < found.node.stop
    ]
    return min(holding, default=(0, ""))[1]


def _order(finding: Finding) -> tuple[int, int, str]:
    return (list(Severity).index(finding.severity), finding.offset or 0, finding.code)


def _without_echoes(rows: list[Finding], said: list[Finding]) -> list[Finding]:
    """The rows' findings, but for those that repeat what was said of a field's octets."""
    broken = {
        one.path
        for one in said
        if one.code.startswith("der.") and one.code != "der.default_encoded" and one.path
    }
    is_self_signed = any(one.code == "issuer.self_signed" for one in said)
    has_unknown_critical = any(one.code == "extensions.unknown_critical" for one in said)
    kept = []
    for finding in rows:
        if finding.code == "extensions.unexpected" and has_unknown_critical:
            continue
        if is_self_signed and finding.path.startswith("extensions.authorityKeyIdentifier"):
            continue
        aspect = finding.code.rsplit(".", 1)[1]
        echoes = any(
            finding.path == path or path.startswith(f"{finding.path}.") for path in broken
        ) or any(finding.path.startswith(f"{path}.") for path in broken)
        if not (echoes and aspect in _ECHOED):
            kept.append(finding)
    return _one_for_each(kept)


def _one_for_each(rows: list[Finding]) -> list[Finding]:
    """The gravest of the findings that two rows, or the parts of one structure, have alike."""
    missing = {one.path for one in rows if one.code.endswith(".missing")}
    misplaced = any(
        one.code.startswith("subject.") and one.path != "subject"
        for one in rows
        if one.code.endswith(".order")
    )
    kept: dict[str, Finding] = {}
    for finding in sorted(rows, key=lambda one: list(Severity).index(one.severity)):
        whole, _, _ = finding.path.rpartition(".")
        aspect = finding.code.rsplit(".", 1)[1]
        if aspect == "sole" and any(path.startswith(f"{finding.path}.") for path in missing):
            continue
        if finding.code == "subject.order" and misplaced:
            continue
        is_part = aspect == "missing" and whole.startswith("extensions.")
        kept.setdefault(f"{whole}.missing" if is_part else finding.code, finding)
    return list(kept.values())


def _broken_at(said: list[Finding], path: str) -> bool:
    """Whether the octets of a field are no DER."""
    return any(one.code.startswith("der.") and one.path == path for one in said)


def _listing(
    view: View, source: Source, position: int, *, is_verified: bool
) -> sets.Listing | None:
    this_update = view.instant("thisUpdate")
    number = view.value("extensions.cRLNumber")
    if this_update is None:
        return None
    return sets.Listing(
        position,
        source.place,
        hashlib.sha256(source.data).digest(),
        view.octets("issuer") or b"",
        number if isinstance(number, int) else None,
        this_update,
        "extensions.deltaCRLIndicator" in view.fields,
        is_verified,
    )


def _facts(view: View, source: Source, profile: Profile, position: int) -> sets.Facts | None:
    serial = view.value("serialNumber")
    field_of_id = profile.field_of("eui64", "device-id")
    octets = None if field_of_id is None else view.octets(field_of_id.path)
    usage = view.value("extensions.keyUsage")
    if not isinstance(serial, int):
        return None
    return sets.Facts(
        position,
        source.place,
        hashlib.sha256(source.data).digest(),
        serial,
        view.octets("issuer") or b"",
        view.octets("subject") or b"",
        usage if isinstance(usage, tuple) else (),
        hashlib.sha256(view.octets("subjectPublicKeyInfo") or b"").digest(),
        int.from_bytes(octets) if octets is not None and len(octets) == 8 else None,
        view.instant("validity.notBefore"),
    )
