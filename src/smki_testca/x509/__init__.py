"""X.509: fields, names, keys and PEM, and views of certificates, CSRs and CRLs."""
