import { LipError } from '../errors.ts'
import { constrain } from './config/constrained-variables.ts'
import { createLayer } from './config/layer-registry.ts'
import { withSnakeKeys } from './config/python-keys.ts'
import {
  type ActivationIdentifier,
  plainActivationName,
  resolveActivation,
  serializeActivation,
} from './config/resolve-activation.ts'
import {
  type ConstraintIdentifier,
  type RegularizerIdentifier,
  resolveConstraint,
  resolveRegularizer,
  serializePluggable,
} from './config/resolve-regularizer.ts'
import { asSerializedObject } from './config/serialized-object.ts'
import { deriveSeed } from './derive-seed.ts'
import {
  type InitializerIdentifier,
  resolveInitializer,
  serializeInitializer,
} from './initializers/resolve-initializer.ts'
import {
  type Condensable,
  isTraining,
  LipschitzLayer,
  type LipschitzOptions,
  single,
  singleShape,
} from './lipschitz-layer.ts'
import * as tf from './tf.ts'

export interface ReparametrisedOptions extends LipschitzOptions {
  activation?: ActivationIdentifier | null
  useBias?: boolean
  kernelInitializer?: InitializerIdentifier
  biasInitializer?: InitializerIdentifier
  kernelRegularizer?: RegularizerIdentifier | null
  biasRegularizer?: RegularizerIdentifier | null
  activityRegularizer?: RegularizerIdentifier | null
  kernelConstraint?: ConstraintIdentifier | null
  biasConstraint?: ConstraintIdentifier | null
  /** Not in deel-lip: seed of the initial weights, mixed with the layer's name. Default 0. */
  seed?: number
}

/** What the layer really multiplies with, in deel-lip's channels-last layouts, and the state that goes with it. */
export interface EffectiveWeights {
  readonly kernel: tf.Tensor
  readonly bias?: tf.Tensor
  /** Power iteration after this pass, [1, columns]. */
  readonly u?: tf.Tensor2D
  /** [1, 1] */
  readonly sigma?: tf.Tensor2D
}

/**
 * A linear layer whose kernel is a function of a free variable: y = op(x, wbar(kernel)) + bias, then the activation.
 *
 * Weights in deel-lip's order: kernel, bias, (the activation's), then state, then wbar.
 *
 * Strict: in inference wbar is a pure function of the current variables, recomputed when they changed; nothing is ever a
 * step stale, and inference never changes the course of training. In compat it is deel-lip's stored variable, written by
 * training passes only: before the first one, inference uses the raw kernel.
 */
export abstract class ReparametrisedLayer extends LipschitzLayer implements Condensable {
  readonly useBias: boolean
  readonly seed: number
  readonly activation: tf.layers.Layer | null
  protected kernelVariable!: tf.LayerVariable
  protected biasVariable: tf.LayerVariable | null = null
  protected wbarVariable!: tf.LayerVariable
  protected builtInputShape: tf.Shape | null = null

  private readonly kernelInitializer: tf.Initializer
  private readonly biasInitializer: tf.Initializer
  private readonly kernelRegularizer: tf.Regularizer | null
  private readonly biasRegularizer: tf.Regularizer | null
  protected readonly kernelConstraint: tf.Constraint | null
  private readonly biasConstraint: tf.Constraint | null
  /** Identities of the values that the stored wbar was computed from. */
  private freshFor: readonly unknown[] = []

  constructor(options: ReparametrisedOptions, defaultInitializer: InitializerIdentifier) {
    super(options)
    this.useBias = options.useBias ?? true
    this.seed = options.seed ?? 0
    this.activation = resolveActivation(options.activation)
    const seedOf = (weight: string): number => deriveSeed(this.seed, this.name, weight)
    this.kernelInitializer = resolveInitializer(options.kernelInitializer ?? defaultInitializer, seedOf('kernel'))
    this.biasInitializer = resolveInitializer(options.biasInitializer ?? 'zeros', seedOf('bias'))
    this.kernelRegularizer = resolveRegularizer(options.kernelRegularizer)
    this.biasRegularizer = resolveRegularizer(options.biasRegularizer)
    this.activityRegularizer = resolveRegularizer(options.activityRegularizer) as tf.Regularizer
    this.kernelConstraint = resolveConstraint(options.kernelConstraint)
    this.biasConstraint = resolveConstraint(options.biasConstraint)
  }

  // What a concrete layer says about itself.

