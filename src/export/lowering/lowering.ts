/**
 * The desk at which layers are lowered to ONNX, one after the other: the tensor in hand, its shape, and where weights go.
 * @module
 */
import type { Shape } from '../../onnx/ir.ts'
import type { AttributeInput } from '../../ops/operator.ts'
import type { LayerDescription } from '../description.ts'

/** A weight of the lowered graph and where its elements come from: onnx[i] = layer[order[i]]. */
export interface LoweredWeight {
  /** Name of the initializer or graph input. */
  readonly tensor: string
  readonly layer: string
  readonly role: string
  /** In ONNX's layout. */
  readonly dims: Shape
  /** Axis of the output channels; default 0. */
  readonly channelAxis?: number
  /** Position in the layer's own array (deel-lip's layout) of each element of the ONNX tensor. */
  order: Int32Array
  /** The array itself, where it is computed from the layer's weights instead of being one of them. */
  readonly data?: Float32Array
  /** The elements are multiplied by this. */
  readonly factor?: number
}

/** The part of the network's Lipschitz constant that one linear node may use up. */
export interface Share {
  readonly limit: number
  /** 'norm': of the operator as a whole. 'rows': of each output on its own (deel-lip's disjoint neurons). */
  readonly of: 'norm' | 'rows'
}

/** A tensor and what is known of it. Samples of two axes and more are channels first: [batch, channels, ...spatial]. */
export interface Hand {
  /** Name of the tensor. */
  tensor: string
  /** Shape of one sample in deel-lip's layout (channels last), whatever the layout of the ONNX tensor. */
  shape: Shape
  /**
   * deel-lip's index of each index along ONNX's axis 1 (channels; features after Flatten); undefined = the same order.
   * Layers with weights fold it into their input side, so that no Transpose or Gather is ever written.
   */
  order: Int32Array | undefined
  /** Weights whose output channels are the channels in hand; undefined once a layer has mixed or moved them. */
  readonly producer: readonly LoweredWeight[] | undefined
}

export interface Lowering extends Hand {
  /** What the layer takes; the first one is in hand. More than one for layers that merge branches. */
  readonly operands: readonly Hand[]
  /** The graph is one to train with: weights are inputs that change from step to step. */
  readonly training: boolean
  /** Takes another tensor in hand. */
  take(hand: Hand): void
  /** Declares a weight (initializer or graph input, as the caller of the exporter chose) and returns its name. */
  weight(layer: LayerDescription, role: string, dims: Shape, order: Int32Array, channelAxis?: number): string
  /**
   * Declares a constant that is computed from the layer's weights.
   * @throws LipError CONFIG_INVALID in a graph to train with: it would not follow the weights
   */
  fixed(layer: LayerDescription, role: string, dims: Shape, data: Float32Array, order: Int32Array): string
  /** Says that the tensor in hand was made by this layer's weights: its channels may be reordered for free. */
  produced(layer: LayerDescription | undefined): void
  /** Says that this layer's weights act on each channel in hand by itself: they are reordered along with what made it. */
  carried(layer: LayerDescription): void
  /** Emits a node called `name`; returns its output. */
  node(
    name: string,
    op: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, AttributeInput>>,
  ): string
  /** The same for a node with several outputs. */
  nodes(
    name: string,
    op: string,
    inputs: readonly string[],
    outputs: number,
    attributes?: Readonly<Record<string, AttributeInput>>,
  ): readonly string[]
  constant(name: string, data: ArrayLike<number>, dims?: Shape): string
  indices(name: string, data: readonly number[]): string
  /** Records that training adds `epsilon` to this root in the gradient of the root (deel-lip's eps_grad_sqrt). */
  damp(root: string, epsilon: number): void
  /** Records what the network's argument needs of this node. */
  claim(node: string, share: Share): void
}

/** Lowers one layer: takes the tensor in hand, leaves the next one. */
export type LayerLowering = (desk: Lowering, layer: LayerDescription) => void
