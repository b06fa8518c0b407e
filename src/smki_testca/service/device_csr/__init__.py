"""The Ad Hoc and Batched Device CSR Web Services (SEC App. M)."""
