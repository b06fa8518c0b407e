"""Many certificates at once: manifests, ZIPs of CSRs, and runs that can be resumed."""
