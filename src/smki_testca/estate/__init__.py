"""An estate: one directory with a register, test CAs, every certificate issued, an audit log."""
