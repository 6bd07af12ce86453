import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { figuresOf, isCalm, type Sample } from '../../../../src/engine/drill/samples.js';

const ok = (start: number, took = 1): Sample => ({ start, end: start + took, ok: true, why: '' });
const bad = (start: number, took = 1): Sample => ({ start, end: start + took, ok: false, why: 'refused' });
const every10 = (from: number, to: number, make = ok): Sample[] =>
  Array.from({ length: (to - from) / 10 }, (_, index) => make(from + index * 10));
const whole = { from: 1000, to: 2000, interval: 10 };

describe('what a client saw', () => {
  it('counts each request once and finds no gap where all is answered', () => {
    const figures = figuresOf(every10(500, 2500), whole);
    expect(figures).toMatchObject({ requests: 100, failed: 0, slowest_ms: 1, rate: 100, client_late_ms: 0 });
    expect(figures.longest_gap_ms).toBe(10);
  });

  it('measures a gap from the last answer before to the first one after', () => {
    const samples = [...every10(500, 1200), ...every10(1200, 1500, bad), ...every10(1500, 2500)];
    expect(figuresOf(samples, whole)).toMatchObject({ requests: 100, failed: 30, longest_gap_ms: 310 });
  });

  it('counts requests that were under way when the span began, and a gap that began before it', () => {
    const samples = [...every10(500, 900), bad(900, 1000), ...every10(1500, 2000)];
    expect(figuresOf(samples, whole)).toMatchObject({ failed: 1, requests: 51 });
    expect(figuresOf(samples, whole).longest_gap_ms).toBeGreaterThan(0);
  });

  it('lets an outage that does not end last to the end', () => {
    const samples = [...every10(500, 1100), ...every10(1100, 2000, bad)];
    expect(figuresOf(samples, whole)).toMatchObject({ failed: 90, longest_gap_ms: 2000 - 1091 });
  });

  it('does not make a gap of a pause of its own', () => {
    const samples = [...every10(500, 1200), ...every10(1700, 2500)];
    const figures = figuresOf(samples, whole);
    expect(figures).toMatchObject({ failed: 0, client_late_ms: 500 });
    expect(figures.longest_gap_ms).toBeLessThanOrEqual(11);
    expect(figures.rate).toBe(50);
  });

  it('tells the slowest answer, which no gap shows where others were answered meanwhile', () => {
    const samples = [...every10(500, 2500), ok(1205, 600)];
    expect(figuresOf(samples, whole)).toMatchObject({ slowest_ms: 600, longest_gap_ms: 10, failed: 0 });
  });

  it('says so where nothing was asked or answered', () => {
    expect(figuresOf([], whole)).toMatchObject({ requests: 0, failed: 0, slowest_ms: null, rate: 0 });
    expect(figuresOf(every10(500, 2500, bad), whole)).toMatchObject({
      slowest_ms: null,
      longest_gap_ms: 1000,
    });
  });

  it('holds for any samples: the parts add up, and no gap is longer than the time around it', () => {
    const sample = fc
      .tuple(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 1000 }), fc.boolean())
      .map(([start, took, good]) => (good ? ok(start, took) : bad(start, took)));
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 60 }), (samples) => {
        const figures = figuresOf(samples, whole);
        const own = samples.filter(({ start, end }) => start < whole.to && end >= whole.from);
        expect(figures.requests).toBe(own.length);
        expect(figures.failed).toBe(own.filter((it) => !it.ok).length);
        expect(figures.longest_gap_ms).toBeGreaterThanOrEqual(0);
        expect(figures.longest_gap_ms).toBeLessThanOrEqual(4000);
        expect(figuresOf([...samples].reverse(), whole)).toEqual(figures);
      }),
    );
  });
});

describe('a client that is served', () => {
  const look = { now: 2000, calmMs: 1000, interval: 10 };
  it.each([
    ['answered all the time', every10(500, 2000), true],
    ['a failure within the time', [...every10(500, 1500), bad(1500), ...every10(1510, 2000)], false],
    ['a failure before the time', [...every10(0, 500), bad(500), ...every10(1010, 2000)], true],
    ['nothing asked', [], false],
    ['hardly an answer', [ok(1500), ok(1900)], false],
  ] as const)('%s', (_, samples, calm) => {
    expect(isCalm(samples, look)).toBe(calm);
  });
});