  protected abstract kernelShape(inputShape: tf.Shape): number[]
  protected abstract outputChannels(): number
  /** Variables between bias and wbar. */
  protected abstract addState(kernelShape: number[]): readonly tf.LayerVariable[]
  /** wbar and the state after this pass, differentiable in the kernel. */
  protected abstract reparametrise(kernel: tf.Tensor): EffectiveWeights
  protected abstract linear(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor1D | undefined): tf.Tensor
  /** The same linear map as a layer of TensorFlow.js, not built. */
  protected abstract vanillaLayer(options: {
    name: string
    activation?: string
    batchInputShape: tf.Shape
  }): tf.layers.Layer

  protected stateVariables: readonly tf.LayerVariable[] = []

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const shape = singleShape(inputShape)
    this.builtInputShape = shape
    const kernelShape = this.kernelShape(shape)
    this.kernelVariable = this.addWeight(
      'kernel',
      kernelShape,
      'float32',
      this.kernelInitializer as never,
      this.kernelRegularizer as never,
      true,
    )
    constrain(this.kernelVariable, this.kernelConstraint)
    if (this.useBias) {
      this.biasVariable = this.addWeight(
        'bias',
        [this.outputChannels()],
        'float32',
        this.biasInitializer as never,
        this.biasRegularizer as never,
        true,
      )
      constrain(this.biasVariable, this.biasConstraint)
    }
    this.stateVariables = this.addState(kernelShape)
    const effectiveShape = this.effectiveShape(shape)
    // deel-lip starts wbar as a copy of the raw kernel.
    const sameShape = effectiveShape.join() === kernelShape.join()
    const start = { apply: () => (sameShape ? tf.clone(this.kernelVariable.read()) : tf.zeros(effectiveShape)) }
    this.wbarVariable = this.addWeight('wbar', effectiveShape, 'float32', start as never, undefined, false)
    const activation = this.activation
    if (activation !== null && !activation.built) {
      activation.build(this.linearOutputShape(shape))
      activation.built = true
    }
    super.build(inputShape)
  }

  /** Shape of wbar where it is not that of the free variable. */
  protected effectiveShape(inputShape: tf.Shape): number[] {
    return this.kernelShape(inputShape)
  }

  /** Shape after the linear map, before the activation. */
  protected abstract linearOutputShape(inputShape: tf.Shape): tf.Shape

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    const shape = this.linearOutputShape(singleShape(inputShape))
    return this.activation === null ? shape : (this.activation.computeOutputShape(shape) as tf.Shape)
  }

  override get trainableWeights(): tf.LayerVariable[] {
    return [...super.trainableWeights, ...(this.trainable ? (this.activation?.trainableWeights ?? []) : [])]
  }

  override set trainableWeights(weights: tf.LayerVariable[]) {
    super.trainableWeights = weights
  }

  override get nonTrainableWeights(): tf.LayerVariable[] {
    const inner = this.activation
    const others = inner === null ? [] : this.trainable ? inner.nonTrainableWeights : inner.weights
    return [...super.nonTrainableWeights, ...others]
  }

  override set nonTrainableWeights(weights: tf.LayerVariable[]) {
    super.nonTrainableWeights = weights
  }

  /** The free variable behind the effective kernel. */
  get kernel(): tf.LayerVariable {
    return this.kernelVariable
  }

  get bias(): tf.LayerVariable | null {
    return this.biasVariable
  }

  /** The stored effective kernel; in strict mode call `refresh` before reading it directly. */
  get wbar(): tf.LayerVariable {
    return this.wbarVariable
  }

  /**
   * The effective weights. With `training`, a pure differentiable function of the trainable variables: nothing is stored until
   * `commitState`. Without, the constants that inference uses (refreshed first in strict mode). The caller disposes of them.
   */
  effectiveWeights(training: boolean): EffectiveWeights {
    const bias = this.biasVariable === null ? {} : { bias: tf.clone(this.biasVariable.read()) }
    if (training) {
      const weights = tf.tidy(() => this.reparametrise(this.kernelVariable.read()) as unknown as tf.NamedTensorMap)
      return { ...(weights as unknown as EffectiveWeights), ...bias }
    }
    this.refresh()
    return { kernel: tf.clone(this.wbarVariable.read()), ...bias }
  }

  /** Stores what a training pass computed: u, sigma and wbar. */
  commitState(weights: EffectiveWeights): void {
    this.writeState(weights)
    assign(this.wbarVariable, weights.kernel)
  }

  protected writeState(_weights: EffectiveWeights): void {}

  /** Strict mode: makes the stored wbar that of the current variables. Compat: does nothing. */
  refresh(): void {
    if (this.compat !== null) return
    const current = [...[this.kernelVariable, ...this.stateVariables].map((v) => v.read().dataId), this.getCoef()]
    if (current.every((value, i) => value === this.freshFor[i]) && this.freshFor.length > 0 && this.wbarIntact()) return
    tf.tidy(() => assign(this.wbarVariable, this.reparametrise(this.kernelVariable.read()).kernel))
    this.freshFor = [...current, this.wbarVariable.read().dataId]
  }

  /** Nobody wrote wbar since we did (setWeights does). */
  private wbarIntact(): boolean {
    return this.freshFor.at(-1) === this.wbarVariable.read().dataId
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Record<string, unknown>): tf.Tensor | tf.Tensor[] {
    return tf.tidy(() => {
      const x = single(inputs)
      const bias = this.biasVariable?.read() as tf.Tensor1D | undefined
      let kernel: tf.Tensor
      if (isTraining(kwargs)) {
        const weights = this.reparametrise(this.kernelVariable.read())
        this.commitState(weights)
        kernel = weights.kernel
      } else {
        this.refresh()
        kernel = this.wbarVariable.read()
      }
      return this.applyWith(x, { kernel, ...(bias && { bias }) }, kwargs)
    })
  }

  /** The layer with effective weights that somebody else has computed; reads no variable but the activation's, stores nothing. */
  applyWith(
    x: tf.Tensor,
    { kernel, bias }: Pick<EffectiveWeights, 'kernel' | 'bias'>,
    kwargs: Record<string, unknown>,
  ): tf.Tensor {
    return tf.tidy(() => {
      const y = this.linearWith(x, { kernel, ...(bias && { bias }) })
      return this.activation === null ? y : single(this.activation.apply(y, kwargs) as tf.Tensor | tf.Tensor[])
    })
  }

  /** `applyWith` before the activation. */
  linearWith(x: tf.Tensor, { kernel, bias }: Pick<EffectiveWeights, 'kernel' | 'bias'>): tf.Tensor {
    return this.linear(x, kernel, bias as tf.Tensor1D | undefined)
  }

  condense(): void {
    if (!this.built) throw new LipError('USAGE', `Layer "${this.name}" must be built before it is condensed.`)
    tf.tidy(() => {
      const weights = this.reparametrise(this.kernelVariable.read())
      this.writeState(weights)
      assign(this.kernelVariable, weights.kernel)
    })
  }

  protected builtShape(): tf.Shape {
    if (this.builtInputShape !== null) return this.builtInputShape
    throw new LipError('USAGE', `Layer "${this.name}" must be built before it is exported.`)
  }

  vanillaExport(): tf.layers.Layer {
    const batchInputShape = [null, ...this.builtShape().slice(1)]
    const activation = plainActivationName(this.activation)
    const layer = this.vanillaLayer({
      name: this.name,
      batchInputShape,
      ...(activation === undefined ? {} : { activation }),
    })
    const whole = activation === undefined ? this.withActivation(layer) : layer
    if (!layer.built) {
      layer.build(batchInputShape)
      layer.built = true
    }
    tf.tidy(() => {
      const weights = this.effectiveWeights(false)
      layer.setWeights(weights.bias === undefined ? [weights.kernel] : [weights.kernel, weights.bias])
    })
    return whole
  }

  /** TensorFlow.js knows activations by name only; any other one becomes a second layer of a small Sequential. */
  private withActivation(layer: tf.layers.Layer): tf.layers.Layer {
    const copy = createLayer(asSerializedObject(serializeActivation(this.activation))!)
    const model = tf.sequential({ name: this.name, layers: [layer, copy] })
    if (this.activation!.weights.length > 0) copy.setWeights(this.activation!.getWeights())
    return model
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      ...(withSnakeKeys({
        activation: serializeActivation(this.activation),
        useBias: this.useBias,
        kernelInitializer: serializeInitializer(this.kernelInitializer),
        biasInitializer: serializeInitializer(this.biasInitializer),
        kernelRegularizer: serializePluggable(this.kernelRegularizer),
        biasRegularizer: serializePluggable(this.biasRegularizer),
        activityRegularizer: serializePluggable(this.activityRegularizer as tf.Regularizer | null),
        kernelConstraint: serializePluggable(this.kernelConstraint),
        biasConstraint: serializePluggable(this.biasConstraint),
        seed: this.seed,
      }) as tf.serialization.ConfigDict),
    }
  }
}

/** Writes a variable as optimizers do, without its constraint. */
export function assign(variable: tf.LayerVariable, value: tf.Tensor): void {
  ;(variable.read() as tf.Variable).assign(value)
}
