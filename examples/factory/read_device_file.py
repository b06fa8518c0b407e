"""Prints what a file of the format device-file has of one Device, in hexadecimal.

python read_device_file.py devices.smki id 00DB120000001000 [PASSPHRASE]
python read_device_file.py devices.smki name SN-0001 [PASSPHRASE]
"""

import sys
from binascii import crc32
from bisect import bisect_left
from hashlib import pbkdf2_hmac
from mmap import ACCESS_READ, mmap
from pathlib import Path
from re import fullmatch
from struct import unpack_from

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def main(path: str, index: str, wanted: str, passphrase: str = "") -> None:
    """Find the Device in one of the indexes, and print its record and its chain."""
    with Path(path).open("rb") as file:
        data = mmap(file.fileno(), 0, access=ACCESS_READ)
    flags, _, devices, names, size, width, k, c = unpack_from(">12xIIIIIHHH", data)
    ids_at, names_at, _, records_at = unpack_from(">40xQQQQ", data)
    if data[:10] != b"SMKIDEVS\0\1" or crc32(data[:252]) != int.from_bytes(data[252:256]):
        sys.exit("not a device-file of version 1, or damaged")
    at, count, long = (ids_at, devices, 8) if index == "id" else (names_at, names, width)
    is_id = index == "id" and fullmatch("[0-9A-Fa-f]{16}", wanted)
    key = bytes.fromhex(wanted) if is_id else wanted.encode().ljust(long, b"\0")
    entries = range(at, at + count * (long + 4), long + 4)
    place = bisect_left(entries, key, key=lambda entry: data[entry : entry + long])
    if place == count or data[entries[place] : entries[place] + long] != key:
        sys.exit("no such Device")
    start = records_at + size * unpack_from(">I", data, entries[place] + len(key))[0]
    record = data[start : start + size]
    if crc32(record[:-4]) != int.from_bytes(record[-4:]):
        sys.exit("the record is damaged")
    eui64, chain_at, chain, *lengths = unpack_from(">8sQIHHHH", record)
    print("eui64", eui64.hex())
    iterations, salt = unpack_from(">92xI8x16s", data)
    secret = pbkdf2_hmac("sha256", passphrase.encode(), salt, iterations) if flags & 2 else b""
    for number, half in enumerate(("ds", "ka")):
        der, octets = lengths[2 * number : 2 * number + 2]
        private = record[188 + width + number * k :][:octets]
        if private and flags & 2:
            label = eui64 + bytes((number + 1,))
            private = AESGCM(secret).decrypt(private[:12], private[12:], label)
        print(f"{half}.der", record[188 + width + 2 * k + number * c :][:der].hex())
        print(f"{half}.key", private.hex())
    print("chain.der", data[chain_at : chain_at + chain].hex())


if __name__ == "__main__":
    main(*sys.argv[1:])
