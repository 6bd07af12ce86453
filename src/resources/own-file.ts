import { Secret } from '../base/secret.js';
import { Text } from '../base/text.js';
import { markSecrets } from './diff.js';
import { DAEMON_RELOAD } from './handlers.js';
import { type ManagedFile, planFile } from './managed-file.js';
import { planBytes } from './own-file-bytes.js';
import type { About, OwnFile } from './own-task.js';
import { fileProbe } from './probes/file.js';
import { hashProbe } from './probes/hash.js';
import { type Change, type Planned, type Resource, refused } from './types.js';

/** Where systemd looks for units: a change there counts only after a daemon-reload. */
const UNIT_FOLDERS = /^(?:\/etc|\/run|\/usr\/local\/lib|\/usr\/lib|\/lib)\/systemd\/system\//;

/** A file from the operator's own machine or playbook: content, mode, owner and group. */
export function ownFileResource(wanted: OwnFile, { id, title }: About): Resource {
  const { path, mode, owner, group, body } = wanted;
  const target = { resource: id, title, path, mode, owner, group };
  const keeps = { paths: [path] };
  if (body.kind === 'bytes') {
    const probe = hashProbe(path);
    return {
      id,
      keeps,
      probes: [probe],
      plan(facts) {
        if (facts.need(probe).kind === 'other') return notAFile(id, path);
        return withDaemonReload(path, planBytes(target, body, facts));
      },
    };
  }
  const content = body.secret ? new Text([new Secret(body.text)]) : markSecrets(body.text);
  const file: ManagedFile = { ...target, content };
  const probe = fileProbe(path);
  return {
    id,
    keeps,
    probes: [probe],
    plan(facts) {
      if (facts.need(probe).kind === 'other') return notAFile(id, path);
      const { change, problems } = planFile(file, facts);
      if (change === null) return { change, problems };
      const diff = body.secret && change.diff !== null ? secretDiff(path) : change.diff;
      return withDaemonReload(path, { change: { ...change, diff }, problems });
    },
  };
}

function notAFile(resource: string, path: string): Planned {
  return refused({
    severity: 'error',
    code: 'not-a-file',
    summary: `${path} is there and is neither a file nor a link, but a directory or a device`,
    hint: 'remove it by hand, or choose another path',
    resource,
  });
}

/** The lines of the old content are as secret as the new ones. */
function secretDiff(path: string): string {
  return `--- ${path}\n+++ ${path}\n its content is secret\n`;
}

function withDaemonReload(path: string, { change, problems }: Planned): Planned {
  if (change === null || change.silent || !UNIT_FOLDERS.test(path)) return { change, problems };
  const reloaded: Change = { ...change, steps: [...change.steps, DAEMON_RELOAD] };
  return { change: reloaded, problems };
}
