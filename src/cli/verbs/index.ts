/**
 * The verbs, in the order of the help. What a verb needs is imported only when it runs.
 * @module
 */
import type { Verb } from '../verb.ts'
import { attack } from './attack.ts'
import { data } from './data.ts'
import { demo } from './demo.ts'
import { doctor } from './doctor.ts'
import { exportVerb } from './export.ts'
import { gradient } from './gradient.ts'
import { inspect } from './inspect.ts'
import { report } from './report.ts'
import { train } from './train.ts'
import { verify } from './verify.ts'

export const VERBS: readonly Verb[] = [demo, train, exportVerb, verify, attack, inspect, report, gradient, data, doctor]
