/** Columns that text for a terminal keeps to. */
export const COLUMNS = 80

/**
 * Breaks text at spaces so that no line is wider than 80 columns; a longer word stays whole, for names are there to be copied.
 * @param first put before the first line; the others begin below its end
 */
export function wrap(first: string, text: string, columns = COLUMNS): string {
  const indent = ' '.repeat(first.length)
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line === '' || first.length + longer.length <= columns) line = longer
    else {
      lines.push(line)
      line = word
    }
  }
  return [...lines, line].map((content, k) => `${k === 0 ? first : indent}${content}`.trimEnd()).join('\n')
}
