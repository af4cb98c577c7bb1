/**
 * The command line: arguments in, exit code out. Prints every expected failure as one sentence and a hint.
 * @module
 */
import yargs, { type Argv } from 'yargs'
import { EXIT, type ExitCode, LipError } from '../errors.ts'
import { packageVersion } from '../version.ts'
import { createIo, type Host } from './io.ts'
import { suggest } from './suggest.ts'
import type { OptionTable, Verb } from './verb.ts'
import { VERBS } from './verbs/index.ts'

const GLOBAL = {
  json: { type: 'boolean', default: false, describe: 'Result as one JSON document' },
  quiet: { type: 'boolean', default: false, describe: 'No progress, no notes' },
  color: { type: 'boolean', describe: 'Colours; also NO_COLOR, FORCE_COLOR', defaultDescription: 'on a terminal' },
} as const

const nameOf = (verb: Verb) => verb.command.split(' ')[0]!

/** yargs reports a problem as text; this makes it a sentence of ours with a suggestion. */
function usageError(message: string, argv: readonly string[]): LipError {
  const verb = verbOf(argv)
  const help = `Run \`lip-onnx ${verb ? `${nameOf(verb)} ` : ''}--help\`.`
  const unknown = /^Unknown (argument|command)s?: (.*)$/m.exec(message)
  if (!unknown) {
    const missing = /^Not enough non-option arguments/.test(message)
    if (missing && verb)
      return new LipError('USAGE', `\`lip-onnx ${verb.command}\` needs ${positionalNames(verb)}.`, { hint: help })
    return new LipError('USAGE', `${message.split('\n')[0]!.replace(/\.?$/, '.')}`, { hint: help })
  }
  const word = unknown[2]!.split(', ')[0]!
  if (!verb) {
    const meant = suggest(word, VERBS.map(nameOf))
    return new LipError('USAGE', `There is no verb '${word}'.`, { hint: meant ? `Did you mean \`${meant}\`?` : help })
  }
  const flag = argv.find((given) => new RegExp(`^--?(no-)?${literally(word)}(=|$)`).test(given))
  if (!flag) return new LipError('USAGE', `\`lip-onnx ${nameOf(verb)}\` takes no argument '${word}'.`, { hint: help })
  const known = [...Object.keys(verb.options), ...Object.keys(GLOBAL), 'help']
  const meant = suggest(word, known)
  return new LipError('USAGE', `\`lip-onnx ${nameOf(verb)}\` has no option '${flag.split('=')[0]}'.`, {
    hint: meant ? `Did you mean --${meant}?` : help,
  })
}

const literally = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

const positionalNames = (verb: Verb) =>
  Object.keys(verb.positionals)
    .filter((name) => verb.command.includes(`<${name}`))
    .map((name) => `<${name}>`)
    .join(' and ')

/** What yargs lets through: numbers that are none, and options given twice that take one value. */
function checkValues(verb: Verb, args: Readonly<Record<string, unknown>>): void {
  const table: OptionTable = { ...(verb.positionals as OptionTable), ...verb.options, ...GLOBAL }
  for (const [name, option] of Object.entries(table)) {
    const value = args[name]
    if (Array.isArray(value) && !option.array) throw new LipError('USAGE', `--${name} was given more than once.`)
    if (option.type === 'number' && value !== undefined && !Number.isFinite(value)) {
      throw new LipError('USAGE', `--${name} needs a number.`)
    }
    if (option.type === 'string' && (Array.isArray(value) ? value.includes('') : value === '')) {
      throw new LipError('USAGE', `--${name} needs a value.`)
    }
  }
}

function describe(verb: Verb, parser: Argv): Argv {
  for (const [name, option] of Object.entries(verb.positionals)) parser.positional(name, option)
  // Groups of a verb are listed before those of every verb.
  for (const [name, option] of Object.entries(verb.options)) {
    const listed = Array.isArray(option.default) && { defaultDescription: option.default.join(', ') }
    parser.option(name, { group: 'Options:', ...listed, ...option })
  }
  return parser
}

