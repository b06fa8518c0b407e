"""Other people's files, read into documents and keys."""
