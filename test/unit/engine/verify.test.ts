import { describe, expect, it } from 'vitest';
import { judgeVerification } from '../../../src/engine/verify.js';
import type { Changes } from '../support/model.js';
import { builtPair, observations } from '../support/observed.js';
import type { SimulatedPair } from '../support/simulated-pair.js';

async function verdict(spoil: (pair: SimulatedPair) => void, ...changes: Changes) {
  const pair = await builtPair(...changes);
  spoil(pair);
  return judgeVerification(pair.cluster, observations(pair));
}
/** What the standby gets that asks through the virtual address. */
const answers = (text: string) => (pair: SimulatedPair) => void pair.host('lb2').odd.set('through-vip', text);

describe('what a client would meet, asked from the host that does not hold the address', () => {
  it('names the servers that answered', async () => {
    const { status, proof } = await verdict(() => {});
    expect(status.state).toBe('healthy');
    expect(proof).toEqual([
      expect.stringMatching(/main on 10\.0\.0\.100:80 answers lb2: answered by app\/web1, app\/web2$/),
    ]);
  });

  it.each<[what: string, text: string, state: string, message: RegExp | null]>([
    ['a page', '0|yes|HTTP/1.1 200 OK|app/web1\n', 'healthy', null],
    ["a server's own error is its own business", '0|yes|HTTP/1.1 500 Oops|app/web1\n', 'healthy', null],
    ["a server's own 503, too", '0|yes|HTTP/1.1 503 Busy|app/web1\n', 'healthy', null],
    [
      "HAProxy's 503: it found no server",
      '0|yes|HTTP/1.1 503 Service Unavailable|\n',
      'down',
      /answers 503 to lb2/,
    ],
    [
      'one 503 among pages',
      '0|yes|HTTP/1.1 200 OK|app/web1\n0|yes|HTTP/1.1 502 Bad|\n',
      'down',
      /answers 502 to lb2/,
    ],
    ['a redirect of HAProxy itself', '0|yes|HTTP/1.1 301 Moved|\n', 'healthy', null],
    ['nothing', '0|no||\n', 'down', /does not answer lb2/],
    ['nobody asked', '', 'degraded', /was not asked/],
    ['an answer to something that was not asked', '7|yes|HTTP/1.1 200 OK|x\n', 'degraded', /was not asked/],
  ])('%s', async (_, text, state, message) => {
    const { status } = await verdict(answers(text));
    expect(status.state).toBe(state);
    if (message === null) expect(status.problems).toEqual([]);
    else
      expect(status.problems).toEqual([expect.objectContaining({ message: expect.stringMatching(message) })]);
  });

  it.each([
    ['200', 'healthy'],
    ['204', 'down'],
    ['503', 'down'],
  ])('verify.status 200 and an answer %s', async (code, state) => {
    const wish = [
      '    haproxy:\n',
      '    verify: { url: "http://site.example/health", status: 200 }\n    haproxy:\n',
    ] as const;
    const { status } = await verdict(answers(`0|yes|HTTP/1.1 ${code} X|app/web1\n`), wish);
    expect(status.state).toBe(state);
  });

  it('a pair that is worse than that is not called better', async () => {
    const { status } = await verdict((pair) => {
      answers('0|no||\n')(pair);
      pair.host('lb2').extra.push('10.0.0.100');
    });
    expect(status.state).toBe('split_brain');
  });

  it('with the other host out of reach there is nobody to ask, and that is no further problem', async () => {
    const { status, proof } = await verdict((pair) => void pair.refused.set('lb2', new Error('refused')));
    expect(status).toMatchObject({ state: 'degraded', problems: [{ code: 'host_unreachable' }] });
    expect(proof).toEqual([expect.stringMatching(/not asked/)]);
  });
});
