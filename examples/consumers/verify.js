// Verifies a chain with Node.js: node verify.js ROOT.pem ISSUING.pem CERTIFICATE.pem
// X509Certificate checks one signature at a time. TLS in Node.js checks the whole path, with OpenSSL.
const { X509Certificate } = require('node:crypto')
const { readFileSync } = require('node:fs')

const [root, issuing, certificate] = process.argv
  .slice(2)
  .map((path) => new X509Certificate(readFileSync(path)))
const links = [[root, root], [issuing, root], [certificate, issuing]]
const now = new Date()
const good =
  root.ca &&
  issuing.ca &&
  links.every(
    ([subject, issuer]) =>
      subject.checkIssued(issuer) &&
      subject.verify(issuer.publicKey) &&
      new Date(subject.validFrom) <= now &&
      now <= new Date(subject.validTo),
  )
console.log(good ? 'OK' : 'refused')
process.exit(good ? 0 : 1)
