"""Where each rule of the regime, and each paragraph behind it, is enforced, and what shows it."""
