"""Retires the certificates that those of a run replace, as each of its tiles is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.estate.status import Status
from smki_testca.identifiers import SerialNumber

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.estate.runs import Run
    from smki_testca.estate.stores import Stores


def retire_replaced(estate: Stores, run: Run, numbers: Iterable[int]) -> None:
    """Retire what Devices have in use beside the new certificates, if the run replaces them.

    Each becomes not in use, and is linked to its successor: that of the same Device, environment,
    certificate type and usage. To be called within the transaction that records the new ones.

    Args:
        estate: the run's estate.
        run: the run.
        numbers: of the tiles that are recorded in the transaction.
    """
    if not run.terms.replaces:
        return
    certificates = estate.device_certificates()
    now = estate.clock.now()
    for number in numbers:
        tile = estate.tiles.get(run.id, number)
        section = run.terms.section(tile.section)
        opened = estate.tiles.open(tile)
        new = {
            eui64: SerialNumber(opened.serial(place))
            for place in range(tile.count)
            if (eui64 := opened.eui64(place)) is not None
        }
        usage = section.usage.value if section.usage else None
        old = {
            eui64: [
                each
                for each in of_device
                if each.run != run.id
                and each.is_issued
                and (each.environment, each.profile) == (section.environment, section.profile)
                and usage in {None, each.usage}
            ]
            for eui64, of_device in certificates.of(new).items()
        }
        of_use = certificates.of_use(each for of_device in old.values() for each in of_device)
        links = [
            (SerialNumber.from_octets(each.serial), new[eui64])
            for eui64, of_device in old.items()
            for each in of_device
            if each.serial in of_use
        ]
        if links:
            body = {"run": run.id, "tile": number, "count": len(links)}
            audit = estate.audit.append(now, "batch.replace", body)
            estate.renewal_links.add_to_run(links, audit)
            note = f"replaced by run {run.id}"
            retired = (predecessor for predecessor, _ in links)
            estate.statuses.change(retired, Status.NOT_IN_USE, now, note, audit)
