"""Names that a general library must leave to readers who know their type: otherName."""

OF_ITS_TYPE = (
    "RFC 4108 5 has the syntax of a hardwareModuleName: who decodes it may refuse another; RFC 5280"
    " 4.2.1.6 leaves the value of an otherName to its type"
)
"""The source of a verdict of ``either`` for what is inside a hardwareModuleName."""
