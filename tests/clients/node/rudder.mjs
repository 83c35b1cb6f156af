// @rudderstack/rudder-sdk-node, as a product's backend uses it.
import { setTimeout as rest } from 'node:timers/promises'
import Analytics from '@rudderstack/rudder-sdk-node'
import { ended, errand, EVENT, key, members, url } from './errand.mjs'

const errors = []
let delivered = 0
let handed = 0
const told = (error) => (error ? errors.push(error) : delivered++)

const client = new Analytics(key, {
  dataPlaneUrl: url,
  flushInterval: 500,
  retryCount: 60, // a second apart, a minute long: its own three give up after two seconds
  axiosRetryConfig: { retryDelay: () => 1000 },
  errorHandler: (error) => errors.push(error), // without one, a failed flush ends the process
  logLevel: 'error',
})
for (const { user, account } of members) {
  client.identify({ userId: user, traits: { name: user } })
  client.group({ userId: user, groupId: account, traits: { plan: 'team' } })
}
for await (const { id, user } of errand()) {
  handed++
  client.track({ userId: user, event: EVENT, properties: { pages: 3 }, messageId: id }, told)
}
while (delivered < handed && !errors.length) {
  await client.flush() // one batch
  await rest(50)
}
ended(errors)
