"""Test CAs: templates, CSRs, and the signing of certificates and CRLs."""
