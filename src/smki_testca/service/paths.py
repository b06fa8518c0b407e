"""The paths of the web services for Device CSRs."""

from __future__ import annotations

ADHOC_PATH = "/1.0/DeviceCSR/SubmitDeviceCSR"
"""Of the Ad Hoc service; assumed, for SEC App. M leaves it to the SMKI User Guide."""
SUBMIT_PATH = "/1.0/PortalCSRBatch/SubmitCSRBatch"
RESULT_PATH = "/1.0/PortalCSRBatch/CSRBatchResult"
"""Of the Batched service (SEC App. M C and D)."""
