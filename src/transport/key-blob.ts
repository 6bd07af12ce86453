import { createHash } from 'node:crypto';

/** The type that an SSH public key names itself: `ssh-ed25519`. Empty when it is none. */
export function keyType(blob: Buffer): string {
  return readString(blob, 0)?.value.toString('latin1') ?? '';
}

/** As `ssh-keygen -lf` prints it: `SHA256:…`, without padding. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

const OPENSSH_MAGIC = 'openssh-key-v1\0';

/** The public key inside an OpenSSH private key file; it can be read without the passphrase. */
export function publicPartOf(privateKey: string): Buffer | null {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\sA-Za-z0-9+/=]+)-----END/.exec(privateKey)?.[1];
  if (body === undefined) return null;
  const data = Buffer.from(body, 'base64');
  if (data.subarray(0, OPENSSH_MAGIC.length).toString('latin1') !== OPENSSH_MAGIC) return null;
  let at = OPENSSH_MAGIC.length;
  // Cipher, key derivation and its options come before the count of keys and the first public key.
  for (let field = 0; field < 3; field++) {
    const string = readString(data, at);
    if (string === null) return null;
    at = string.end;
  }
  return readString(data, at + 4)?.value ?? null;
}

/** The key of an `id_*.pub` file: `TYPE BASE64 COMMENT`. */
export function publicKeyOfLine(text: string): Buffer | null {
  const [type, base64] = text.trim().split(/\s+/);
  if (type === undefined || base64 === undefined) return null;
  const blob = Buffer.from(base64, 'base64');
  return keyType(blob) === type ? blob : null;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** As SSH writes it: the length first. */
export function string(data: Buffer | string): Buffer {
  const bytes = Buffer.from(data);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

export function readString(data: Buffer, at: number): { value: Buffer; end: number } | null {
  if (at + 4 > data.length) return null;
  const end = at + 4 + data.readUInt32BE(at);
  return end > data.length ? null : { value: data.subarray(at + 4, end), end };
}
