"""Certificate types of an operator's own, as TOML files, for tests to issue from."""

from __future__ import annotations

from smki_testca.shipped import shipped

SENSOR_INPUTS = """
[inputs.model]
type = "oid"
help = "The model, by the maker's OID."
metavar = "MODEL"

[inputs.site]
type = "text"
help = "Where the sensor is."
"""
"""The two inputs that the sensor's profile declares for itself."""

_SITE_ROW = """
[[row]]
field = "subject.commonName"
fill = { input = "site", optional = true }
holds = { max-characters = 20 }
severity = "error"
basis = "assumed"
source = "a test"
"""

_RACK = """
[inputs.rack]
type = "text"
help = "The rack."
"""


def write(directory, name, text):
    """Write a file of a profile directory."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def shipped_text(name):
    """A shipped file of profiles."""
    return (shipped("profiles") / name).read_text("utf-8")


def changed(name, *changes):
    """A shipped file of profiles with one change or more."""
    text = shipped_text(name)
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def with_head(text, *lines):
    """A certificate profile with more keys, or tables, before its first row."""
    head, row, rest = text.partition("\n[[row]]\n")
    return head + "\n" + "\n".join(lines) + "\n" + row + rest


def add_category(directory, category, of, profile):
    """Let a category of the shipped ones hold one more profile."""
    name = f"categories/{category}.toml"
    write(directory, name, changed(name, (f'["{of}"]', f'["{of}", "{profile}"]')))


_EXTENSIONS = '[[row]]\nfield = "extensions"\n'


def sensor(directory):
    """Add a type for Devices: its model takes the place of hwType, and it may name a site."""
    text = changed(
        "certificates/device.toml",
        ('name = "device"', 'name = "sensor"'),
        ('title = "Device Certificate"', 'title = "Sensor Certificate"'),
        ('identity = "device-id"\n', ""),
        ('input = "hw-type"', 'input = "model"'),
        (_EXTENSIONS, f"{_SITE_ROW.strip()}\n\n{_EXTENSIONS}"),
    )
    lines = [one for one in text.splitlines() if not one.startswith(("summary", "example"))]
    text = with_head("\n".join(lines) + "\n", SENSOR_INPUTS)
    write(directory, "certificates/sensor.toml", text)
    add_category(directory, "device", "device", "sensor")
    return directory


def gateway(directory):
    """Add a type with the participant's Signifier, and a needed input of its own."""
    row = _SITE_ROW.replace("commonName", "title").replace('"site", optional = true', '"rack"')
    text = changed(
        "certificates/dccki.toml",
        ('name = "dccki"', 'name = "gateway"'),
        ('identity = "signifier"\n', ""),
        ("[inputs.common-name]", f"{_RACK}\n[inputs.common-name]"),
        ('key-type = "rsa-2048"', 'key-type = "p-256"'),
        ('["digitalSignature", "keyEncipherment"]', '["digitalSignature"]'),
        (_EXTENSIONS, f"{row.strip()}\n\n{_EXTENSIONS}"),
    )
    write(directory, "certificates/gateway.toml", text)
    add_category(directory, "dccki-infrastructure", "dccki", "gateway")
    return directory
