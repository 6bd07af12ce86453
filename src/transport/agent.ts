import { connect } from 'node:net';
import { readString, string, uint32 } from './key-blob.js';

/** One key of an agent as the agent names it: its type may be one that no library here knows. */
export interface AgentIdentity {
  readonly blob: Buffer;
  readonly comment: string;
}

const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;
/** Of draft-miller-ssh-agent: with which hash an RSA key signs. */
const RSA_FLAGS: Readonly<Record<string, number>> = { sha256: 2, sha512: 4 };
/** No agent has more to say. */
const MAX_ANSWER = 1024 * 1024;
const LIST_MS = 3_000;
/** Somebody may have to touch a key, or to confirm. */
const SIGN_MS = 120_000;

/** @throws when the agent does not answer */
export async function agentIdentities(socketPath: string): Promise<AgentIdentity[]> {
  const answer = await request(socketPath, Buffer.from([REQUEST_IDENTITIES]), LIST_MS);
  if (answer[0] !== IDENTITIES_ANSWER || answer.length < 5) throw new Error('the agent refused');
  const count = answer.readUInt32BE(1);
  const found: AgentIdentity[] = [];
  let at = 5;
  for (let n = 0; n < count; n++) {
    const blob = readString(answer, at);
    const comment = blob && readString(answer, blob.end);
    if (!blob || !comment) break;
    found.push({ blob: Buffer.from(blob.value), comment: comment.value.toString('utf8') });
    at = comment.end;
  }
  return found;
}

/** The whole signature as it goes to the server: algorithm, signature and whatever comes behind. */
export async function agentSignature(
  socketPath: string,
  wanted: { readonly blob: Buffer; readonly data: Buffer; readonly rsaHash: string | undefined },
): Promise<Buffer> {
  const { blob, data, rsaHash } = wanted;
  const flags = uint32(RSA_FLAGS[rsaHash ?? ''] ?? 0);
  const message = Buffer.concat([Buffer.from([SIGN_REQUEST]), string(blob), string(data), flags]);
  const answer = await request(socketPath, message, SIGN_MS);
  const signature = answer[0] === SIGN_RESPONSE ? readString(answer, 1) : null;
  if (signature === null) throw new Error('the agent did not sign');
  return Buffer.from(signature.value);
}

function request(socketPath: string, message: Buffer, limitMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    const timer = setTimeout(() => finish(new Error('the agent does not answer')), limitMs);
    let read: Buffer = Buffer.alloc(0);
    const finish = (result: Buffer | Error) => {
      clearTimeout(timer);
      socket.destroy();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    socket.on('connect', () => socket.write(string(message)));
    socket.on('data', (chunk: Buffer) => {
      read = Buffer.concat([read, chunk]);
      if (read.length > MAX_ANSWER) return finish(new Error('the agent says too much'));
      const whole = readString(read, 0);
      if (whole !== null) finish(whole.value);
    });
    socket.on('error', finish);
    socket.on('close', () => finish(new Error('the agent closed the connection')));
  });
}
