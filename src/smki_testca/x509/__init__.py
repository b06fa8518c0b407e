"""The structure of certificates and CSRs: names for their fields, and where to find them."""
