"""The options that select certificates, shared by every command that takes a selection."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from smki_testca.errors import (
    InputError,
    UsageError,
)
from smki_testca.identifiers import (
    Eui64,
    SerialNumber,
    SerialPrefix,
)
from smki_testca.text import (
    shown,
    use_one_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from smki_testca.api import Estate
    from smki_testca.estate.certificates import Record, Selection
    from smki_testca.labels import LabelPattern
    from smki_testca.profiles import Library
    from smki_testca.x509.key_usages import UsageBit
Given = dict[str, tuple[str, ...]]
"""The options of a selection as they arrive: by name, each with its values, or none."""


def _option(name: str, metavar: str, text: str) -> Callable[..., Any]:
    return click.option(f"--{name}", metavar=metavar, multiple=True, help=text)


# The first fit any certificate; the others fit only certificates that the estate issued.
_OPTIONS_OF_ANY = [
    _option("eui64", "EUI64", "With this User, RDP, DCC or Device ID."),
    _option("role", "NAME|HEX", "Of this RemotePartyRole."),
    _option("usage", "U", "With this key usage; those joined by + alone."),
    _option("profile", "NAME", "Of this profile, such as organisation."),
    _option("label", "L", "With this label, or one that fits this pattern, such as 'Z1-*'."),
    _option("serial", "N", "With this serial number, or with these first digits."),
]
_OPTIONS = [
    _option("participant", "P", "Of this participant."),
    _option("environment", "E", "Of this test environment, such as ZAZ1."),
    *_OPTIONS_OF_ANY,
    _option("status", "S", "Of this status, such as in-use or R."),
    _option("where", "COLUMN=VALUE", "With this value in this column of your own in a manifest."),
]
OF_OWN_ALONE = ("participant", "environment", "status", "where")
"""The options that fit only certificates that the estate issued."""


def selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a selection; they arrive by name, each with its values."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def selecting_externals(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that fit external certificates, which have no participant."""
    for option in reversed(_OPTIONS_OF_ANY):
        command = option(command)
    return command


def selection(estate: Estate, given: Given) -> Selection:
    """Return the selection of external certificates that the options make; all if none is given.

    Raises:
        InputError: if the value of an option cannot be read, or there is nothing of that name.
    """
    return _selection(estate, given, estate.externals.select)


def _selection(
    estate: Estate, given: Given, select: Callable[[Selection], Iterable[Any]]
) -> Selection:
    """Return the selection that the options make.

    Args:
        estate: of the certificates.
        given: the options.
        select: finds the certificates that may be meant.

    Raises:
        InputError: if the value of an option cannot be read, or there is nothing of that name.
    """
    from smki_testca.estate.certificates import Selection
    from smki_testca.estate.status import Status

    library = estate.library
    return Selection(
        _each(given, "participant", lambda name: _participant(estate, name)),
        _each(given, "eui64", Eui64.parse),
        _each(given, "role", lambda text: library.roles.remote_party_role(text).code),
        _each(given, "usage", lambda text: _usage(library, text)),
        _each(given, "profile", lambda name: _profile(library, name)),
        _each(given, "label", lambda text: _label(text, select)),
        _each(given, "serial", SerialPrefix.parse),
        _each(given, "status", Status.parse),
        environment=_each(given, "environment", lambda name: library.environment(name).name),
        columns=_columns(estate, given.get("where") or ()),
    )


