import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bundle, bundle, run } from '../support/bundle.js';
import { SMALLEST } from '../support/model.js';

let built: Bundle;
let work: string;
beforeAll(() => {
  built = bundle();
  work = join(built.folder, 'work');
  mkdirSync(work);
  writeFileSync(join(work, 'inventory.yaml'), SMALLEST);
  writeFileSync(join(work, 'other.yaml'), SMALLEST.replaceAll('lb1', 'front1'));
  writeFileSync(join(work, 'wrong.yaml'), 'clusters: 7\n');
}, 60_000);
afterAll(() => built.remove());

const lbctl = (...args: string[]) => run(built, 'lbctl', args, { cwd: work });

/** What the last word may become, without the descriptions. */
function suggestions(...words: string[]): string[] {
  const { exit, stdout, stderr } = lbctl('complete', '--', ...words);
  expect([exit, stderr]).toEqual([0, '']);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t')[0] ?? '');
}

describe('what a word may become', () => {
  it('a command, not the one that the scripts ask', () => {
    const found = suggestions('');
    expect(found).toEqual(expect.arrayContaining(['up', 'plan', 'status', 'lock', 'completion', ':4']));
    expect(found).not.toContain('complete');
  });

  it.each<[string[], string[]]>([
    [['sta'], ['status', ':4']],
    [
      ['lock', 'r'],
      ['release', ':4'],
    ],
    [
      ['lock', 'release', '--fo'],
      ['--force', ':4'],
    ],
    [
      ['up', '--lo'],
      ['--lock-wait', '--log-file', ':4'],
    ],
    [
      ['completion', 'z'],
      ['zsh', ':4'],
    ],
    [
      ['up', '--limit', ''],
      ['web', 'web/lb1', 'web/lb2', ':4'],
    ],
    [
      ['up', '--limit', 'web/'],
      ['web/lb1', 'web/lb2', ':4'],
    ],
    [
      ['up', '--limit', 'web/lb1,web/'],
      ['web/lb1,web/lb2', ':4'],
    ],
    [
      ['lock', 'release', '--limit', 'web/lb2'],
      ['web/lb2', ':4'],
    ],
    [
      ['up', 'other.yaml', '--limit', 'web/f'],
      ['web/front1', ':4'],
    ],
    [
      ['up', '--parallel', '3', 'other.yaml', '-v', '--limit', 'web/f'],
      ['web/front1', ':4'],
    ],
    // The shell knows names of files best.
    [['up', ''], [':0']],
    [['plan', 'inv'], [':0']],
    [['up', '--log-file', ''], [':0']],
    [['lock', 'status', ''], [':0']],
    [['up', '--parallel', ''], [':4']],
  ])('%j: %j', (words, expected) => expect(suggestions(...words)).toEqual(expected));

  it.each(['wrong.yaml', 'missing.yaml', '-'])('no names where there is no inventory: %s', (file) => {
    expect(suggestions('up', file, '--limit', '')).toEqual([':4']);
  });
});

describe('the script', () => {
  it.each(['bash', 'zsh', 'fish', 'powershell'])('of %s', (shell) => {
    const { exit, stdout, stderr } = lbctl('completion', shell);
    expect([exit, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`${shell} completion for lbctl`);
    expect(stdout).toContain('lbctl complete');
  });

  it('of a shell that is not known: exit 3, and which there are', () => {
    const { exit, stdout, stderr } = lbctl('completion', 'sh');
    expect([exit, stdout, stderr]).toEqual([3, '', expect.stringContaining('bash, zsh, fish, powershell')]);
  });
});

const installed = (program: string) => spawnSync('sh', ['-c', program]).status === 0;
const shells: readonly (readonly [string, string, (line: string) => string])[] = [
  [
    'bash',
    'test -r /usr/share/bash-completion/bash_completion',
    // Read twice, as by a user who reads his .bashrc again.
    (line) => `. /usr/share/bash-completion/bash_completion
. <(lbctl completion bash); . <(lbctl completion bash) || exit
complete -p lbctl
COMP_LINE='${line}' COMP_POINT=${line.length} COMP_WORDS=(${line.replace(/ $/, " ''")}) COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
__lbctl_complete 2>/dev/null
printf '%s\\n' "\${COMPREPLY[@]}"`,
  ],
  ['fish', 'command -v fish', (line) => `lbctl completion fish | source; complete -C '${line}'`],
  [
    'zsh',
    'command -v zsh',
    // A zsh in a terminal of its own, whose tab key is pressed. compinit -D: no dump is written anywhere.
    (line) => `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PS1=; TERM=dumb; unsetopt zle_bracketed_paste; autoload -U compinit; compinit -D; LISTMAX=1000; . <(lbctl completion zsh); echo rea""dy'
zpty -r z out '*ready*'
zpty -w -n z $'${line}\\t\\t'
sleep 2
zpty -w z $'\\C-u'
zpty -w z 'echo do""ne'
zpty -r z out '*done*'
print -r -- "$out"
zpty -d z`,
  ],
];

describe.each(shells.filter(([, test]) => installed(test)))('%s itself', (shell, _, script) => {
  const asked = (line: string) => run(built, shell, ['-c', script(line)], { cwd: work });

  it('completes commands, options and names of hosts', () => {
    const answers = (line: string, ...wanted: string[]) => {
      const { stdout, stderr } = asked(line);
      for (const it of wanted) expect(stdout, stderr).toContain(it);
    };
    answers('lbctl up --lo', '--lock-wait', '--log-file');
    answers('lbctl up --limit web/', 'web/lb1', 'web/lb2');
    answers('lbctl lock ', 'status', 'release');
  }, 60_000);
});
