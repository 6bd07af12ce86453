import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Frame } from '../../../src/transport/frame.js';

const MARK = 'abc123';

/** The text in pieces, cut at these places. */
function feed(text: string | Buffer, cuts: readonly number[]): Frame {
  const data = Buffer.from(text);
  const frame = new Frame(MARK);
  const places = [...new Set(cuts.map((cut) => cut % (data.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const place of [...places, data.length]) {
    frame.push(data.subarray(from, place));
    from = place;
  }
  return frame;
}

describe('a frame', () => {
  it('takes what stands between the marks, however it arrives', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string({ unit: 'binary' }),
        fc.string(),
        fc.integer({ min: 0, max: 255 }),
        fc.array(fc.nat()),
        (noise, body, after, code, cuts) => {
          const frame = feed(`${noise}lbctl-begin ${MARK}\n${body}lbctl-end ${MARK} ${code}\n${after}`, cuts);
          expect(frame.closed).toBe(true);
          expect(frame.exitCode).toBe(code);
          expect(frame.text()).toBe(body);
        },
      ),
    );
  });

  it('an output without a line end, an empty one, one that looks like a mark', () => {
    expect(feed(`lbctl-begin ${MARK}\nxlbctl-end ${MARK} 0\n`, []).text()).toBe('x');
    expect(feed(`lbctl-begin ${MARK}\nlbctl-end ${MARK} 0\n`, []).text()).toBe('');
    const like = 'lbctl-begin other\nlbctl-end other 0\n';
    expect(feed(`lbctl-begin ${MARK}\n${like}lbctl-end ${MARK} 7\n`, [])).toMatchObject({ exitCode: 7 });
    expect(feed(`lbctl-begin ${MARK}\n${like}lbctl-end ${MARK} 7\n`, []).text()).toBe(like);
  });

  it('knows what was missing when the stream ends', () => {
    expect(feed('motd\n', []).opened).toBe(false);
    expect(feed('motd\n', [2]).text()).toBe('motd\n');
    const open = feed(`lbctl-begin ${MARK}\nhalf`, [3, 20]);
    expect([open.opened, open.closed, open.text()]).toEqual([true, false, 'half']);
    expect(feed(`lbctl-begin ${MARK}\nx\nlbctl-end ${MARK} 1`, []).closed).toBe(false);
  });

  it('reads many megabytes in small pieces in little time', () => {
    const frame = new Frame(MARK);
    frame.push(Buffer.from(`lbctl-begin ${MARK}\n`));
    const started = performance.now();
    for (let piece = 0; piece < 8_000; piece++) frame.push(Buffer.alloc(1024, 120));
    frame.push(Buffer.from(`lbctl-end ${MARK} 0\n`));
    expect(frame.text().length).toBe(8_000 * 1024);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
