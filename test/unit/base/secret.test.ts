import { format, inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/base/secret.js';
import { sh } from '../../../src/base/shell.js';
import { Text } from '../../../src/base/text.js';

const HIDDEN = '********';
/** Letters that neither asterisks nor any of the wrappings hold. */
const secretText = fc.string({ unit: fc.constantFrom('Q', 'Z', '7', '@'), minLength: 4, maxLength: 12 });

/** Every way in which a value ends up in something that people or programs read. */
const WAYS: readonly [string, (value: unknown) => string][] = [
  ['String()', (value) => String(value)],
  ['a template', (value) => `${value}`],
  ['join', (value) => [value, value].join()],
  ['JSON', (value) => JSON.stringify(value)],
  ['JSON, deep', (value) => JSON.stringify({ a: [{ value }] })],
  ['inspect', (value) => inspect(value, { showHidden: true, depth: null })],
  ['inspect, deep', (value) => inspect({ a: [new Map([['k', value]])] }, { depth: null })],
  ['console formatting', (value) => format('%s %o %O %j', value, value, value, value)],
  ['an error', (value) => inspect(new Error(`failed with ${value}`, { cause: value }))],
  ['own properties', (value) => JSON.stringify(Object.entries(value as object))],
];

describe('secrets', () => {
  it.each(WAYS)('a Secret does not show itself by %s', (_, show) => {
    fc.assert(
      fc.property(secretText, (text) => {
        expect(show(new Secret(text))).not.toContain(text);
      }),
    );
  });

  it.each(WAYS)('a Text does not show its secret by %s', (_, show) => {
    fc.assert(
      fc.property(secretText, (text) => {
        expect(show(Text.of('auth_pass ', new Secret(text), '\n'))).not.toContain(text);
      }),
    );
  });

  it.each(WAYS)('nor does a Command by %s', (_, show) => {
    expect(show(sh`printf %s ${Text.of('x', new Secret('QZ7@QZ'))} >f`)).not.toContain('QZ7@QZ');
  });

  it('show where they are', () => {
    expect(`${Text.of('a ', new Secret('x'), ' b')}`).toBe(`a ${HIDDEN} b`);
    expect(JSON.stringify({ s: new Secret('x') })).toBe(`{"s":"${HIDDEN}"}`);
  });

  it('are the same only where their texts are', () => {
    expect([new Secret('a').equals(new Secret('a')), new Secret('a').equals(new Secret('A'))]).toEqual([
      true,
      false,
    ]);
  });
});

describe('a text with secrets', () => {
  it('is put together without losing a part', () => {
    const inner = Text.of('b', new Secret('c'));
    const text = Text.join([Text.of('a'), inner, 'd'], '-');
    expect(text.reveal()).toBe('a-bc-d');
    expect(text.toString()).toBe(`a-b${HIDDEN}-d`);
    expect(text.secrets().map((it) => it.reveal())).toEqual(['c']);
  });
});
