"""Makes the CAs that a kit needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.api import Estate
    from smki_testca.estate.certificates import Record
    from smki_testca.kits.kit import Kit
    from smki_testca.profiles.model import Hierarchy


def add_authorities(estate: Estate, kit: Kit, hierarchies: Sequence[Hierarchy]) -> list[Record]:
    """Make the CAs of some hierarchies that the kit's environments lack; gives the new ones."""
    present = {(each.family, each.hierarchy) for each in estate.certificates.authorities()}
    records: list[Record] = []
    for name in kit.environments:
        family = estate.library.environment(name).family
        missing = [each for each in hierarchies if (family, each) not in present]
        present.update((family, each) for each in missing)
        if missing:
            records += estate.add_environment(name, hierarchies=missing)
    return records
