// @segment/analytics-node, as a product's backend uses it.
import { Analytics } from '@segment/analytics-node'
import { ended, errand, EVENT, key, members, url } from './errand.mjs'

const errors = []
let delivered = 0
let handed = 0
const told = (error) => (error ? errors.push(error) : delivered++)

// Its ten retries are enough as they are: 0.5, 1, 2, 4 ... seconds apart.
const analytics = new Analytics({ writeKey: key, host: url, flushInterval: 500 })
analytics.on('error', ({ reason }) => errors.push(reason))
for (const { user, account } of members) {
  analytics.identify({ userId: user, traits: { name: user } })
  analytics.group({ userId: user, groupId: account, traits: { plan: 'team' } })
}
for await (const { id, user } of errand()) {
  handed++
  analytics.track({ userId: user, event: EVENT, properties: { pages: 3 }, messageId: id }, told)
}
await analytics.closeAndFlush({ timeout: 120_000 }) // it drops what it has not delivered by then
if (delivered < handed) errors.push(new Error(`${delivered} of ${handed} delivered`))
ended(errors)
