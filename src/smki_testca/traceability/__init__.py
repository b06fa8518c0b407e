"""The list of requirements: where each is enforced, which tests show it, which codes tell of it."""
