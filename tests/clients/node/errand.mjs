// What a driver is asked to do, and how it tells what it has done: as tests/clients/errand.py says.
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { setTimeout as rest } from 'node:timers/promises'

const ACCOUNTS = 5
export const EVENT = 'report.exported'

const [url, key, name, pause] = process.argv.slice(2)
export { url, key, name }

export const members = Array.from({ length: ACCOUNTS }, (_, place) => ({
  user: `user-${place}`,
  account: `${name}-${place}`,
}))

// The id, user and account of each event, as many as are asked for.
export async function* errand() {
  let number = 0
  for await (const line of createInterface({ input: process.stdin })) {
    for (; number < Number(line); number++) {
      const id = randomUUID()
      process.stdout.write(`${id}\n`)
      yield { id, ...members[number % ACCOUNTS] }
      await rest(Number(pause) * 1000)
    }
  }
}

// End the driver, with what the client said went wrong.
export function ended(errors) {
  for (const error of errors) console.error(error)
  process.exitCode = errors.length ? 1 : 0
}
