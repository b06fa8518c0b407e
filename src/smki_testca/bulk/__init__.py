"""Many certificates at once: manifests, tiles, the workers that cut them, and runs that survive."""
