"""Lints documents one by one: reads each and runs every checker that fits it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.der.read import DerError
from smki_testca.lint import (
    certificate,
    chain,
    crl,
    csr,
    distinguished_name,
    echoes,
    issuer_rules,
    reading,
    required,
    strict,
    structure_rules,
)
from smki_testca.lint.certificate import CheckedCertificate
from smki_testca.lint.chain import NOBODY
from smki_testca.lint.findings import Breach, Finding
from smki_testca.lint.guard import guarded, run
from smki_testca.lint.linted import Linted
from smki_testca.lint.recognise import Recogniser, other_pki
from smki_testca.lint.row_checks import RowContext, check
from smki_testca.lint.rule import RULES
from smki_testca.lint.sets import facts_of, listing_of, request_facts_of
from smki_testca.profiles import Library
from smki_testca.profiles.model import SEVERITY_RANK, Tier
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
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from smki_testca.importers.sources import Source
    from smki_testca.lint.linted import LintSettings
    from smki_testca.profiles.model import Environment, Hierarchy, Profile, RevocationListProfile

_OF_CERTIFICATE: tuple[Callable[[CheckedCertificate], Iterable[Breach]], ...] = (
    *issuer_rules.CHECKERS,
    *issuer_rules.OF_CERTIFICATE,
    *certificate.CHECKERS,
    *required.CHECKERS,
    *distinguished_name.CHECKERS,
)
_OF_REVOCATION_LIST: tuple[Callable[[crl.CheckedRevocationList], Iterable[Breach]], ...] = (
    *issuer_rules.CHECKERS,
    *crl.CHECKERS,
)
_OF_SIGNED = (*strict.CHECKERS, structure_rules.breaches)
_OF_REQUEST = (strict.anomalies,)


class Linter:
    """Lints one document after another.

    Args:
        settings: the settings of the run.
        issuers: the certificates at hand that may have issued others.
        library: the profiles of the settings, where the caller has loaded them already.

    Raises:
        InputError: if there is no such environment or profile as the settings name.
    """

    def __init__(
        self, settings: LintSettings, issuers: chain.Issuers, library: Library | None = None
    ) -> None:
        self.library = library or Library(*settings.profiles)
        self.at: datetime = settings.at
        self._environment: Environment | None = None
        self._profile: Profile | None = None
        self._list_profile: RevocationListProfile | None = None
        if settings.environment is not None:
            self._environment = self.library.environment(settings.environment)
        if settings.as_profile in self.library.revocation_list_profile_names:
            self._list_profile = self.library.revocation_list_profile(settings.as_profile)
        elif settings.as_profile is not None:
            self._profile = self.library.profile(settings.as_profile)
        self._issuers = issuers
        self.recognise = Recogniser(self.library)
        self._hierarchies: dict[bytes, Hierarchy] = {}

    def lint(self, source: Source, position: int = 0) -> Linted:
        """Lint one document by itself: read it, and run the rules for its kind."""
        linted = self._lint(source, position)
        return linted if source.name is None else replace(linted, name=source.name)

    def _lint(self, source: Source, position: int) -> Linted:
        if source.problem is not None:
            return _unreadable(source, reading.of_file(source.problem))
        if entries.place(source.data) is not None:
            # A CRL of a hundred thousand entries is not read as a certificate first.
            try:
                view = view_revocation_list(source.data)
            except DerError as error:
                return _unreadable(source, reading.of_error(error))
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
        # All three say the same of octets that are no DER, or hold an element too many; otherwise
        # none of them fits.
        no_kind = DerError("der.structure", "these octets are not a certificate, CSR or CRL", 0)
        first = next(
            (error for error in errors if error.code != no_kind.code or error.offset), no_kind
        )
        return _unreadable(source, reading.of_error(first))

    def _certificate(self, view: View, source: Source, position: int) -> Linted:
        breaches: list[Breach] = []
        run(_OF_SIGNED, view, breaches)
        signer, hierarchy = guarded("issuer", lambda: self._signer(view), breaches) or (
            NOBODY,
            None,
        )
        issuer = None if signer.issuer is None else signer.issuer.view
        if self._profile is None and not self.recognise.knows(view, issuer):
            return _of_other_pki(view, source, breaches)
        profile = self._profile or self.recognise(view)
        environment = self._environment
        spki = view.octets("subjectPublicKeyInfo") or b""
        document = CheckedCertificate(
            view,
            profile,
            self.library,
            signer,
            guarded("issuer", lambda: self._issuers.path_from(signer.issuer), breaches) or (),
            guarded("issuer", lambda: self._issuers.ca_of_key(spki), breaches),
            hierarchy,
            self.at,
            None if environment is None else environment.name,
        )
        run(_OF_CERTIFICATE, document, breaches)
        context = RowContext(self.library.roles, environment, issuer)
        rows = guarded("rows", lambda: check(view, profile, context), breaches) or []
        coded = (
            certificate.key_evidence(finding, profile) for finding in coded_findings(breaches, view)
        )
        findings = echoes.of_rules(list(coded))
        has_extensions = "extensions" in view.fields
        rows = echoes.rows_without_echoes(rows, findings, has_extensions=has_extensions)
        findings, rows = echoes.gravest(findings, rows)
        findings = echoes.without_defaults(echoes.without_other_names(findings, rows), rows)
        return Linted(
            source.file,
            source.index,
            profile.name,
            subject_text(view),
            in_order(findings + rows),
            facts_of(view, source, profile, signer, position),
        )

    def signer_of(self, view: View) -> chain.DocumentSigner:
        """The signer of a certificate or CRL, as far as it is known."""
        return chain.signer_of(view, self._issuers)

    def _signer(self, view: View) -> tuple[chain.DocumentSigner, Hierarchy | None]:
        """The signer of a certificate, and the hierarchy of the issuer."""
        signer = chain.signer_of(view, self._issuers)
        issuer = signer.issuer
        if issuer is None:
            return signer, None
        if issuer.der not in self._hierarchies:
            self._hierarchies[issuer.der] = self.recognise(issuer.view).hierarchy
        return signer, self._hierarchies[issuer.der]

    def _request(self, view: View, source: Source, position: int) -> Linted:
        breaches: list[Breach] = []
        run(_OF_REQUEST, view, breaches)
        named = self._profile
        profiles: tuple[Profile, ...] = ()
        if named is not None and named.tier is Tier.END_ENTITY:
            profiles = (named,)
            breaches += self._request_breaches(view, named)
        else:
            profiles = (
                guarded("kind", lambda: self._recognised(view, breaches), breaches) or profiles
            )
        # A CSR that another key signed, such as one with a changed octet, proves nothing.
        is_sound = all(breach.code != "csr.signature" for breach in breaches)
        findings = coded_findings(breaches, view, profiles[0] if profiles else None)
        return Linted(
            source.file,
            source.index,
            f"csr-{' or '.join(profile.name for profile in profiles) or 'unknown'}",
            subject_text(view),
            in_order(echoes.of_request(findings)),
            request=request_facts_of(view, source, profiles[0], position)
            if profiles and is_sound
            else None,
        )

    def _recognised(self, view: View, breaches: list[Breach]) -> tuple[Profile, ...]:
        """The profile that a CSR asks for, or those between which its content does not tell.

        The breaches of the first one's rules are added to a list.
        """
        profiles: tuple[Profile, ...] = (self.library.profile(csr.kind(view)),)
        request_breaches = self._request_breaches(view, profiles[0])
        if any(map(csr.is_error, request_breaches)):
            profiles = csr.likely_profiles(view, self.library, profiles[0])
            request_breaches = self._request_breaches(view, profiles[0])
        breaches += request_breaches
        return profiles

    def _request_breaches(self, view: View, profile: Profile) -> list[Breach]:
        breaches: list[Breach] = []
        run(csr.CHECKERS, csr.CertificationRequest(view, self.library.roles, profile), breaches)
        return breaches

    def _revocation_list(self, view: View, source: Source, position: int) -> Linted:
        breaches: list[Breach] = []
        run(_OF_SIGNED, view, breaches)
        survey = guarded("entries", lambda: crl.survey(view), breaches) or crl.Survey()
        breaches += survey.anomalies
        signer = guarded("issuer", lambda: chain.signer_of(view, self._issuers), breaches)
        signer = signer or NOBODY
        issuer = None if signer.issuer is None else signer.issuer.view
        profile, ca = self._list_profile, None
        if profile is None:
            ca = guarded("kind", lambda: self.recognise.signer_of(view, issuer), breaches)
            if ca is not None and ca.tier is not Tier.END_ENTITY:
                profile = self.library.revocation_list_profile_for(ca.hierarchy, ca.tier)
        document = crl.CheckedRevocationList(view, survey, profile, self.at, signer, ca)
        run(_OF_REVOCATION_LIST, document, breaches)
        rows: list[Finding] = []
        if profile is not None:
            held_to, context = profile, RowContext(self.library.roles, None, issuer)
            rows = (
                guarded("rows", lambda: crl.row_findings(view, survey, held_to, context), breaches)
                or []
            )
        findings = echoes.of_rules(coded_findings(breaches, view))
        has_extensions = "extensions" in view.fields
        rows = echoes.rows_without_echoes(rows, findings, has_extensions=has_extensions)
        findings = echoes.without_other_names(findings, rows)
        issuer_name = view.fields.get("issuer")
        return Linted(
            source.file,
            source.index,
            "crl" if profile is None else profile.name,
            "" if issuer_name is None else name_text(issuer_name.node),
            in_order(findings + rows),
            listing=listing_of(view, source, signer, position),
        )


def form_breaches(view: View) -> Iterator[Breach]:
    """The breaches of form alone: of the rules of DER, and of the structures of fields.

    They cost a fraction of all rules, and need no CAs.
    """
    for checker in _OF_REQUEST if view.kind == "CSR" else _OF_SIGNED:
        breaches: list[Breach] = []
        run((checker,), view, breaches)
        yield from breaches


def _unreadable(source: Source, breach: Breach) -> Linted:
    return Linted(source.file, source.index, "unknown", "", (coded_finding(breach),))


def _of_other_pki(view: View, source: Source, breaches: list[Breach]) -> Linted:
    """The result for a certificate that follows no profile: just that, whatever its octets are."""
    failures = [breach for breach in breaches if breach.code == "internal.rule_failed"]
    reported = [*failures, other_pki(view)]
    findings = in_order(coded_findings(reported, view))
    return Linted(source.file, source.index, "certificate", subject_text(view), findings)


def coded_finding(breach: Breach, asked_for: Profile | None = None) -> Finding:
    """Turn a breach of a declared rule into a finding, its message into a sentence.

    Args:
        breach: of the rule.
        asked_for: the profile that a CSR was held to, which has its own evidence for the rule.
    """
    message = breach.message
    end = "" if message.endswith(".") else "."
    sentence = f"{message[:1].upper()}{message[1:]}{end}"
    rule = RULES[breach.code]
    rule = rule if asked_for is None else csr.evidence(rule, asked_for)
    return Finding.of(breach._replace(message=sentence), rule)


def coded_findings(
    breaches: Iterable[Breach], view: View, asked_for: Profile | None = None
) -> list[Finding]:
    """Turn the breaches of declared rules by one document into findings; see ``coded_finding``."""
    return [coded_finding(breach, asked_for) for breach in _placed(breaches, view)]


def _placed(breaches: Iterable[Breach], view: View) -> Iterator[Breach]:
    """The breaches by one document, each with its field."""
    for breach in breaches:
        is_placed = breach.path is not None
        yield breach if is_placed else breach._replace(path=_path_at(view, breach.offset))


def _path_at(view: View, offset: int | None) -> str:
    """The path of the smallest field that holds an octet; empty where none does."""
    if offset is None:
        return ""
    holding = [
        (field.node.stop - field.node.offset, path)
        for path, field in view.fields.items()
        if field.node.offset <= offset < field.node.stop
    ]
    return min(holding, default=(0, ""))[1]


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort findings by severity, the gravest first, then by offset, code and message."""
    ranked = sorted(
        findings,
        key=lambda each: (SEVERITY_RANK[each.severity], each.offset or 0, each.code, each.message),
    )
    return tuple(ranked)
