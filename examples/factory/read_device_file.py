"""Prints what a file of the format device-file has of one Device, in hexadecimal.

python read_device_file.py devices.smki id 00DB120000001000 [PASSPHRASE]
python read_device_file.py devices.smki name SN-0001 [PASSPHRASE]
"""

import sys
from binascii import crc32
from bisect import bisect_left
from collections import namedtuple
from hashlib import pbkdf2_hmac
from mmap import ACCESS_READ, mmap
from pathlib import Path
from re import fullmatch
from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HEADER, RECORD = Struct(">12s5I4H5Q4IQ16s132xI"), Struct(">8sQI4H16s16s128x")
Header = namedtuple(  # noqa: PYI024 - 21 lines of types say nothing more
    "Header",
    "magic flags form devices names size width key der zero ids_at names_at chains_at records_at"
    " octets ids_crc names_crc chains_crc iterations run salt crc",
)
MAX_ITERATIONS = 10_000_000


def need(is_so: object, otherwise: str) -> None:
    """End unless something holds."""
    if not is_so:
        sys.exit(otherwise)


def header_of(data: mmap) -> Header:
    """Check the header, the indexes and the chains."""
    need(len(data) > HEADER.size, "cut short")
    h = Header(*HEADER.unpack_from(data))
    good = h.magic == b"SMKIDEVS\0\1\1\0" and crc32(data[:252]) == h.crc
    need(good, "not a device-file of version 1, or damaged")
    need(h.size == 192 + h.width + 2 * h.key + 2 * h.der, "the header is wrong")
    ends = (256, 256 + 12 * h.devices, h.names_at + (h.width + 4) * h.names, len(data))
    need(ends == (h.ids_at, h.names_at, h.chains_at, h.octets), "the header is wrong, or cut short")
    need(h.records_at + h.size * h.devices + 32 == h.octets, "the header is wrong, or cut short")
    need(h.chains_at <= h.records_at and h.iterations <= MAX_ITERATIONS, "the header is wrong")
    places = (h.ids_at, h.names_at, h.chains_at, h.records_at)
    for start, end, crc in zip(places, places[1:], h[15:18], strict=False):
        need(crc32(data[start:end]) == crc, "an index or the chains are damaged")
    return h


def record_of(data: mmap, h: Header, index: str, key: bytes) -> bytes:
    """Find the Device in one of the indexes, and check its record."""
    width, at, count = (8, h.ids_at, h.devices) if index == "id" else (h.width, h.names_at, h.names)
    key = key.ljust(width, b"\0")
    entries = range(at, at + count * (width + 4), width + 4)
    place = bisect_left(entries, key, key=lambda entry: data[entry : entry + width])
    need(place < count, "no such Device")
    entry = data[entries[place] : entries[place] + width + 4]
    number = int.from_bytes(entry[width:])
    need(entry[:width] == key, "no such Device")
    need(number < h.devices, "the index is wrong")
    record = data[h.records_at + h.size * number : h.records_at + h.size * (number + 1)]
    need(crc32(record[:-4]) == int.from_bytes(record[-4:]), "the record is damaged")
    eui64, chain_at, chain, *lengths, ds, ka = RECORD.unpack_from(record)
    serials = [serial.hex().upper().encode() for serial in (ds, ka)]
    own = [eui64] if index == "id" else [record[188 : 188 + width]] if h.flags & 8 else serials
    need(key in own, "the record is another Device's")
    need(max(lengths[::2]) <= h.der and max(lengths[1::2]) <= h.key, "the record is wrong")
    need(h.chains_at <= chain_at <= h.records_at - chain, "the chain is not where chains are")
    return record


def show(data: mmap, index: str, key: bytes, passphrase: str) -> None:
    """Print the record of a Device and its chain."""
    h = header_of(data)
    record = record_of(data, h, index, key)
    eui64, chain_at, chain, *lengths, _, _ = RECORD.unpack_from(record)
    secret = None
    if h.flags & 2 and any(lengths[1::2]):
        secret = AESGCM(pbkdf2_hmac("sha256", passphrase.encode(), h.salt, h.iterations))
    lines = [f"eui64 {eui64.hex()}"]
    for number, half in enumerate(("ds", "ka")):
        private = record[188 + h.width + number * h.key :][: lengths[2 * number + 1]]
        if private and secret:
            label = eui64 + bytes([number + 1])
            private = secret.decrypt(private[:12], private[12:], label)
        der = record[188 + h.width + 2 * h.key + number * h.der :][: lengths[2 * number]]
        lines += [f"{half}.der {der.hex()}", f"{half}.key {private.hex()}"]
    print(*lines, f"chain.der {data[chain_at : chain_at + chain].hex()}", sep="\n")


def main(path: str, index: str, wanted: str, passphrase: str = "") -> None:
    """Open the file, and print what it has of the Device."""
    is_id = index == "id"
    need(index in {"id", "name"}, __doc__)
    need(not is_id or fullmatch("[0-9A-Fa-f]{16}", wanted), "no such Device")
    try:
        key = bytes.fromhex(wanted) if is_id else wanted.encode()
        with Path(path).open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            show(data, index, key, passphrase)
    except (OSError, ValueError) as error:
        sys.exit(f"{path} cannot be read: {error}")
    except InvalidTag:
        sys.exit("the passphrase is wrong, or a key was changed")


if __name__ == "__main__":
    need(len(sys.argv) in {4, 5}, __doc__)
    main(*sys.argv[1:])
