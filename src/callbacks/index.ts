/**
 * deel-lip's callbacks.
 * @module
 */
export { CondenseCallback } from './condense-callback.ts'
export { LossParamLog } from './loss-param-log.ts'
export { LossParamScheduler } from './loss-param-scheduler.ts'
export { MonitorCallback } from './monitor-callback.ts'
