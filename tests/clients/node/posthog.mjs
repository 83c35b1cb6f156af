// posthog-node, as a product's backend uses it; its newer protocol where POSTHOG_CAPTURE_MODE says v1.
import { PostHog } from 'posthog-node'
import { ended, errand, EVENT, key, members, url } from './errand.mjs'

const errors = []
// A second apart, a minute long (its newer protocol doubles the rests): its own three give up after nine seconds.
const client = new PostHog(key, { host: url, flushInterval: 500, fetchRetryCount: 60, fetchRetryDelay: 1000 })
client.on('error', (error) => errors.push(error))
for (const { user, account } of members) {
  client.identify({ distinctId: user, properties: { name: user } })
  client.groupIdentify({ groupType: 'company', groupKey: account, properties: { plan: 'team' }, distinctId: user })
}
for await (const { id, user, account } of errand()) {
  client.capture({ distinctId: user, event: EVENT, properties: { pages: 3 }, groups: { company: account }, uuid: id })
}
const life = setInterval(() => {}, 1000) // a backend has one; the timers of its newer protocol keep no process alive
await client.shutdown(120_000) // half a minute if it is not told
clearInterval(life)
ended(errors)
