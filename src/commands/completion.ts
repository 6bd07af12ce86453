import { dirname, resolve } from 'node:path';
import tab from '@bomb.sh/tab/commander';
import { EXIT, type ExitCode } from '../base/exit-codes.js';
import { parseInventory, readInventoryText } from '../inventory/load.js';
import type { Inventory } from '../inventory/model.js';
import { inventoryPath } from './input.js';
import type { Io } from './options.js';

/** commander's program, as the library takes it. */
type Program = Parameters<typeof tab>[0];
type Completions = ReturnType<typeof tab>;

/** In the library's protocol: no suggestions, and the shell completes names of files itself. */
const FILES = ':0';

/** `lbctl completion SHELL`: what a shell reads at its start. `program` has every command but this one. */
export function completion(shell: string, program: Program, io: Io): ExitCode {
  const script = printed(() => completionsOf(program).setup('lbctl', 'lbctl', shell)).join('\n');
  io.stdout.write(`${shell === 'bash' ? forBash(script) : script}\n`);
  return EXIT.ok;
}

/** What that asks at each press of the tab key: what the last of the words behind `lbctl` may become. */
export async function complete(words: readonly string[], program: Program, io: Io): Promise<ExitCode> {
  const inventory = await inventoryOf(words, program, io);
  const last = words.at(-1) ?? '';
  let files = false;
  const completions = completionsOf(program);
  suggest(program, completions, (placeholder) => {
    switch (placeholder) {
      case 'inventory':
      case 'file':
        files = true;
        return [];
      case 'pattern':
        return limitPatterns(inventory, last);
      case 'host':
        return inventory === null ? [] : hostNames(inventory);
      default:
        return [];
    }
  });
  const lines = printed(() => completions.parse([...words]));
  // Options may stand where a file may: then there are suggestions.
  const shown = files && lines.length === 1 ? [FILES] : lines;
  io.stdout.write(`${shown.join('\n')}\n`);
  return EXIT.ok;
}

function completionsOf(program: Program): Completions {
  return tab(program, { completionCommandName: 'completion' });
}

/** The library prints. */
function printed(work: () => void): string[] {
  const lines: string[] = [];
  const { log } = console;
  console.log = (line: string) => lines.push(line);
  try {
    work();
  } finally {
    console.log = log;
  }
  return lines;
}

/** Names of files where there is no suggestion; and a script that can be read twice. */
function forBash(script: string): string {
  return script
    .replaceAll(/^readonly (ShellComp)/gm, '$1')
    .replace(/^complete -F /m, 'complete -o default -F ');
}

/** Values for each option and argument by what its help calls them: `<pattern>`, `<file>`, `[inventory]`. */
function suggest(
  program: Program,
  completions: Completions,
  values: (placeholder: string) => readonly string[],
): void {
  const saying = (placeholder: string) => (say: (value: string, description: string) => void) => {
    for (const value of values(placeholder)) say(value, '');
  };
  const visit = (command: Program, path: readonly string[]) => {
    const known = completions.commands.get(path.join(' '));
    for (const { flags, long, argChoices } of command.options) {
      const placeholder = /[<[]([^\]>]+)[\]>]/.exec(flags)?.[1];
      const option = known?.options.get(long?.slice(2) ?? '');
      if (option === undefined || placeholder === undefined || argChoices !== undefined) continue;
      option.handler = saying(placeholder);
    }
    for (const argument of command.registeredArguments) {
      const name = argument.name();
      const slot = known?.arguments.get(name);
      if (slot !== undefined && argument.argChoices === undefined) slot.handler = saying(name);
    }
    for (const child of command.commands) visit(child, [...path, child.name()]);
  };
  visit(program, []);
}

/** The inventory that the words name, else the usual one. Null where there is none or it is wrong: no names then. */
async function inventoryOf(words: readonly string[], program: Program, io: Io): Promise<Inventory | null> {
  const path = inventoryPath(inventoryIn(words, program), io.env);
  if (path === '-') return null;
  const text = await readInventoryText(path, {});
  if (!text.ok) return null;
  const parsed = parseInventory(text.value, { file: path, baseDir: dirname(resolve(path)), env: io.env });
  return parsed.ok ? parsed.value.inventory : null;
}

function inventoryIn(words: readonly string[], program: Program): string | undefined {
  let command = program;
  let rest = words.slice(0, -1);
  for (;;) {
    const child = command.commands.find((it) => it.name() === rest[0]);
    if (child === undefined) break;
    command = child;
    rest = rest.slice(1);
  }
  const operands: string[] = [];
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index] ?? '';
    const option = command.options.find(({ short, long }) => word === short || word === long);
    if (option?.required) index++;
    else if (word === '-' || !word.startsWith('-')) operands.push(word);
  }
  return command.registeredArguments[0]?.name() === 'inventory' ? operands[0] : undefined;
}

function hostNames({ clusters }: Inventory): string[] {
  return [...new Set(clusters.flatMap(({ hosts }) => hosts.map(({ name }) => name)))];
}

/** `cluster` and `cluster/host`, each behind what stands before the last comma. */
function limitPatterns(inventory: Inventory | null, typed: string): string[] {
  const value = typed.replace(/^--limit=/, '');
  const before = value.slice(0, value.lastIndexOf(',') + 1);
  return (inventory?.clusters ?? [])
    .flatMap(({ name, hosts }) => [name, ...hosts.map((host) => `${name}/${host.name}`)])
    .filter((pattern) => !before.split(',').includes(pattern))
    .map((pattern) => `${before}${pattern}`);
}
