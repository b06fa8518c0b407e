"""Many certificates at once: manifests, ZIPs of CSRs, and runs that a kill does not end."""
