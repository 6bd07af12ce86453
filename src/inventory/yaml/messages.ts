import type { ErrorCode } from 'yaml';

/**
 * What is said for the parser's error codes. Its own messages may quote the file, and so a password: only the
 * wording here is shown.
 */
const WORDS: Partial<Record<ErrorCode, string>> = {
  BAD_ALIAS: 'an alias cannot be empty or end with a colon',
  ALIAS_PROPS: 'an alias cannot have an anchor or a tag of its own',
  BAD_DIRECTIVE: 'a directive that YAML does not know',
  BAD_DQ_ESCAPE: 'an escape sequence that YAML does not know',
  BAD_INDENT: 'the indentation does not fit: a bracket is not closed, or the lines are not aligned',
  BAD_PROP_ORDER: 'anchors and tags come after the indicators ?, : and -',
  BAD_SCALAR_START: 'a text cannot start with this character unless it is in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second "key: value" on one line',
  BLOCK_IN_FLOW: 'a block cannot start inside brackets',
  KEY_OVER_1024_CHARS: 'a key of more than 1024 characters',
  MISSING_CHAR: 'something is missing: a closing quote, a comma or a colon',
  MULTILINE_IMPLICIT_KEY:
    'this reads as a key over several lines: a colon is missing, or the indentation does not fit',
  MULTIPLE_ANCHORS: 'two anchors on one value',
  MULTIPLE_TAGS: 'two tags on one value',
  TAB_AS_INDENT: 'a tab is used as indentation; YAML allows only spaces',
  TAG_RESOLVE_FAILED: 'a tag (! or !!) is not used here',
  UNEXPECTED_TOKEN: 'YAML does not expect this here',
};

const HINTS: Partial<Record<ErrorCode, string>> = {
  TAB_AS_INDENT: 'replace the tab with spaces',
  BAD_SCALAR_START: 'put it in quotes',
  BAD_DQ_ESCAPE: 'write the backslash twice, or use single quotes',
  BLOCK_AS_IMPLICIT_KEY: 'put a text that holds ": " in quotes',
};

/** `*:80` is an alias to YAML, `[::]:80` a list with something behind it. */
const UNQUOTED_ADDRESS = /(?:^|[\s,[{:])(?:\*:\d|\[[0-9A-Fa-f.]{0,4}:[0-9A-Fa-f:.]{0,40}\]:)/;

export function looksLikeUnquotedAddress(line: string): boolean {
  return UNQUOTED_ADDRESS.test(line);
}

export const QUOTE_HINT = 'put it in quotes: an address that starts with * or [ means something else to YAML';

/** Sentence and hint for a YAML error on this line of the file. */
export function yamlMessage(
  code: ErrorCode,
  message: string,
  line: string,
): { summary: string; hint?: string } {
  const closing = code === 'MISSING_CHAR' && /closing .quote/.test(message);
  const summary = closing ? 'a closing quote is missing' : (WORDS[code] ?? 'not valid YAML');
  if (looksLikeUnquotedAddress(line)) return { summary, hint: QUOTE_HINT };
  if (/[[{,:]\s*\$\{/.test(line.slice(0, 1000))) {
    return { summary, hint: 'inside brackets, put ${…} in quotes' };
  }
  const hint = HINTS[code];
  return hint === undefined ? { summary } : { summary, hint };
}
