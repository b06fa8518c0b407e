"""The services of a test PKI on one's own machine: SMKI's web services, repository and portal."""