def _columns(estate: Estate, where: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the values of the operator's own columns that ``--where`` asks for.

    Raises:
        UsageError: if one is not a column and a value.
        InputError: if no run has a column of that name.
    """
    from smki_testca.issuance.batch.column_names import own_name

    columns: dict[str, tuple[str, ...]] = {}
    known = estate.runs.own_columns() if where else []
    for text in where:
        name, sign, value = text.partition("=")
        column = own_name(name)
        if sign and not value and column is not None:
            raise UsageError(
                "usage",
                f"--where {shown(text)} has no value, and empty cells cannot be selected.",
                "Write COLUMN=VALUE, such as serial_number=17.",
            )
        if not sign or column is None:
            raise UsageError(
                "usage",
                f"--where {shown(text)} is not one of your own columns with its value.",
                "Write COLUMN=VALUE, such as serial_number=17.",
            )
        if column not in known:
            raise InputError(
                "selection.column",
                f"There is no column {shown(column)} of your own.",
                use_one_of(known, given=column)
                or "No manifest of the estate has columns of your own.",
            )
        columns[column] = (*columns.get(column, ()), value)
    return columns


def usages(library: Library) -> list[str]:
    """Return the key usages that certificates have: each bit, then those joined by ``+``."""
    joined = dict.fromkeys(usage for profile in library.profiles for usage in profile.usages)
    bits = dict.fromkeys(bit for usage in joined for bit in usage.split("+"))
    return list(bits | joined)


def _usage(library: Library, text: str) -> str | UsageBit:
    from smki_testca.x509.key_usages import UsageBit

    known = usages(library)
    bits = set(text.split("+"))
    for usage in known:
        if set(usage.split("+")) == bits:
            return usage if "+" in usage else UsageBit(usage)
    raise InputError(
        "request.usage",
        f"No certificate type has the key usage {shown(text)}.",
        use_one_of(known, given=text),
    )


def _profile(library: Library, name: str) -> str:
    if name in library.revocation_list_profile_names:
        raise InputError(
            "profile.unknown",
            f"{name} is a profile of revocation lists, and no certificate has it.",
            use_one_of(library.profile_names),
        )
    return library.profile(name).name


def own_selection(estate: Estate, given: Given) -> Selection:
    """Return the selection of the estate's own certificates that the options make.

    Those of the estate have no short serial numbers, as those of others may.

    Raises:
        InputError: as ``selection`` does, and if the beginning of a serial number is too short.
    """
    for text in given["serial"]:
        _check_length(text)
    return _selection(estate, given, estate.select)


def external_selection(estate: Estate, given: Given) -> Selection:
    """Return the selection of external certificates that the options make.

    Raises:
        InputError: as ``selection`` does, and if a serial number is too short for the beginning of
            one and no certificate has it.
    """
    chosen = selection(estate, given)
    for text in given["serial"]:
        if len(_digits(text)) < SerialPrefix.MIN_DIGITS:
            from smki_testca.estate.certificates import Selection

            if not estate.externals.select(Selection(serial=SerialNumber.parse(text))):
                _check_length(text)
    return chosen


def _digits(text: str) -> str:
    return text.replace(":", "")


def _check_length(text: str) -> None:
    if len(_digits(text)) < SerialPrefix.MIN_DIGITS:
        SerialNumber.parse(text)  # what is no number is an error
        raise InputError(
            "serial.prefix",
            f"{shown(text)} is too short for the beginning of a serial number.",
            f"Give at least its first {SerialPrefix.MIN_DIGITS} hexadecimal digits.",
        )


def exact_selection(estate: Estate, given: Given) -> Selection:
    """Return the selection for a command that changes certificates: each serial names one.

    Raises:
        InputError: as ``own_selection`` does, if there is no certificate of a serial, or if
            several begin with it.
    """
    chosen = own_selection(estate, given)
    if not given["serial"]:
        return chosen
    if len(given["serial"]) > 1 or _prefixes(chosen):
        chosen = replace(chosen, serial=_named_serials(estate, chosen))
    return chosen


def narrow_selection(estate: Estate, given: Given) -> Selection:
    """Return the selection that the options make, for a command that needs at least one option.

    Raises:
        UsageError: if no option is given.
        InputError: as ``exact_selection`` does.
    """
    if not any(given.values()):
        raise UsageError(
            "usage",
            "No certificate is selected.",
            "Say which, with --serial, --participant, --eui64 or another option of --help.",
        )
    return exact_selection(estate, given)


def serial_of(estate: Estate, text: str) -> SerialNumber:
    """Return the serial number that an argument names, whole or by its first digits.

    Raises:
        InputError: if it is none, is too short, or if no certificate or several of the estate
            begin with it.
    """
    from smki_testca.estate.certificates import Selection

    _check_length(text)
    parsed = SerialPrefix.parse(text)
    if isinstance(parsed, SerialNumber):
        return parsed
    return _named_serials(estate, Selection(serial=parsed))[0]


def _each(given: Given, name: str, parse: Callable[[str], Any]) -> Any:
    """Return the values of an option, parsed; None if it is not given."""
    return tuple(map(parse, given.get(name, ()))) or None


def _label(text: str, select: Callable[[Selection], Iterable[Any]]) -> LabelPattern | str:
    """Return a pattern of labels, or a label; what is written exactly as a label is that alone.

    A pattern would fit other certificates, too, which nobody named.
    """
    from smki_testca.estate.certificates import Selection
    from smki_testca.labels import LabelPattern

    parsed = LabelPattern.parse(text)
    is_label = isinstance(parsed, str) or any(True for _ in select(Selection(label=text)))
    return text if is_label else parsed


def _participant(estate: Estate, name: str) -> str:
    known = estate.register.load().participants
    if name not in known:
        raise InputError(
            "participant.unknown",
            f"The register has no participant {shown(name)}.",
            use_one_of(known, given=name) or "Import some: smki-testca register import FILE",
        )
    return name


def _prefixes(chosen: Selection) -> list[SerialPrefix]:
    from smki_testca.estate.certificates import values_of

    return [serial for serial in values_of(chosen.serial) or () if isinstance(serial, SerialPrefix)]


def _named_serials(estate: Estate, chosen: Selection) -> list[SerialNumber]:
    """Return the serial number of each certificate that the serials of a selection name."""
    from smki_testca.estate.certificates import Selection, values_of

    records = list(estate.select(Selection(serial=chosen.serial)))
    serials = []
    for named in values_of(chosen.serial) or ():
        if isinstance(named, SerialPrefix):
            matching = [record for record in records if named.fits(str(record.serial))]
            _check_one(named, matching)
            serials.append(matching[0].serial)
        elif any(record.serial == named for record in records):
            serials.append(named)
        else:
            raise InputError("certificate.unknown", f"The estate has no certificate {named}.")
    return serials


def _check_one(prefix: SerialPrefix, records: list[Record]) -> None:
    if not records:
        raise InputError(
            "certificate.unknown",
            f"The estate has no certificate whose serial number begins with {prefix}.",
        )
    if len(records) > 1:
        named = ", ".join(str(record.serial) for record in records[:_NAMED])
        raise InputError(
            "serial.ambiguous",
            f"{len(records)} certificates have a serial number that begins with {prefix}: {named}"
            f"{' and others' if len(records) > _NAMED else ''}.",
            "Give more of its digits.",
        )


_NAMED = 3
"""The most certificates that an error names."""
