// Runs the key store client of npm: node key_store.js PACKAGE BACKING LOCAL [ADDRESS [HEADERS]].
// BACKING is a keystore.json, and ADDRESS a repository that is asked for what BACKING lacks.
// Standard input has a list of things to do, standard output gets what came of each.
'use strict'

const { createPrivateKey, X509Certificate } = require('node:crypto')
const { readFileSync } = require('node:fs')

// Without a repository, nobody listens: what is not in the files is not found.
const [, , folder, backing, local, address = '127.0.0.1:9', headers = '{}'] = process.argv
const { BoxedKeyStore, KeyUsage } = require(folder)

function told (one) {
  return {
    eui: String(one.eui),
    usage: one.keyUsage.map(usage => KeyUsage[usage]),
    serial: String(one.serial),
    role: one.role ?? null,
    name: one.name ?? null,
    certificate: one.certificate?.raw.toString('hex') ?? null,
    key: one.privateKey?.export({ format: 'der', type: 'pkcs8' }).toString('hex') ?? null
  }
}

async function query (store, { serial, usage, ...rest }) {
  const options = { ...rest }
  if (serial !== undefined) options.serial = BigInt(serial)
  if (usage !== undefined) options.keyUsage = KeyUsage[usage]
  const found = await store.query(options)
  return { found: [found ?? []].flat().map(told) }
}

async function push (store, { certificate, key, name }) {
  await store.push({
    certificate: new X509Certificate(certificate),
    private: createPrivateKey(key),
    name
  })
  return { pushed: true }
}

async function main () {
  const store = await BoxedKeyStore.new(address, local, backing, JSON.parse(headers))
  const results = []
  for (const task of JSON.parse(readFileSync(0, 'utf-8'))) {
    try {
      results.push(task.push ? await push(store, task.push) : await query(store, task.query))
    } catch (error) {
      results.push({ error: error.message })
    }
  }
  process.stdout.write(JSON.stringify(results))
}

main().catch(error => {
  process.stderr.write(String(error.stack))
  process.exit(1)
})
