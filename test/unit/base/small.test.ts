import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inSubnet, sameAddress } from '../../../src/base/addresses.js';
import { hasErrors } from '../../../src/base/diagnostic.js';
import { UserError } from '../../../src/base/errors.js';
import { type ExitCode, worstExit } from '../../../src/base/exit-codes.js';

describe('the exit code of several outcomes', () => {
  it.each<[codes: ExitCode[], expected: ExitCode]>([
    [[], 0],
    [[0, 0], 0],
    [[0, 2], 2],
    [[2, 5], 5],
    [[5, 6], 6],
    [[6, 4], 4],
    [[4, 1], 1],
    [[1, 3], 3],
    [[3, 130], 130],
    [[0, 2, 5, 6, 4, 1, 3], 3],
    [[2, 0, 4, 5], 4],
  ])('%j gives %i', (codes, expected) => {
    expect(worstExit(codes)).toBe(expected);
  });

  it('does not depend on the order, and is one of them', () => {
    const codes = fc.array(fc.constantFrom<ExitCode>(0, 1, 2, 3, 4, 5, 6, 130), { minLength: 1 });
    fc.assert(
      fc.property(codes, (list) => {
        expect(list).toContain(worstExit(list));
        expect(worstExit([...list].reverse())).toBe(worstExit(list));
        expect(worstExit([...list, worstExit(list)])).toBe(worstExit(list));
      }),
    );
  });
});

describe('addresses', () => {
  it.each([
    ['10.0.0.100', '10.0.0.11', 24, true],
    ['10.0.1.100', '10.0.0.11', 24, false],
    ['10.0.1.100', '10.0.0.11', 23, true],
    ['10.0.0.1', '10.0.0.1', 32, true],
    ['10.0.0.2', '10.0.0.1', 32, false],
    ['2001:db8::100', '2001:db8::1', 64, true],
    ['2001:db8:1::100', '2001:db8::1', 64, false],
    ['10.0.0.1', '2001:db8::1', 0, false],
    ['nonsense', '10.0.0.1', 24, false],
    ['10.0.0.1', '', 24, false],
  ])('%s in %s/%i: %s', (address, network, prefix, expected) => {
    expect(inSubnet(address, network, prefix)).toBe(expected);
  });

  it.each([
    ['192.168.64.20', '192.168.64.200', false],
    ['192.168.64.20', '192.168.64.20', true],
    ['2001:DB8:0:0::1', '2001:db8::1', true],
    ['2001:db8::1', '2001:db8::2', false],
    ['*', '*', true],
    ['*', '10.0.0.1', false],
  ])('%s and %s are the same: %s', (one, other, expected) => {
    expect([sameAddress(one, other), sameAddress(other, one)]).toEqual([expected, expected]);
  });
});

describe('diagnostics', () => {
  const warning = { severity: 'warning', code: 'w', summary: 'a warning' } as const;
  const error = { severity: 'error', code: 'e', summary: 'an error' } as const;

  it('a warning alone is no error', () => {
    expect([hasErrors([]), hasErrors([warning]), hasErrors([warning, error])]).toEqual([false, false, true]);
  });

  it("a user's error carries its exit code and what it says", () => {
    const thrown = new UserError(3, [error, warning]);
    expect(thrown).toMatchObject({
      exitCode: 3,
      message: 'an error; a warning',
      diagnostics: [error, warning],
    });
  });
});
