/**
 * What every page has in common: the frame, sections, tiles, and where a model comes from. No script, no network.
 * @module
 */
import type { Report } from '../report.ts'
import { type Markup, markup } from './markup.ts'
import { STYLE } from './style.ts'

export const fileName = (path: string): string => path.split(/[\\/]/).at(-1)!

/** The whole page; `tone` colours the banner. */
export function htmlPage(page: {
  readonly word: string
  readonly tone: string
  readonly name: string
  /** Sentences under the name. */
  readonly lead: readonly string[]
  readonly body: readonly (Markup | false | undefined)[]
}): string {
  const { word, tone, name, lead, body } = page
  const parts = body.filter((part) => part !== false && part !== undefined)
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${word}: ${name}</title><style>${{ html: STYLE }}</style></head><body><main>
<header class="banner ${tone}"><span class="word">${word}</span><h1>${name}</h1>${lead.map((sentence) => markup`<p class="lead">${sentence}</p>`)}</header>
${parts.map((part) => markup`${part}\n`)}</main></body></html>
`.html
}

export function section(title: string, about: string, body: Markup): Markup {
  return markup`<section><h2>${title}</h2><p class="soft">${about}</p>${body}</section>`
}

/** Figures side by side, each with what it is. */
export function tileRow(tiles: readonly (readonly [value: string, text: string])[]): Markup {
  return markup`<div class="tiles">${tiles.map(([value, text]) => markup`<div class="tile"><b>${value}</b><span>${text}</span></div>`)}</div>`
}

/** Name, origin, size and fingerprint of the model. */
export function modelParagraph(model: Report['model']): Markup {
  const shape = (value: Report['model']['input']) => value && `${value.name} [${value.dims.join(', ')}]`
  return markup`<p><b>${fileName(model.path)}</b>, written by ${model.producer}; opset ${model.opset}, IR ${model.irVersion}, ${model.parameters.toLocaleString('en')} parameters; ${shape(model.input)} to ${shape(model.output)}.<br>sha256 <code>${model.sha256}</code></p>`
}

/** The command that makes the page again, and who made it. */
export function originParagraph({
  command,
  tool,
  schemaVersion,
}: Pick<Report, 'command' | 'tool' | 'schemaVersion'>): Markup {
  return markup`${command && markup`<p>The same report again:</p><pre>${command}</pre>`}<p class="soft">${tool.name} ${tool.version}, report schema ${schemaVersion}.</p>`
}
