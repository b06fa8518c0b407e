"""The list of requirements: where each is enforced, which tests show it, and which codes tell of it."""
