"""Tells from a certificate's own fields which profile it is meant to follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.lint.rows import check
from smki_testca.profiles.model import Severity, Tier

if TYPE_CHECKING:
    from smki_testca.lint.rows import Context
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Profile
    from smki_testca.x509.view import View

_WEIGHT = {Severity.ERROR: 100, Severity.WARNING: 10, Severity.NOTICE: 1}


def recognise(view: View, library: Library, context: Context) -> Profile:
    """The profile whose rows the certificate breaks least.

    Whether it is a CA, and whether it names itself as issuer, decide the tier; a certificate
    with many defects is still nearer to its own kind than to any other.
    """
    tier = _tier(view)
    candidates = [one for one in library.profiles if one.tier is tier]

    def weight(profile: Profile) -> int:
        return sum(_WEIGHT[finding.severity] for finding in check(view, profile, context))

    return min(candidates, key=weight)


def _tier(view: View) -> Tier:
    if view.value("extensions.basicConstraints.cA") is not True:
        return Tier.END_ENTITY
    return Tier.ROOT if view.octets("issuer") == view.octets("subject") else Tier.ISSUING
