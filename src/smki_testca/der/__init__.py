"""DER: a small strict encoder, and a tolerant, bounded reader."""

from __future__ import annotations

from smki_testca.der.read import Anomaly, DerError, Node, read

__all__ = ["Anomaly", "DerError", "Node", "read"]
