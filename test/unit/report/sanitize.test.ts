import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { displayWidth, truncate } from '../../../src/report/columns.js';
import { toJson } from '../../../src/report/ndjson.js';
import { oneLine, sanitize } from '../../../src/report/sanitize.js';

const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const CONTROL_BUT_NEWLINE = /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/u;

/** Any text, rich in what is dangerous. */
const foreign = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(
        'a',
        '\x1b',
        '[2J',
        '\x9b',
        '\x07',
        '\x7f',
        '\r',
        '\n',
        '\t',
        '\u202e',
        '\u2066',
        '\0',
        '界',
      ),
    )
    .map((parts) => parts.join('')),
);

describe('sanitize', () => {
  test.each([
    ['\x1b[31mred\x1b[0m', '\\x1b[31mred\\x1b[0m'],
    ['\x1b]0;title\x07', '\\x1b]0;title\\x07'],
    ['a\rb\0c\x7f\x9b', 'a\\x0db\\x00c\\x7f\\x9b'],
    ['abc\u202ecba\u2066', 'abc\\u202ecba\\u2066'],
    ['\u{e0041}\ud800', '\\u{e0041}\\ud800'],
    ['a\n\tb', 'a\n    b'],
    ['Größe 世界 ✔', 'Größe 世界 ✔'],
  ])('%j is shown as %j', (text, shown) => {
    expect(sanitize(text, { keepNewlines: true })).toBe(shown);
  });

  test('one line stays one line', () => {
    expect(oneLine('first\n\tsecond\n')).toBe('first\\n\\tsecond');
  });

  test('no control character ever comes out', () => {
    fc.assert(
      fc.property(foreign, (text) => {
        expect(sanitize(text, { keepNewlines: false })).not.toMatch(CONTROL);
        expect(sanitize(text, { keepNewlines: true })).not.toMatch(CONTROL_BUT_NEWLINE);
      }),
    );
  });

  test('JSON holds none either, and means the same', () => {
    fc.assert(
      fc.property(foreign, (text) => {
        const json = toJson({ text });
        expect(json).not.toMatch(CONTROL);
        expect(JSON.parse(json)).toEqual({ text });
      }),
    );
    expect(toJson({ a: ['\x9b'] }, 2)).toBe('{\n  "a": [\n    "\\u009b"\n  ]\n}');
  });
});

test('a truncated text fits, wide characters counted twice', () => {
  expect(truncate('世界 wide', 5)).toBe('世界…');
  expect(truncate('short', 5)).toBe('short');
  fc.assert(
    fc.property(foreign, fc.integer({ min: -2, max: 20 }), (text, columns) => {
      expect(displayWidth(truncate(oneLine(text), columns))).toBeLessThanOrEqual(Math.max(0, columns));
    }),
  );
});
