// cloudevents for Node, in both its modes by turns. It makes messages and sends none: retries are the caller's.
import { setTimeout as rest } from 'node:timers/promises'
import { CloudEvent, emitterFor, Mode } from 'cloudevents'
import { ended, errand, EVENT, key, name, url } from './errand.mjs'

const TRIES = 120 // half a second apart: a minute
const AT_ONCE = 4
const authorization = `Basic ${Buffer.from(`${key}:`).toString('base64')}`

// Send it until it is taken. Throws what it was answered if it never will be.
async function send({ headers, body }) {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (attempt) await rest(500)
    let answer, text
    try {
      answer = await fetch(`${url}/v1/cloudevents`, { method: 'POST', headers: { ...headers, authorization }, body })
      text = await answer.text() // a server that dies may have sent the head alone
    } catch (error) {
      console.error(`again after ${error.cause ?? error}`)
      continue
    }
    if (answer.status === 429 || answer.status >= 500) {
      console.error(`again after ${answer.status}`)
      continue
    }
    if (answer.status !== 200 || !JSON.parse(text).accepted) throw new Error(`${answer.status} ${text}`)
    return
  }
  throw new Error(`not taken after ${TRIES} tries`)
}

const emitters = [Mode.BINARY, Mode.STRUCTURED].map((mode) => emitterFor(send, { mode }))
const errors = []
const sending = new Set()
let number = 0
for await (const { id, user, account } of errand()) {
  if (sending.size === AT_ONCE) await Promise.race(sending)
  const data = { name: EVENT, properties: { pages: 3 } }
  const event = new CloudEvent({ id, source: `/${name}`, type: 'usage.tracked', subject: account, user, data })
  const sent = emitters[number++ % emitters.length](event)
    .catch((error) => errors.push(error))
    .finally(() => sending.delete(sent))
  sending.add(sent)
}
await Promise.all(sending)
ended(errors)
