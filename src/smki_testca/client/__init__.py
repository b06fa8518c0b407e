"""A client of the Device CSR web services and of the repository, which says how each step went."""
