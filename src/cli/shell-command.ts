/** The command line as one can paste it into a POSIX shell. */
export function shellCommand(argv: readonly string[]): string {
  const quote = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)
  return ['lip-onnx', ...argv].map(quote).join(' ')
}
