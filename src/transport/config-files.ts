import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { errorCode } from './failures.js';
import { matchesFileGlob, matchesPatterns } from './glob.js';

/** One directive of an ssh_config(5) file, with the blocks that it stands in, the outermost first. */
export interface Directive {
  /** In lower case. */
  readonly keyword: string;
  readonly words: readonly string[];
  /** The rest of the line as written. */
  readonly text: string;
  readonly file: string;
  readonly line: number;
  readonly blocks: readonly Block[];
}

export interface Block {
  readonly keyword: 'host' | 'match';
  readonly words: readonly string[];
  readonly file: string;
  readonly line: number;
}

/** Environment, percent signs, other people's home directories: how ssh reads these in an Include depends on its version. */
const UNKNOWN_PATH = /\$\{|%|^~(?!\/)/;
/** ssh itself goes no deeper. */
const MAX_DEPTH = 16;

/**
 * Every directive of a file and of those that it includes, in ssh's order; none where there is no such file.
 * `includeDir`: what relative names of an Include are relative to. An Include whose files only ssh knows stays as it is.
 */
export async function readConfig(
  file: string,
  options: { readonly includeDir: string; readonly homeDir: string },
  outer: readonly Block[] = [],
  depth = 0,
): Promise<Directive[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    // A directory that a pattern fits holds no lines, for ssh neither.
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errorCode(error))) return '';
    throw error;
  });
  const found: Directive[] = [];
  let blocks = outer;
  for (const [index, written] of text.split('\n').entries()) {
    const parsed = parseLine(written);
    if (parsed === null) continue;
    const place = { ...parsed, file, line: index + 1 };
    if (parsed.keyword === 'host' || parsed.keyword === 'match') {
      blocks = [
        ...outer,
        { keyword: parsed.keyword, words: parsed.words, file: place.file, line: place.line },
      ];
      continue;
    }
    if (parsed.keyword !== 'include') {
      found.push({ ...place, blocks });
      continue;
    }
    if (depth >= MAX_DEPTH) continue;
    for (const word of parsed.words) {
      if (UNKNOWN_PATH.test(word)) {
        found.push({ ...place, blocks });
        continue;
      }
      const wanted = word.startsWith('~/') ? join(options.homeDir, word.slice(2)) : word;
      const path = isAbsolute(wanted) ? wanted : join(options.includeDir, wanted);
      for (const included of await expandGlob(path)) {
        found.push(...(await readConfig(included, options, blocks, depth + 1)));
      }
    }
  }
  return found;
}

/** `Keyword value`, `Keyword=value`, with words in double quotes; null for comments and empty lines. */
export function parseLine(line: string): Pick<Directive, 'keyword' | 'words' | 'text'> | null {
  const parts = /^\s*"?([A-Za-z0-9]+)"?(?:\s*=\s*|\s+)(.*?)\s*$/.exec(line);
  if (parts?.[1] === undefined || parts[2] === undefined) return null;
  const words: string[] = [];
  for (const match of parts[2].matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)) {
    const word = match[1]?.replace(/\\(["\\])/g, '$1') ?? match[2] ?? '';
    if (match[1] === undefined && word.startsWith('#')) break;
    words.push(word);
  }
  return { keyword: parts[1].toLowerCase(), words, text: parts[2] };
}

/** Whether the blocks around a directive let it apply to a host: what a Match says is known to ssh only. */
export function appliesTo(directive: Directive, name: string): 'yes' | 'no' | 'perhaps' {
  let answer: 'yes' | 'perhaps' = 'yes';
  for (const { keyword, words } of directive.blocks) {
    if (keyword === 'host') {
      if (!matchesPatterns(words, name.toLowerCase())) return 'no';
    } else {
      answer = 'perhaps';
    }
  }
  return answer;
}

async function expandGlob(path: string): Promise<string[]> {
  if (!/[*?[]/.test(path)) return [path];
  const parent = dirname(path);
  const pattern = basename(path);
  const directories = /[*?[]/.test(parent) ? await expandGlob(parent) : [parent];
  const found = await Promise.all(
    directories.map(async (directory) => {
      const names = await readdir(directory).catch(() => []);
      return names
        .filter(
          (name) => matchesFileGlob(pattern, name) && (pattern.startsWith('.') || !name.startsWith('.')),
        )
        .sort()
        .map((name) => join(directory, name));
    }),
  );
  return found.flat();
}
