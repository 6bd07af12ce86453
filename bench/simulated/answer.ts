/** What a host printed to one of lbctl's scripts. */
export interface Answer {
  readonly stdout: string;
  readonly stderr: string;
}

const OUTER = '<outer>';
const INNER = '<inner>';

/** The random marks of a script: around all of its output, and around each of its sections. */
function marksOf(script: string): { outer: string; inner: string } {
  const outer = /lbctl-begin ([0-9a-f]+)/.exec(script)?.[1];
  const inner = /^m=\W*([0-9a-f]+)/m.exec(script)?.[1];
  if (outer === undefined || inner === undefined) throw new Error('a script without marks');
  return { outer, inner };
}

export function markless(answer: Answer, script: string): Answer {
  const { outer, inner } = marksOf(script);
  const strip = (text: string) => text.replaceAll(outer, OUTER).replaceAll(inner, INNER);
  return { stdout: strip(answer.stdout), stderr: strip(answer.stderr) };
}

/** A recorded answer to another run's script, on another network. */
export function answerAs(
  answer: Answer,
  script: string,
  network: { readonly from: string; readonly to: string },
): Answer {
  const { outer, inner } = marksOf(script);
  const fill = (text: string) => text.replaceAll(OUTER, outer).replaceAll(INNER, inner);
  return { stdout: fill(moved(answer.stdout, network)), stderr: fill(answer.stderr) };
}

const cache = new Map<string, string>();

function moved(stdout: string, { from, to }: { readonly from: string; readonly to: string }): string {
  const key = `${to} ${stdout.length}`;
  const known = cache.get(key);
  if (known !== undefined && stdout.includes(OUTER)) return known;
  // Files travel as base64, below two lines about them.
  const pieces = stdout.split(`\n${INNER}`).map((piece) => {
    if (!piece.startsWith('+file:')) return piece.replaceAll(from, to);
    const [id = '', about, now, ...body] = piece.split('\n');
    if (body.length === 0) return piece;
    const content = Buffer.from(body.join(''), 'base64').toString('utf8').replaceAll(from, to);
    return [id, about, now, Buffer.from(content).toString('base64')].join('\n');
  });
  const result = pieces.join(`\n${INNER}`);
  cache.set(key, result);
  return result;
}
