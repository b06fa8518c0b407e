"""The formats in which certificates leave an estate, one module each, behind one interface."""
