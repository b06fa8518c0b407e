"""Who may have what: participants, their IDs and agreements, and the gate."""
