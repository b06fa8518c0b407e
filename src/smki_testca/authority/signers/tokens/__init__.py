"""Keys in PKCS#11 tokens. The vendor's module runs in a process of its own, never in this one."""
