import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { type Directive, readConfig } from './config-files.js';
import { appliedLines, applying, type ConfigSource, sourcesOf } from './config-sources.js';
import { errorCode, errorText } from './failures.js';
import {
  configOf,
  NO_CONFIG,
  parseSettings,
  passwdHome,
  plainAnswer,
  type Settings,
  type SshConfig,
} from './ssh-config.js';

export interface ConfigQuestion {
  /** As one would write it behind `ssh`. */
  readonly name: string;
  /** The inventory's; what Match and percent signs go by. */
  readonly user: string | null;
  readonly port: number | null;
  /** The name that the inventory gives the host: an alias for it counts when it leads to the same address. */
  readonly alias: string | null;
}

export interface ConfigAnswer {
  readonly config: SshConfig;
  /** The name that the configuration was asked for. */
  readonly name: string;
  /** Which file and line each value came from, as far as can be known. */
  readonly sources: readonly ConfigSource[];
}

export interface ConfigLookupOptions {
  readonly homeDir: string;
  /** In ssh's order; default: ~/.ssh/config and /etc/ssh/ssh_config. */
  readonly files?: readonly string[] | undefined;
  /** For tests: another program than `ssh`, or null for none. */
  readonly program?: string | null | undefined;
}

const SYSTEM_FILE = '/etc/ssh/ssh_config';
const ASK_MS = 10_000;
/** Of a text that ssh prints. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Asks the user's ssh configuration about hosts. Each file is read once, each name is asked for once. */
export class ConfigLookup {
  readonly #options: ConfigLookupOptions;
  readonly #program: string | null;
  readonly #files: readonly string[];
  #directives: Promise<readonly Directive[]> | null = null;
  #defaults: Promise<Settings> | null = null;
  readonly #answers = new Map<string, Promise<ConfigAnswer>>();

  constructor(options: ConfigLookupOptions) {
    this.#options = options;
    this.#program = options.program === undefined ? 'ssh' : options.program;
    this.#files = options.files ?? [join(options.homeDir, '.ssh', 'config'), SYSTEM_FILE];
  }

  /** @throws Error when a file cannot be read, or ssh says that it is wrong */
  async answer(question: ConfigQuestion): Promise<ConfigAnswer> {
    const key = JSON.stringify(question);
    let answer = this.#answers.get(key);
    if (answer === undefined) {
      answer = this.#ask(question);
      this.#answers.set(key, answer);
    }
    return answer;
  }

