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
  /** In ONNX's layout; the output channel is the first axis. */
  readonly dims: Shape
  /** Position in the layer's own array (deel-lip's layout) of each element of the ONNX tensor. */
  order: Int32Array
}

/** The part of the network's Lipschitz constant that one linear node may use up. */
export interface Share {
  readonly limit: number
  /** 'norm': of the operator as a whole. 'rows': of each output on its own (deel-lip's disjoint neurons). */
  readonly of: 'norm' | 'rows'
}

export interface Lowering {
  /** Name of the tensor in hand. */
  tensor: string
  /** Shape of one sample in deel-lip's layout (channels last), whatever the layout of the ONNX tensor. */
  shape: Shape
  /**
   * deel-lip's index of each index along ONNX's axis 1 (channels; features after Flatten); undefined = the same order.
   * Layers with weights fold it into their input side, so that no Transpose or Gather is ever written.
   */
  order: Int32Array | undefined
  /** Declares a weight (initializer or graph input, as the caller of the exporter chose) and returns its name. */
  weight(layer: LayerDescription, role: string, dims: Shape, order: Int32Array): string
  /** Says that the tensor in hand was made by this layer's weights: its channels may be reordered for free. */
  produced(layer: LayerDescription | undefined): void
  /** Weights whose output channels are the channels in hand; undefined once a layer has mixed or moved them. */
  readonly producer: readonly LoweredWeight[] | undefined
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
  /** Records that the tensor in hand was multiplied by a constant of this size. */
  scaled(factor: number): void
}

/** Lowers one layer: takes the tensor in hand, leaves the next one. */
export type LayerLowering = (desk: Lowering, layer: LayerDescription) => void