const EXIT_CODES =
  'Exit codes: 0 pass, 1 violated, 2 inconclusive, 3 time budget, 4 usage or unreadable input, 5 soundness alarm.'

/** Examples, each command on a line of its own that can be copied, with what it does beneath. */
const examplesOf = (verb: Verb): string =>
  ['', 'Examples:', ...verb.examples.map(([command, does]) => `  lip-onnx ${command}\n      ${does}`), ''].join('\n')

/** yargs leaves no space before the type where a description fills its column: the last column is kept free for it. */
const spaced = (help: string): string => help.replace(/(\S)(\[(?:boolean|string|number|array|choices)\b.*)$/gm, '$1 $2')

const verbOf = (argv: readonly string[]): Verb | undefined => {
  const word = argv.find((given) => !given.startsWith('-'))
  return VERBS.find((verb) => nameOf(verb) === word)
}

/** Parses, runs, and turns whatever happens into an exit code. Never throws. */
export async function main(argv: readonly string[], host: Host): Promise<ExitCode> {
  let json = false
  const fail = (error: unknown): ExitCode => {
    if (error instanceof LipError) {
      host.stderr.write(`${error.message}\n${error.hint ? `${error.hint}\n` : ''}`)
      if (json) {
        const { code, message, hint, exitCode } = error
        host.stdout.write(`${JSON.stringify({ error: { code, message, hint, exitCode } }, null, 2)}\n`)
      }
      return error.exitCode
    }
    const stack = error instanceof Error ? error.stack : String(error)
    host.stderr.write(`This is a bug in lip-onnx; please report it with the lines below.\n${stack}\n`)
    return EXIT.bug
  }
  try {
    json = argv.includes('--json')
    const chosen = await parse(argv, host)
    if (typeof chosen === 'number') return chosen
    checkValues(chosen.verb, chosen.args)
    const io = createIo(host, argv, chosen.args)
    return await chosen.verb.run(chosen.args as never, io)
  } catch (error) {
    return fail(error)
  }
}

interface Chosen {
  readonly verb: Verb
  readonly args: Readonly<Record<string, unknown>> & { json?: boolean; quiet?: boolean; color?: boolean }
}

/** The verb and its arguments, or the exit code when help or the version was all that was asked for. */
async function parse(argv: readonly string[], host: Host): Promise<Chosen | ExitCode> {
  let chosen: Chosen | undefined
  const parser = yargs()
    .scriptName('lip-onnx')
    .locale('en')
    .usage('$0 <verb>\n\nTrains Lipschitz networks, writes them as plain ONNX, and proves what any ONNX file promises.')
    .version(packageVersion())
    .options(GLOBAL)
    .group([...Object.keys(GLOBAL), 'help', 'version'], 'Every verb:')
    .strict()
    .parserConfiguration({ 'greedy-arrays': false })
    .demandCommand(1, 'No verb was given.')
    .epilogue(EXIT_CODES)
    .wrap(Math.min(110, host.stdout.columns ?? 100) - 1)
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? usageError(message, argv)
    })
  for (const verb of VERBS) {
    parser.command(
      verb.command,
      verb.summary,
      (inner) => describe(verb, inner),
      (args) => {
        chosen = { verb, args: args as Chosen['args'] }
      },
    )
  }
  let shown = ''
  await parser.parseAsync([...argv], {}, (_error, _args, output) => {
    shown = output
  })
  if (shown) {
    const verb = shown.includes('\n') ? verbOf(argv) : undefined
    host.stdout.write(`${spaced(shown)}\n${verb ? examplesOf(verb) : ''}`)
    return EXIT.pass
  }
  if (!chosen) throw new LipError('USAGE', 'No verb was given.', { hint: 'Run `lip-onnx --help`.' })
  return chosen
}
