import type { ParsedKey } from 'ssh2';
import { agentIdentities, agentSignature } from './agent.js';
import type { AgentKey, Usable } from './identities.js';
import { isForeign, OneKeyAgent, publicKey, signatureBytes } from './ssh2-keys.js';

export async function agentKeys(socketPath: string): Promise<AgentKey<ParsedKey>[]> {
  const found = await agentIdentities(socketPath);
  return found.flatMap(({ blob, comment }) => {
    const key = publicKey(blob);
    return key === null ? [] : [{ key, blob, comment }];
  });
}

export function authMethod(
  user: string,
  identity: Usable<ParsedKey>,
  untimed: <T>(work: Promise<T>) => Promise<T>,
) {
  switch (identity.via) {
    case 'file':
      return { type: 'publickey', username: user, key: identity.key } as const;
    case 'agent': {
      const { key, socket } = identity;
      const agent = new OneKeyAgent(key, async (data, hash) => {
        const rsaHash = isForeign(key) ? 'sha512' : hash;
        const signature = await untimed(agentSignature(socket, { blob: key.getPublicSSH(), data, rsaHash }));
        return isForeign(key) ? signature : signatureBytes(signature);
      });
      return { type: 'agent', username: user, agent } as const;
    }
    case 'locked': {
      const key = publicKey(identity.blob);
      if (key === null) return { type: 'none', username: user } as const;
      const agent = new OneKeyAgent(key, async (data, hash) => {
        const unlocked = await untimed(identity.unlock());
        if (unlocked === null) throw new Error('the passphrase is not known');
        // The types lack the hash that RSA keys are given.
        return (unlocked.sign as (data: Buffer, hash?: string) => Buffer)(data, hash);
      });
      return { type: 'agent', username: user, agent } as const;
    }
    case 'password':
      return { type: 'password', username: user, password: identity.password.reveal() } as const;
    case 'keyboard': {
      const prompt: KeyboardInteractivePrompt = (name, instructions, _language, prompts, finish) => {
        const asked = prompts.map((it) => ({ text: it.prompt, echo: it.echo === true }));
        untimed(identity.answer({ name, instructions, prompts: asked })).then(
          (answers) => finish(answers.map((it) => it.reveal())),
          () => finish([]),
        );
      };
      return { type: 'keyboard-interactive', username: user, prompt } as const;
    }
    case 'none':
      return { type: 'none', username: user } as const;
  }
}

type KeyboardInteractivePrompt = (
  name: string,
  instructions: string,
  language: string,
  prompts: { prompt: string; echo?: boolean }[],
  finish: (answers: string[]) => void,
) => void;
