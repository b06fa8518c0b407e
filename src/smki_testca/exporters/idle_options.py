"""Tells which options of an export change nothing in the format that is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.exporters.format import FormatNeed

if TYPE_CHECKING:
    from smki_testca.exporters.format import Traits


def idle_options(
    traits: Traits, *, with_keys: bool, has_passphrase: bool, has_key_form: bool = False
) -> list[str]:
    """A line for each option about private keys that changes nothing.

    Args:
        traits: of the format.
        with_keys: whether private keys are asked for.
        has_passphrase: whether a passphrase is given.
        has_key_form: whether a form of private keys is given.
    """
    holds_none = traits.keys is FormatNeed.NEVER
    is_without = holds_none or not with_keys
    is_idle = {
        "--with-keys": with_keys and holds_none,
        "--key-form": has_key_form and is_without,
        # A format that requires a passphrase protects more than keys with it.
        "--export-passphrase-file": has_passphrase
        and is_without
        and traits.passphrase is not FormatNeed.REQUIRED,
    }
    holder = f"the format {traits.name}" if holds_none else "an export without --with-keys"
    return [
        f"{name} changes nothing: {holder} has no private keys."
        for name, idle in is_idle.items()
        if idle
    ]
