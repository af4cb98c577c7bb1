import type { Operator } from './operator.ts'
import { resampling } from './resize.ts'

/** Resize's predecessor, until opset 9: nearest (rounding down) or linear, corner to corner. */
export const Upsample: Operator = { type: 'Upsample', opsets: [7, 9], ...resampling }
