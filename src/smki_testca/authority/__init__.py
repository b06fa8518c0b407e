"""Test CAs: keys, templates, CSR intake, issuing."""
