"""The oddities: documents that look wrong, are right, and must be taken."""
