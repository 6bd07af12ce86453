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
  const pieces = stdout
    .split(`\n${INNER}`)
    .map((piece) =>
      piece.startsWith('+files\n') ? movedFiles(piece, from, to) : piece.replaceAll(from, to),
    );
  const result = pieces.join(`\n${INNER}`);
  cache.set(key, result);
  return result;
}

/** The contents of all files travel as one base64 text, below lines that say how long each of them is. */
function movedFiles(piece: string, from: string, to: string): string {
  const [head = '', body = ''] = piece.split(/^content$/m);
  const content = Buffer.from(body.replaceAll('\n', ''), 'base64');
  const contents: Buffer[] = [];
  let at = 0;
  const about = head.replace(
    /^(file regular.*\|)(\d+)\|(.*)$/gm,
    (_, before: string, size: string, path: string) => {
      const text = content.subarray(at, at + Number(size)).toString('utf8');
      at += Number(size);
      const own = Buffer.from(text.replaceAll(from, to));
      contents.push(own);
      return `${before}${own.length}|${path}`;
    },
  );
  return `${about}content\n${Buffer.concat(contents).toString('base64')}\n`;
}