  async #ask(question: ConfigQuestion): Promise<ConfigAnswer> {
    this.#directives ??= this.#read();
    const directives = await this.#directives;
    const { alias, name } = question;
    if (alias !== null && alias !== name && isAlias(directives, alias)) {
      const asAlias = await this.#askFor({ ...question, name: alias }, directives);
      // Only then it is certain that the alias means this machine, and not another one of that name.
      if (asAlias.config.hostname?.toLowerCase() === name.toLowerCase()) return asAlias;
    }
    return this.#askFor(question, directives);
  }

  async #read(): Promise<Directive[]> {
    const { homeDir } = this.#options;
    const read = await Promise.all(
      this.#files.map((file) =>
        readConfig(file, {
          homeDir,
          includeDir: file === SYSTEM_FILE ? dirname(SYSTEM_FILE) : join(homeDir, '.ssh'),
        }),
      ),
    );
    return read.flat();
  }

  async #askFor(question: ConfigQuestion, directives: readonly Directive[]): Promise<ConfigAnswer> {
    const { name } = question;
    const plain = plainAnswer(directives, name);
    if (plain !== null)
      return { config: plain, name, sources: sourcesOf(plain, applying(directives, null, name)) };
    if (this.#program === null) return this.#withoutSsh(question);
    try {
      this.#defaults ??= this.#run(this.#program, ['-F', 'none', '-G', '--', 'lbctl']).then(({ stdout }) =>
        parseSettings(stdout),
      );
      const [defaults, asked] = await Promise.all([this.#defaults, this.#runSsh(this.#program, question)]);
      const settings = new Map(parseSettings(asked.stdout));
      // The name itself stands there where no HostName is configured.
      if (settings.get('hostname')?.[0]?.toLowerCase() === name.toLowerCase()) settings.delete('hostname');
      if (question.user !== null) settings.delete('user');
      if (question.port !== null) settings.delete('port');
      const applied = appliedLines(asked.stderr);
      const config = configOf(settings, defaults, applying(directives, applied, name));
      return { config, name, sources: sourcesOf(config, applying(directives, applied, name)) };
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return this.#withoutSsh(question);
      throw error;
    }
  }

  #runSsh(program: string, { name, user, port }: ConfigQuestion) {
    const who = [...(user === null ? [] : ['-l', user]), ...(port === null ? [] : ['-p', String(port)])];
    const ask = ['-vvv', '-G', ...who];
    // ssh goes by the passwd database's home directory, we by $HOME, as the rest of lbctl does.
    if (this.#options.files === undefined && this.#options.homeDir === passwdHome())
      return this.#run(program, [...ask, '--', name]);
    const include = this.#files.map((file) => `Include "${file}"\n`).join('');
    // A pipe of the shell's: what node gives a program as its input cannot be opened by name.
    const pipe = 'text=$1; shift; printf "%s" "$text" | exec "$@"';
    return this.#run('sh', ['-c', pipe, 'sh', include, program, ...ask, '-F', '/dev/stdin', '--', name]);
  }

  #run(program: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
    return new Promise((resolve, reject) => {
      const child = execFile(
        program,
        args,
        { timeout: ASK_MS, maxBuffer: MAX_BYTES, env: { ...process.env, LC_ALL: 'C' } },
        (error, stdout, stderr) => {
          if (error === null) return resolve({ stdout, stderr });
          if (errorCode(error) === 'ENOENT') return reject(error);
          const said = stderr
            .split('\n')
            .filter((line) => line.trim() !== '' && !/^(?:debug\d|OpenSSH_)/.test(line));
          reject(new Error(said.slice(-3).join('; ') || errorText(error)));
        },
      );
      child.stdin?.end();
    });
  }

  /** Where there is no ssh: a library knows Host and simple Matches; Include was resolved before. */
  async #withoutSsh({ name, user, port }: ConfigQuestion): Promise<ConfigAnswer> {
    const { default: Parser } = await import('ssh-config');
    const directives = (await this.#directives) ?? [];
    const text = directives
      .filter(({ keyword }) => keyword !== 'include')
      .filter(({ blocks }) => blocks.length < 2 || blocks.slice(0, -1).every((it) => it.words.join() === '*'))
      .map((it) => {
        const block = it.blocks.at(-1);
        const head = block === undefined ? 'Host *' : `${block.keyword} ${block.words.join(' ')}`;
        return `${head}\n  ${it.keyword} ${it.text}\n`;
      })
      .join('');
    const computed = Parser.parse(text).compute({ Host: name, ...(user === null ? {} : { User: user }) });
    const settings = new Map(
      Object.entries(computed).map(([key, value]) => [key.toLowerCase(), [value].flat().map(String)]),
    );
    if (user !== null) settings.delete('user');
    if (port !== null) settings.delete('port');
    const mayApply = applying(directives, null, name);
    const read = configOf(settings, new Map(), mayApply);
    const hostname = read.hostname?.replace(/%([h%])/g, (_, letter) => (letter === 'h' ? name : '%')) ?? null;
    const config = { ...NO_CONFIG, ...read, hostname };
    return { config, name, sources: sourcesOf(config, mayApply) };
  }
}

/** Whether a Host line names it in so many letters. */
function isAlias(directives: readonly Directive[], name: string): boolean {
  const wanted = name.toLowerCase();
  return directives.some(({ blocks }) =>
    blocks.some(
      ({ keyword, words }) => keyword === 'host' && words.some((word) => word.toLowerCase() === wanted),
    ),
  );
}
