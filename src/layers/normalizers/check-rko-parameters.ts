import { LipError } from '../../errors.ts'

/** deel-lip's `_check_RKO_params`. @throws LipError with deel-lip's message */
export function checkRkoParameters(epsSpectral: number, epsBjorck: number | null, betaBjorck: number | null): void {
  if (!(epsSpectral > 0)) throw new LipError('CONFIG_INVALID', 'eps_spectral has to be > 0')
  if (epsBjorck !== null && !(epsBjorck > 0)) throw new LipError('CONFIG_INVALID', 'eps_bjorck must be > 0')
  if (betaBjorck !== null && !(betaBjorck > 0 && betaBjorck <= 0.5)) {
    throw new LipError('CONFIG_INVALID', 'beta_bjorck must be in ]0, 0.5]')
  }
}
