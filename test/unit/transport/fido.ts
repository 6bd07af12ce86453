import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { readString, string, uint32 } from '../../../src/transport/key-blob.js';

const APPLICATION = 'ssh:';
const PRESENT = 1;

/** A security key made of software: what stands in its signatures is what FIDO devices write there. */
export interface FidoKey {
  readonly type: string;
  readonly blob: Buffer;
  /** As a file `id_*.pub` has it. */
  readonly line: string;
  /** As an SSH agent answers; `flags` 0: nobody touched it. */
  signature(data: Buffer, flags?: number): Buffer;
}

export function fidoKey(kind: 'ed25519' | 'ecdsa'): FidoKey {
  const made =
    kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const privateKey: KeyObject = made.privateKey;
  const jwk = made.publicKey.export({ format: 'jwk' });
  const part = (name: 'x' | 'y') => Buffer.from(jwk[name] ?? '', 'base64url');
  const type = kind === 'ed25519' ? 'sk-ssh-ed25519@openssh.com' : 'sk-ecdsa-sha2-nistp256@openssh.com';
  const point =
    kind === 'ed25519'
      ? [string(part('x'))]
      : [string('nistp256'), string(Buffer.concat([Buffer.from([4]), part('x'), part('y')]))];
  const blob = Buffer.concat([string(type), ...point, string(APPLICATION)]);
  return {
    type,
    blob,
    line: `${type} ${blob.toString('base64')} fido`,
    signature: (data, flags = PRESENT) => {
      const behind = Buffer.concat([Buffer.from([flags]), uint32(7)]);
      const hash = (it: Buffer | string) => createHash('sha256').update(it).digest();
      const signed = Buffer.concat([hash(APPLICATION), behind, hash(data)]);
      const bytes =
        kind === 'ed25519'
          ? sign(null, signed, privateKey)
          : pair(sign('sha256', signed, { key: privateKey, dsaEncoding: 'ieee-p1363' }));
      return Buffer.concat([string(type), string(bytes), behind]);
    },
  };
}

/** The two numbers of an ECDSA signature as SSH writes them. */
function pair(bytes: Buffer): Buffer {
  const number = (it: Buffer) => {
    const short = it.subarray(
      Math.max(
        0,
        it.findIndex((byte) => byte !== 0),
      ),
    );
    return string((short[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), short]) : short);
  };
  return Buffer.concat([number(bytes.subarray(0, 32)), number(bytes.subarray(32))]);
}

/** A private key file as `ssh-keygen -t ed25519-sk` writes it; its handle leads nowhere. */
export function fidoFile({ type, blob }: FidoKey): string {
  const part = Buffer.concat([
    uint32(1),
    uint32(1),
    blob,
    Buffer.from([PRESENT]),
    string('handle'),
    string(''),
    string('fido'),
  ]);
  const padded = Buffer.concat([
    part,
    Buffer.from([1, 2, 3, 4, 5, 6, 7].slice(0, (8 - (part.length % 8)) % 8)),
  ]);
  const body = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    string('none'),
    string('none'),
    string(''),
    uint32(1),
    string(blob),
    string(padded),
  ]);
  if (!type.startsWith('sk-')) throw new Error('no FIDO key');
  const lines = body.toString('base64').match(/.{1,70}/g) ?? [];
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

/** An agent that holds these keys and signs with them. */
export async function fidoAgent(
  socketPath: string,
  keys: readonly FidoKey[],
  options: { readonly flags?: number } = {},
): Promise<{ readonly signed: () => number; stop(): void }> {
  let signed = 0;
  const answer = (message: Buffer): Buffer => {
    if (message[0] === 11) {
      const list = keys.flatMap(({ blob }) => [string(blob), string('fido')]);
      return Buffer.concat([Buffer.from([12]), uint32(keys.length), ...list]);
    }
    const blob = message[0] === 13 ? readString(message, 1) : null;
    const data = blob && readString(message, blob.end);
    const key = keys.find((it) => blob?.value.equals(it.blob));
    if (!data || key === undefined) return Buffer.from([5]);
    signed++;
    return Buffer.concat([Buffer.from([14]), string(key.signature(data.value, options.flags))]);
  };
  const server = createServer((socket) => {
    let read: Buffer = Buffer.alloc(0);
    socket
      .on('error', () => undefined)
      .on('data', (chunk: Buffer) => {
        read = Buffer.concat([read, chunk]);
        const whole = readString(read, 0);
        if (whole === null) return;
        read = read.subarray(whole.end);
        socket.write(string(answer(whole.value)));
      });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    signed: () => signed,
    stop: () => {
      server.close();
      rmSync(socketPath, { force: true });
    },
  };
}
