"""A target in Python for `smki-testca corpus run CORPUS --with 'jsonl:python3 jsonl_target.py'`.

Each line of standard input asks a case; each line of standard output answers one.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

HELLO = {"hello": "python-cryptography", "capabilities": ["csr", "rsa"]}
REFUSALS = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What cryptography raises for a document that it refuses."""


def judge(case: dict[str, Any]) -> dict[str, Any]:
    """Judge a case: the verdict, and the reason."""
    der = base64.b64decode(case["der"])
    load = x509.load_der_x509_csr if case["kind"] == "CSR" else x509.load_der_x509_certificate
    try:
        loaded = load(der)
        loaded.public_key()
        list(loaded.extensions)
    except REFUSALS as error:
        code = type(error).__name__
        return {"verdict": "reject", "code": code, "reason": str(error)}
    return {"verdict": "accept"}


for line in sys.stdin:
    asked = json.loads(line)
    said = HELLO if "hello" in asked else {"id": asked["id"], **judge(asked)}
    print(json.dumps(said), flush=True)
