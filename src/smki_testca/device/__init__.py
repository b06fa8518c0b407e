"""A model of a Device: its Trust Anchor Cells, and how it judges certificates (GBCS s.12, s.13)."""
