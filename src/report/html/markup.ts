/** Text that is HTML already: what `markup` makes, and nothing else. */
export interface Markup {
  readonly html: string
}

type Part = Markup | string | number | false | undefined | readonly Part[]

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ESCAPES[character]!)

function render(part: Part): string {
  if (part === undefined || part === false) return ''
  if (typeof part === 'string') return escapeHtml(part)
  if (typeof part === 'number') return String(part)
  return 'html' in part ? part.html : part.map(render).join('')
}

/** A template whose values are escaped: names in a model are anybody's text. `false` and `undefined` are nothing. */
export function markup(strings: TemplateStringsArray, ...values: readonly Part[]): Markup {
  return { html: strings.reduce((html, text, i) => html + render(values[i - 1]) + text) }
}
