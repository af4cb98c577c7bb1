/**
 * The verbs, in the order of the help. What a verb needs is imported only when it runs.
 * @module
 */
import type { Verb } from '../verb.ts'
import { data } from './data.ts'
import { doctor } from './doctor.ts'
import { inspect } from './inspect.ts'

export const VERBS: readonly Verb[] = [inspect, data, doctor]
