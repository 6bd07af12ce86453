import ssh2, { type Client, type ParsedKey } from 'ssh2';
import { keyType, readString, string } from './key-blob.js';

/*
 * Keys that ssh2 does not know, certificates and FIDO keys above all, of an agent that signs with them. ssh2 sends
 * a key's type as the name of the signature's algorithm and takes the signature apart; for these keys both are
 * wrong, so their request is put together here.
 */

/** A key of a type that ssh2 can read, to stand behind those that it cannot. */
const STAND_IN = ssh2.utils.parseKey(
  `ssh-ed25519 ${Buffer.concat([string('ssh-ed25519'), string(Buffer.alloc(32))]).toString('base64')}`,
);

const foreign = new WeakSet<object>();

export function isForeign(key: object): boolean {
  return foreign.has(key);
}

/** A public key as an agent gives it; null when it is none. */
export function publicKey(blob: Buffer): ParsedKey | null {
  const type = keyType(blob);
  if (type === '') return null;
  const known = ssh2.utils.parseKey(`${type} ${blob.toString('base64')}`);
  // Of a certificate ssh2 reads something else than the whole.
  if (!(known instanceof Error) && known.type === type && known.getPublicSSH().equals(blob)) return known;
  if (STAND_IN instanceof Error) return null;
  const key: ParsedKey = Object.create(STAND_IN, {
    type: { value: type },
    getPublicSSH: { value: () => blob },
    isPrivateKey: { value: () => false },
  });
  foreign.add(key);
  return key;
}

/** The signature without its algorithm, as ssh2 wants it of an agent. */
export function signatureBytes(signature: Buffer): Buffer {
  const algorithm = readString(signature, 0);
  const bytes = algorithm && readString(signature, algorithm.end);
  if (!bytes) throw new Error('the agent gave no signature');
  return bytes.value;
}

/** An agent that offers one key only: which keys are tried, and in which order, is decided elsewhere. */
export class OneKeyAgent extends ssh2.BaseAgent<ParsedKey> {
  readonly #key: ParsedKey;
  readonly #sign: (data: Buffer, hash: string | undefined) => Promise<Buffer>;

  constructor(key: ParsedKey, sign: (data: Buffer, hash: string | undefined) => Promise<Buffer>) {
    super();
    this.#key = key;
    this.#sign = sign;
  }

  override getIdentities(callback: (error: undefined, keys: ParsedKey[]) => void): void {
    callback(undefined, [this.#key]);
  }

  override sign(
    _key: ParsedKey,
    data: Buffer,
    options: { hash?: string } | ((error: Error | undefined, signature?: Buffer) => void),
    callback?: (error: Error | undefined, signature?: Buffer) => void,
  ): void {
    const done = typeof options === 'function' ? options : callback;
    const hash = typeof options === 'function' ? undefined : options.hash;
    this.#sign(data, hash).then(
      (signature) => done?.(undefined, signature),
      (error: unknown) => done?.(error instanceof Error ? error : new Error(String(error))),
    );
  }
}

type CbSign = (data: Buffer, callback: (signature: Buffer) => void) => void;

/** The parts of ssh2 1.17.0 that are used; the version is pinned. */
export interface Protocol {
  authPK(user: string, key: ParsedKey, algorithm?: string | CbSign, sign?: CbSign): void;
  readonly _kex: { readonly sessionID: Buffer };
  readonly _authsQueue: string[];
  readonly _packetRW: {
    readonly write: {
      alloc(length: number): Buffer;
      readonly allocStart: number;
      finalize(packet: Buffer): Buffer;
    };
  };
  readonly _cipher: { encrypt(packet: Buffer): void };
  readonly _handlers: {
    USERAUTH_FAILURE(protocol: unknown, methods: readonly string[], partial: boolean): void;
  };
}

const USERAUTH_REQUEST = 50;

/** The hash that goes with an RSA key's algorithm; other keys have one of their own. */
const RSA_HASHES: Readonly<Record<string, string>> = {
  'rsa-sha2-256': 'sha256',
  'rsa-sha2-512': 'sha512',
  'ssh-rsa': 'sha1',
};

/**
 * Lets a client that was told to connect log in with foreign keys as well; and sign at once with a private key that is
 * at hand, without asking first whether the server would take it: a round trip less. `onRefused` is told what the server
 * still wants after each attempt: of an agent's key ssh2 forgets it, and that the key was taken but is not enough.
 */
export function adaptAuthentication(
  client: Client,
  onRefused: (methods: readonly string[], partial: boolean) => void,
): void {
  const { _protocol: protocol } = client as unknown as { readonly _protocol: Protocol };
  const goOn = protocol._handlers.USERAUTH_FAILURE;
  protocol._handlers.USERAUTH_FAILURE = (it, methods, partial) => {
    onRefused(methods, partial);
    goOn(it, methods, partial);
  };
  const authPK = protocol.authPK.bind(protocol);
  const send = (payload: Buffer) => {
    const { write } = protocol._packetRW;
    const packet = write.alloc(payload.length);
    packet.set(payload, write.allocStart);
    protocol._authsQueue.push('publickey');
    protocol._cipher.encrypt(write.finalize(packet));
  };
  protocol.authPK = (user, key, algorithm, sign) => {
    const name = typeof algorithm === 'string' ? algorithm : undefined;
    const signer = typeof algorithm === 'function' ? algorithm : sign;
    if (!isForeign(key)) return authPK(user, key, name, signer ?? signsAtOnce(key, name));
    const request = requestOf(user, key, signer !== undefined);
    if (signer === undefined) return send(request);
    signer(Buffer.concat([string(protocol._kex.sessionID), request]), (signature) =>
      send(Buffer.concat([request, string(signature)])),
    );
  };
}

/** Undefined for a key that cannot sign here and now: an agent's, or one behind a passphrase. */
function signsAtOnce(key: ParsedKey, algorithm: string | undefined): CbSign | undefined {
  if (!key.isPrivateKey()) return undefined;
  return (data, callback) => {
    // The types lack the hash that RSA keys are given, and that what cannot be signed is answered with an Error.
    const sign = key.sign as (data: Buffer, hash?: string) => Buffer | Error;
    const signature = sign.call(key, data, RSA_HASHES[algorithm ?? key.type]);
    if (signature instanceof Error) throw signature;
    callback(signature);
  };
}

function requestOf(user: string, key: ParsedKey, signed: boolean): Buffer {
  return Buffer.concat([
    Buffer.from([USERAUTH_REQUEST]),
    string(user),
    string('ssh-connection'),
    string('publickey'),
    Buffer.from([signed ? 1 : 0]),
    string(algorithmOf(key.type)),
    string(key.getPublicSSH()),
  ]);
}

/** RSA signs with SHA-2, which the key's own type does not say. */
function algorithmOf(type: string): string {
  return type === 'ssh-rsa-cert-v01@openssh.com' ? 'rsa-sha2-512-cert-v01@openssh.com' : type;
}
